"""The publication's secret keys: made when first needed, kept in the database."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sqlalchemy import select

from subscribers.columns import now
from subscribers.database import writing
from subscribers.tables import SIGNING_KEY, insert

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

    from subscribers.models import KeyPurpose

_BYTES = 32


def secret_keys(engine: Engine, purpose: KeyPurpose) -> list[bytes]:
    """All keys for *purpose*, the oldest first; the first one is made, once, if there is none.

    It has a transaction of its own, so it must not be called within one that writes.
    """
    return _read(engine, purpose) or _make(engine, purpose, 1)


def key_ages(engine: Engine, purpose: KeyPurpose) -> list[datetime]:
    """When each of the keys for *purpose* was made, the oldest first; not the keys themselves."""
    secret_keys(engine, purpose)
    made = select(SIGNING_KEY.c.created_at).where(SIGNING_KEY.c.purpose == purpose)
    with engine.connect() as connection:
        return list(connection.scalars(made.order_by(SIGNING_KEY.c.generation)))


def add_key(engine: Engine, purpose: KeyPurpose) -> None:
    """Make one more key, which signs from now on; what older ones signed stays good."""
    _make(engine, purpose, len(secret_keys(engine, purpose)) + 1)


def _read(engine: Engine, purpose: KeyPurpose) -> list[bytes]:
    query = (
        select(SIGNING_KEY.c.secret)
        .where(SIGNING_KEY.c.purpose == purpose)
        .order_by(SIGNING_KEY.c.generation)
    )
    with engine.connect() as connection:
        return [bytes(secret) for secret in connection.scalars(query)]


def _make(engine: Engine, purpose: KeyPurpose, generation: int) -> list[bytes]:
    # Of two processes that do this at once, the second inserts nothing and reads what the first made.
    with writing(engine) as connection:
        connection.execute(
            insert(connection, SIGNING_KEY).on_conflict_do_nothing(),
            {
                "purpose": purpose,
                "generation": generation,
                "secret": secrets.token_bytes(_BYTES),
                "created_at": now(),
            },
        )
    return _read(engine, purpose)
