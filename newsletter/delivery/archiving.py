"""Which dispatches the archive shows to everybody, and changing one's mind about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from newsletter.delivery.models import DISPATCH
from newsletter.delivery.report import find
from subscribers.database import writing

if TYPE_CHECKING:
    from sqlalchemy import Engine


@dataclass(frozen=True)
class Archived:
    """A dispatch, as far as the archive is concerned."""

    dispatch: str
    state: str
    audience: str
    archived: bool


def list_archived(engine: Engine) -> list[Archived]:
    """All dispatches, the newest first."""
    columns = (DISPATCH.c.name, DISPATCH.c.state, DISPATCH.c.audience, DISPATCH.c.archived)
    with engine.connect() as connection:
        rows = connection.execute(select(*columns).order_by(DISPATCH.c.id.desc())).all()
    return [Archived(row.name, row.state, row.audience, bool(row.archived)) for row in rows]


def last_archived(engine: Engine, slug: str) -> Archived | None:
    """The last dispatch of an issue; None if it was never sent."""
    columns = (DISPATCH.c.name, DISPATCH.c.state, DISPATCH.c.audience, DISPATCH.c.archived)
    query = select(*columns).where(DISPATCH.c.slug == slug).order_by(DISPATCH.c.id.desc()).limit(1)
    with engine.connect() as connection:
        row = connection.execute(query).first()
    return Archived(row.name, row.state, row.audience, bool(row.archived)) if row else None


def set_archived(engine: Engine, name: str, *, archived: bool) -> bool:
    """Let the archive show a dispatch to everybody, or not; whether that changed anything.

    Messages that have left keep their links: one with a token opens the issue all the same, one without opens
    it only while the archive shows it.

    Raises:
        DeliveryError: there is no such dispatch.
    """
    with writing(engine) as connection:
        row = find(connection, name, lock=True)
        changed = update(DISPATCH).where(DISPATCH.c.id == row.id).values(archived=archived)
        connection.execute(changed)
    return bool(row.archived) is not archived
