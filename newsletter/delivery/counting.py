"""Outcomes of a dispatch by domain and by reason, counted by the database, and whether there are new ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, BigInteger, cast, func, select, true

from newsletter.delivery.deliveries import PENDING
from newsletter.delivery.models import BATCH, DELIVERY, DISPATCH, SETTLEMENT, DeliveryState
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Engine, FromClause

#: What the addresses are told under that were erased.
ERASED = "(erased)"


def outcomes_by_domain(connection: Connection, dispatch_id: int) -> Mapping[str, Counter[str]]:
    """How many recipients of each domain, in small letters, are in which state; the pending ones, too."""
    domains: defaultdict[str, Counter[str]] = defaultdict(Counter)
    domain = _domain(connection)
    settled = (
        select(domain, DELIVERY.c.state, func.count())
        .select_from(DELIVERY.outerjoin(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id))
        .where(DELIVERY.c.dispatch_id == dispatch_id)
        .group_by(domain, DELIVERY.c.state)
    )
    ids, who = _in_batches(connection)
    waiting = (
        select(domain, func.count())
        .select_from(BATCH.join(ids, true()).outerjoin(SUBSCRIBER, SUBSCRIBER.c.id == who))
        .where(BATCH.c.dispatch_id == dispatch_id, BATCH.c.pending > 0)
        .group_by(domain)
    )
    for name, state, count in connection.execute(settled):
        domains[_named(name)][state] += count
    for name, count in connection.execute(waiting):
        domains[_named(name)][PENDING] += count
    return domains


def outcomes_by_reason(connection: Connection, dispatch_id: int) -> list[tuple[str, str, int]]:
    """The states other than accepted, what was said, and to how many, in no order."""
    query = (
        select(DELIVERY.c.state, DELIVERY.c.reason, func.count())
        .where(DELIVERY.c.dispatch_id == dispatch_id, DELIVERY.c.state != DeliveryState.ACCEPTED)
        .group_by(DELIVERY.c.state, DELIVERY.c.reason)
    )
    return [(state, reason, count) for state, reason, count in connection.execute(query)]


def first_and_last(connection: Connection, dispatch_id: int) -> tuple[datetime | None, datetime | None]:
    """When the first and the last outcome came in; None while there is none."""
    moments = select(func.min(DELIVERY.c.at), func.max(DELIVERY.c.at))
    first, last = connection.execute(moments.where(DELIVERY.c.dispatch_id == dispatch_id)).one()
    return first, last


@dataclass(frozen=True)
class Mark:
    """What is another as soon as an outcome is recorded or settled, or the dispatch stands differently."""

    state: str
    halted: str
    finished_at: datetime | None
    pending: int
    settled: int


def mark_of(engine: Engine, name: str) -> Mark | None:
    """The mark of the dispatch of that name; None if there is none.

    It is read from the batches, of which there is one for a thousand recipients, and not from deliveries.
    """
    mine = BATCH.c.dispatch_id == DISPATCH.c.id
    pending = select(func.coalesce(func.sum(BATCH.c.pending), 0)).where(mine).scalar_subquery()
    settled = select(func.count()).where(SETTLEMENT.c.dispatch_id == DISPATCH.c.id).scalar_subquery()
    columns = (DISPATCH.c.state, DISPATCH.c.halted, DISPATCH.c.finished_at)
    with engine.connect() as connection:
        row = connection.execute(select(*columns, pending, settled).where(DISPATCH.c.name == name)).first()
    return Mark(*row) if row else None


def _domain(connection: Connection) -> ColumnElement[str]:
    """What stands behind the first @ of an address."""
    email = SUBSCRIBER.c.email
    find = func.instr if connection.dialect.name == "sqlite" else func.strpos
    return func.substr(email, find(email, "@") + 1)


def _named(domain: str | None) -> str:
    """A domain as it is told; a quoted local part may have an @ of its own (RFC 5321, 4.1.2)."""
    return (domain or "").rpartition("@")[2].lower() or ERASED


def _in_batches(connection: Connection) -> tuple[FromClause, ColumnElement[Any]]:
    """The ids in each batch as rows, and their column."""
    if connection.dialect.name == "sqlite":
        ids = func.json_each(BATCH.c.ids).table_valued("value")
        return ids, ids.c.value
    rows = func.json_array_elements_text(cast(BATCH.c.ids, JSON)).table_valued("value").lateral()
    return rows, cast(rows.c.value, BigInteger)
