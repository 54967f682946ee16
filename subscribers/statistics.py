"""Statistics: how the list grows and shrinks by month, where subscribers come from, and how they stand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, func, literal_column, or_, select

from subscribers.consent import GONE
from subscribers.database import reading
from subscribers.models import ConsentKind, Status
from subscribers.tables import CONSENT_EVENT, SUBSCRIBER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection, Engine, Select

_GONE = sorted(GONE)
_LOG = CONSENT_EVENT.c


@dataclass(frozen=True)
class Month:
    """What happened in a month, such as ``2026-04``, in UTC; ``active`` could be mailed at its end.

    ``joined`` are those who are new, by the day on which they joined, ``returned`` those who had left.
    """

    month: str
    active: int
    joined: int
    returned: int
    unsubscribed: int
    bounced: int
    complained: int
    erased: int

    @property
    def lost(self) -> int:
        """All who are not mailed any more."""
        return self.unsubscribed + self.bounced + self.complained + self.erased

    @property
    def net(self) -> int:
        """By how many the list grew."""
        return self.joined + self.returned - self.lost

    @property
    def churn(self) -> float | None:
        """The share that it lost of those who were active at its beginning or came; None for nobody."""
        at_risk = self.active - self.net + self.joined + self.returned
        return self.lost / at_risk if at_risk > 0 else None


@dataclass(frozen=True)
class Statistics:
    """The list at one moment; *sources* says how many came from where, the most first."""

    statuses: dict[str, int]
    sources: dict[str, int]
    months: tuple[Month, ...]


def statistics(engine: Engine, at: datetime, months: int = 12) -> Statistics:
    """Count the list: by status, by source, and the last *months* up to the one of the moment *at*."""
    with reading(engine) as connection:
        statuses = _pairs(connection, select(SUBSCRIBER.c.status, func.count()).group_by(SUBSCRIBER.c.status))
        joined = _joined(connection)
        changes = _changes(connection)
        sources = _sources(connection)
    counted = {str(status): statuses.get(status, 0) for status in Status}
    return Statistics(counted, sources, _months(counted, joined, changes, _last(at, months)))


def _pairs(connection: Connection, query: object) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(query)}  # type: ignore[call-overload]


def _month(connection: Connection, column: ColumnElement[datetime]) -> ColumnElement[str]:
    # SQLite keeps moments as text, PostgreSQL's session is in UTC; a literal, so that it can be grouped by.
    if connection.dialect.name == "sqlite":
        return func.substr(column, literal_column("1"), literal_column("7"), type_=_LOG.kind.type)
    return func.to_char(column, literal_column("'YYYY-MM'"))


def _joined(connection: Connection) -> dict[str, int]:
    """Those who came and could be mailed: no sign-up that was never confirmed, and nobody who had left."""
    month = _month(connection, SUBSCRIBER.c.created_at)
    never = select(_LOG.subscriber_id).where(_LOG.kind == ConsentKind.EXPIRED, _LOG.status == Status.ERASED)
    here = and_(SUBSCRIBER.c.id.not_in(never), SUBSCRIBER.c.id.not_in(_came_gone()))
    came = and_(SUBSCRIBER.c.status != Status.PENDING, here)
    return _pairs(connection, select(month, func.count()).where(came).group_by(month))


def _came_gone() -> Select[tuple[int]]:
    """Who had left when they were imported, and nobody knows when: they were never here.

    Where the file told when they left, that line of the log has an earlier moment than the import's own.
    """
    left, imported = CONSENT_EVENT.alias(), CONSENT_EVENT.alias()
    at_once = and_(imported.c.subscriber_id == left.c.subscriber_id, imported.c.at == left.c.at)
    return (
        select(left.c.subscriber_id)
        .join(imported, at_once)
        .where(left.c.status.in_(_GONE), imported.c.kind == ConsentKind.IMPORTED)
    )


def _changes(connection: Connection) -> Counter[tuple[str, str]]:
    """How often, by month, somebody became unsubscribed, bounced …; as ``active``: was back from that."""
    before = func.lag(_LOG.status).over(partition_by=_LOG.subscriber_id, order_by=_LOG.id).label("before")
    told = (
        select(_month(connection, _LOG.at).label("month"), _LOG.subscriber_id, _LOG.status, _LOG.kind, before)
        .where(_LOG.status.not_in(["", Status.PENDING]))
        .subquery()
    )
    line = told.c
    here = or_(line.before.is_(None), line.before.not_in(_GONE))
    was_here = or_(line.before.is_not(None), line.subscriber_id.not_in(_came_gone()))
    lost = and_(line.status.in_(_GONE), here, was_here, line.kind != ConsentKind.EXPIRED)
    back = and_(line.status == Status.ACTIVE, line.before.in_(_GONE))
    query = (
        select(line.month, line.status, func.count()).where(or_(lost, back)).group_by(line.month, line.status)
    )
    return Counter({(row[0], row[1]): row[2] for row in connection.execute(query)})


def _sources(connection: Connection) -> dict[str, int]:
    """How many of those who are on the list now came by what: the first line of each one's log."""
    first = select(func.min(_LOG.id)).group_by(_LOG.subscriber_id)
    came = (
        select(_LOG.kind, _LOG.source, func.count())
        .join(SUBSCRIBER, SUBSCRIBER.c.id == _LOG.subscriber_id)
        .where(_LOG.id.in_(first), SUBSCRIBER.c.status.in_([Status.ACTIVE, Status.PENDING]))
        .group_by(_LOG.kind, _LOG.source)
    )
    counts: Counter[str] = Counter()
    for kind, source, count in connection.execute(came):
        counts[source or kind] += count
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _last(at: datetime, months: int) -> list[str]:
    """The names of the last months, the latest first."""
    number = at.year * 12 + at.month - 1
    return [f"{each // 12:04d}-{each % 12 + 1:02d}" for each in range(number, number - months, -1)]


def _months(
    statuses: dict[str, int],
    joined: dict[str, int],
    changes: Counter[tuple[str, str]],
    names: Iterable[str],
) -> tuple[Month, ...]:
    """Each month, the oldest first; how many were active is counted back from how many are."""
    found: list[Month] = []
    active = statuses[Status.ACTIVE]
    for name in names:
        month = Month(
            month=name,
            active=active,
            joined=joined.get(name, 0),
            returned=changes[name, Status.ACTIVE],
            unsubscribed=changes[name, Status.UNSUBSCRIBED],
            bounced=changes[name, Status.BOUNCED],
            complained=changes[name, Status.COMPLAINED],
            erased=changes[name, Status.ERASED],
        )
        active -= month.net
        found.append(month)
    return tuple(reversed(found))
