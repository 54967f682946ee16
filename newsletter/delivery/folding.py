"""Old opens and clicks made numbers: how many it were stays, who it was is forgotten."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import case, delete, func, literal, select

from newsletter.delivery.models import DISPATCH
from newsletter.delivery.tracking import COUNT
from subscribers import EventKind
from subscribers.engagement import EVENT
from subscribers.tables import insert

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    _Key = tuple[int, str, bool, int]

_KINDS = (EventKind.OPENED, EventKind.CLICKED)
_KEYS = ("dispatch_id", "kind", "by_machine", "link")
#: In place of a link: by how much the people are fewer than the numbers of a dispatch's links. Who followed
#: three links is in three of those, and is one of the people; with this one, all of them add up to people.
OVERLAP = -1


def fold_events(connection: Connection, until: datetime) -> int:
    """Add the opens and clicks that happened *until* then to the numbers of their dispatches; delete them.

    Each subscriber counts once for each link and once in all, and as a machine only where no person did it.
    Who did the same since is still counted by name, and so not yet in the numbers. In the caller's
    transaction, so that nothing is counted twice.

    Returns:
        How many events are gone.
    """
    old = EVENT.c.kind.in_(_KINDS) & (EVENT.c.at <= until)
    numbers = _people(connection, old, func.coalesce(EVENT.c.link, literal(0)))
    overlap = _people(connection, old, literal(OVERLAP))
    for (dispatch, kind, by_machine, _), count in numbers.items():
        overlap[dispatch, kind, by_machine, OVERLAP] -= count
    numbers.update(overlap)
    rows = [{**dict(zip(_KEYS, key, strict=True)), "count": count} for key, count in numbers.items() if count]
    if rows:
        statement = insert(connection, COUNT)
        added = COUNT.c.count + statement.excluded.count
        connection.execute(statement.on_conflict_do_update(index_elements=_KEYS, set_={"count": added}), rows)
    return connection.execute(delete(EVENT).where(old)).rowcount


def _people(connection: Connection, old: ColumnElement[bool], link: ColumnElement[int]) -> Counter[_Key]:
    """How many did it of whom nothing but what is *old* is known, by dispatch, kind, machine and *link*."""
    columns = EVENT.c
    concerned = select(columns.dispatch).where(old)
    people = (
        select(
            columns.dispatch,
            columns.kind,
            link.label("link"),
            func.min(case((columns.by_machine, 1), else_=0)).label("by_machine"),
        )
        .where(columns.kind.in_(_KINDS), columns.dispatch.in_(concerned))
        .group_by(columns.dispatch, columns.kind, link, columns.subscriber_id)
        .having(func.min(case((old, 1), else_=0)) == 1)
        .subquery()
    )
    found = people.c
    query = (
        select(DISPATCH.c.id, found.kind, found.by_machine, found.link, func.count())
        .join(DISPATCH, DISPATCH.c.name == found.dispatch)
        .group_by(DISPATCH.c.id, found.kind, found.by_machine, found.link)
    )
    rows = connection.execute(query)
    return Counter({(dispatch, kind, bool(m), place): count for dispatch, kind, m, place, count in rows})
