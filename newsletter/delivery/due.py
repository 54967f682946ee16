"""Which dispatches are for `newsletter run-due`: planned for a time that has come, or comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, exists, func, or_, select

from newsletter.delivery.models import BATCH, DISPATCH, BatchState, DispatchState
from subscribers.columns import now as right_now

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Engine


def due_dispatches(engine: Engine, now: datetime | None = None) -> list[str]:
    """The names of dispatches that were planned for a time and have something to do now, the oldest first.

    Those planned to begin at once belong to whoever planned them, and paused ones to whoever paused them.
    """
    scheduled = DISPATCH.c.state.in_((DispatchState.PLANNED, DispatchState.RUNNING))
    return _with_something_to_do(engine, and_(DISPATCH.c.schedule != "", scheduled), now or right_now())


def open_dispatches(engine: Engine, now: datetime | None = None) -> list[str]:
    """The names of dispatches that anybody may work on now: those that are running or due."""
    due = and_(DISPATCH.c.schedule != "", DISPATCH.c.state == DispatchState.PLANNED)
    running = DISPATCH.c.state == DispatchState.RUNNING
    return _with_something_to_do(engine, or_(due, running), now or right_now())


def _with_something_to_do(engine: Engine, which: ColumnElement[bool], now: datetime) -> list[str]:
    """Of *which* dispatches a batch can be claimed or recovered, or nothing is missing but the end.

    Where a batch is held, its worker may have died; where none is open, only the end is missing.
    """
    of_dispatch = BATCH.c.dispatch_id == DISPATCH.c.id
    left = and_(of_dispatch, BATCH.c.state != BatchState.DONE)
    ready = and_(of_dispatch, BATCH.c.state == BatchState.READY, BATCH.c.ready_at <= now)
    held = and_(of_dispatch, BATCH.c.state == BatchState.LEASED)
    query = (
        select(DISPATCH.c.name)
        .where(which, or_(exists().where(ready), exists().where(held), ~exists().where(left)))
        .order_by(DISPATCH.c.id)
    )
    with engine.connect() as connection:
        return list(connection.scalars(query))


def next_due(engine: Engine, now: datetime | None = None) -> tuple[str, datetime] | None:
    """The dispatch planned for a time of which something is due next, and when; None if there is none."""
    now = now or right_now()
    at = func.min(BATCH.c.ready_at, type_=BATCH.c.ready_at.type)
    query = (
        select(DISPATCH.c.name, at)
        .join(BATCH, BATCH.c.dispatch_id == DISPATCH.c.id)
        .where(
            DISPATCH.c.schedule != "",
            DISPATCH.c.state.in_((DispatchState.PLANNED, DispatchState.RUNNING)),
            BATCH.c.state == BatchState.READY,
            BATCH.c.ready_at > now,
        )
        .group_by(DISPATCH.c.id, DISPATCH.c.name)
        .order_by(at, DISPATCH.c.id)
        .limit(1)
    )
    with engine.connect() as connection:
        row = connection.execute(query).first()
    return None if row is None else (row[0], row[1])
