"""How sending stands at this moment, in a few numbers for who watches machines: counted by indexes only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select, text
from sqlalchemy.exc import ProgrammingError

from newsletter.delivery.models import BATCH, DELIVERY, DISPATCH, IN_DOUBT, BatchState, DispatchState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection, Engine

#: Of a dispatch that has ended, those in doubt are counted so long after it was planned.
RECENT = timedelta(days=30)
#: The dispatches of which somebody may be pending.
OPEN = (DispatchState.PLANNED, DispatchState.RUNNING, DispatchState.PAUSED)
#: How the schemata are called in which workers keep whom they call, and how long after a sign of life, in
#: seconds, a worker counts as gone; it gives one every ten.
CALLS, GONE = "newsletter_calls_", 60


@dataclass(frozen=True)
class Gauges:
    """How sending stands. Each state is there, though nothing be in it; ``pending`` has those of `OPEN`.

    ``workers`` are those of `newsletter worker` that gave a sign of life; ``holders`` the processes that have
    recipients in hand, a `newsletter send` as well. ``halted`` are dispatches that the program itself paused.
    """

    dispatches: Mapping[str, int]
    halted: int
    pending: Mapping[str, int]
    uncertain: int
    holders: int
    workers: int


def gauges(engine: Engine, now: datetime) -> Gauges:
    """Count how sending stands at the moment *now*.

    Raises:
        DBAPIError: the database does not answer.
    """
    with engine.connect() as connection:
        by_state = select(DISPATCH.c.state, func.count()).group_by(DISPATCH.c.state)
        counts: dict[str, int] = {row[0]: row[1] for row in connection.execute(by_state)}
        pending = (
            select(DISPATCH.c.state, func.sum(BATCH.c.pending))
            .join(BATCH, BATCH.c.dispatch_id == DISPATCH.c.id)
            .where(DISPATCH.c.state.in_(OPEN), BATCH.c.state.in_([BatchState.READY, BatchState.LEASED]))
            .group_by(DISPATCH.c.state)
        )
        left = {state: int(count) for state, count in connection.execute(pending)}
        halted = select(func.count()).where(DISPATCH.c.state == DispatchState.PAUSED, DISPATCH.c.halted != "")
        held = (
            select(BATCH.c.worker)
            .join(DISPATCH, BATCH.c.dispatch_id == DISPATCH.c.id)
            .where(DISPATCH.c.state.in_(OPEN))
            .where(BATCH.c.state == BatchState.LEASED, BATCH.c.lease_until > now)
        )
        return Gauges(
            {state.value: counts.get(state, 0) for state in DispatchState},
            connection.scalar(halted) or 0,
            {state.value: left.get(state, 0) for state in OPEN},
            _in_doubt(connection, now),
            # Each thread of a process has a name of its own, of which the last part is its own.
            len({name.rpartition(":")[0] for name in connection.scalars(held)}),
            _workers(connection),
        )


def _in_doubt(connection: Connection, now: datetime) -> int:
    """How many may or may not have been mailed."""
    watched = select(DISPATCH.c.id).where(
        or_(DISPATCH.c.state.in_(OPEN), DISPATCH.c.created_at > now - RECENT)
    )
    # Asked for dispatch by dispatch, SQLite would rather look at all deliveries of each.
    doubtful = select(DELIVERY.c.dispatch_id, func.count()).where(IN_DOUBT).group_by(DELIVERY.c.dispatch_id)
    counts = {row[0]: int(row[1]) for row in connection.execute(doubtful)}
    return sum(counts.get(number, 0) for number in connection.scalars(watched)) if counts else 0


def _workers(connection: Connection) -> int:
    """How many workers of all releases gave a sign of life: only PostgreSQL has some."""
    if connection.dialect.name != "postgresql":
        return 0
    schemata = connection.scalars(
        text(
            "SELECT schemaname FROM pg_tables"
            " WHERE starts_with(schemaname, :prefix) AND tablename = 'procrastinate_workers'"
        ),
        {"prefix": CALLS},
    ).all()
    try:
        return sum(alive(connection, schema) for schema in schemata)
    except ProgrammingError:
        return 0  # one of them was dropped meanwhile


def alive(connection: Connection, schema: str) -> int:
    """How many workers that keep their calls in *schema* gave a sign of life lately."""
    recent = f"last_heartbeat > now() - interval '{GONE} seconds'"
    query = f'SELECT count(*) FROM "{schema}".procrastinate_workers WHERE {recent}'  # noqa: S608
    return int(connection.scalar(text(query)) or 0)
