"""Old opens and clicks made numbers: how many it were stays, who it was is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Integer, cast, delete, func, literal, select

from newsletter.delivery.models import DISPATCH
from newsletter.delivery.tracking import COUNT
from subscribers import EventKind
from subscribers.engagement import EVENT
from subscribers.tables import insert

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

_KINDS = (EventKind.OPENED, EventKind.CLICKED)


def fold_events(connection: Connection, until: datetime) -> int:
    """Add the opens and clicks that happened *until* then to the numbers of their dispatches; delete them.

    Each subscriber counts once for each link, and people and machines stay apart. In the caller's
    transaction, so that nothing is counted twice.

    Returns:
        How many events are gone.
    """
    columns = EVENT.c
    old = columns.kind.in_(_KINDS) & (columns.at <= until)
    link = func.coalesce(columns.link, literal(0))
    people = cast(func.count(func.distinct(columns.subscriber_id)), Integer)
    numbers = (
        select(DISPATCH.c.id, columns.kind, link, columns.by_machine, people)
        .select_from(EVENT.join(DISPATCH, DISPATCH.c.name == columns.dispatch))
        .where(old)
        .group_by(DISPATCH.c.id, columns.kind, link, columns.by_machine)
    )
    keys = ["dispatch_id", "kind", "link", "by_machine"]
    rows = [dict(zip([*keys, "count"], row, strict=True)) for row in connection.execute(numbers)]
    if rows:
        statement = insert(connection, COUNT)
        added = COUNT.c.count + statement.excluded.count
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_={"count": added}), rows)
    return connection.execute(delete(EVENT).where(old)).rowcount
