"""Addresses that must not be mailed, kept as keyed hashes: they survive the erasure of the person."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from sqlalchemy import delete, or_, select

from subscribers.models import SuppressionReason
from subscribers.tables import SUPPRESSION, insert

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import Connection

#: The reasons, from the one that says least.
_GRAVITY = (
    SuppressionReason.BOUNCED,
    SuppressionReason.COMPLAINED,
    SuppressionReason.ERASED,
    SuppressionReason.MANUAL,
)
#: The scope of a suppression that forbids all mail.
ALL = "all"


def scope_of(topic: str) -> str:
    """The scope of a suppression that forbids one topic only; of all mail, if *topic* is empty."""
    return f"topic:{topic}" if topic else ALL


def suppression_key(secret: bytes, email_key: str) -> bytes:
    """The hash of an address (HMAC-SHA256, RFC 2104), useless to whoever does not have the *secret*."""
    return hmac.digest(secret, email_key.encode(), "sha256")


def suppress(
    connection: Connection, key: bytes, reason: SuppressionReason, at: datetime, *, scope: str = ALL
) -> None:
    """Record that an address must not be mailed.

    Of several reasons the gravest is kept, in whatever order they are learned: what the publication itself
    forbade, then an erasure, a complaint, a bounce.
    """
    suppress_many(connection, [(key, scope)], reason, at)


def suppress_many(
    connection: Connection, those: Collection[tuple[bytes, str]], reason: SuppressionReason, at: datetime
) -> None:
    """As `suppress`, for many addresses, each with the scope."""
    statement = insert(connection, SUPPRESSION)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["key", "scope"],
            set_={"reason": statement.excluded.reason, "at": statement.excluded.at},
            # One by one: a list of values cannot be in a statement that runs for many rows at once.
            where=or_(*(SUPPRESSION.c.reason == each for each in _GRAVITY[: _GRAVITY.index(reason) + 1])),
        ),
        [{"key": key, "scope": scope, "reason": reason, "at": at} for key, scope in those],
    )


def is_graver(reason: SuppressionReason, known: SuppressionReason | None) -> bool:
    """Whether a reason says more than the one that is *known*, if there is one."""
    return known is None or _GRAVITY.index(reason) > _GRAVITY.index(known)


def lift(connection: Connection, key: bytes, *, scope: str = ALL) -> None:
    """Allow an address again that its owner asks to have mailed; not if the publication itself forbade it."""
    allowed = SUPPRESSION.c.reason != SuppressionReason.MANUAL
    connection.execute(
        delete(SUPPRESSION).where(SUPPRESSION.c.key == key, SUPPRESSION.c.scope == scope, allowed)
    )


def permit(connection: Connection, key: bytes, *, scope: str = ALL) -> bool:
    """Take back what the publication itself forbade; False if it did not."""
    manual = SUPPRESSION.c.reason == SuppressionReason.MANUAL
    return bool(
        connection.execute(
            delete(SUPPRESSION).where(SUPPRESSION.c.key == key, SUPPRESSION.c.scope == scope, manual)
        ).rowcount
    )


def reasons(connection: Connection, keys: Collection[bytes]) -> dict[bytes, SuppressionReason]:
    """Which of these addresses must get no mail at all, and why."""
    rows = connection.execute(
        select(SUPPRESSION.c.key, SUPPRESSION.c.reason).where(
            SUPPRESSION.c.key.in_(keys), SUPPRESSION.c.scope == ALL
        )
    )
    return {bytes(key): SuppressionReason(reason) for key, reason in rows}


def holds(connection: Connection, key: bytes, reason: SuppressionReason) -> bool:
    """Whether an address gets no mail at all for this reason, or a graver one."""
    known = reasons(connection, [key]).get(key)
    return known is not None and _GRAVITY.index(known) >= _GRAVITY.index(reason)
