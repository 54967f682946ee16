"""What a person does to a dispatch: begin or resume it, pause it, cancel it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from newsletter.delivery import circuit
from newsletter.delivery.identity import is_gone
from newsletter.delivery.models import BATCH, DISPATCH, BatchState, DispatchState
from newsletter.delivery.recovery import close_cancelled, recover
from newsletter.delivery.report import find
from newsletter.errors import DeliveryError
from subscribers.columns import now as right_now
from subscribers.database import writing

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Engine, Row


def begin(engine: Engine, name: str, provider: str, *, paused: bool = True) -> Row[Any] | None:
    """Let the batches of a planned, paused or interrupted dispatch be claimed; the dispatch's row.

    A paused one is left alone, and the answer None, unless *paused*. If it was halted by its circuit, that
    begins to count anew.

    Raises:
        DeliveryError: there is no such dispatch, it was cancelled, or planned for another provider.
    """
    with writing(engine) as connection:
        row = find(connection, name, lock=True)
        if row.state == DispatchState.CANCELLED:
            raise DeliveryError(
                "the dispatch was cancelled", where=name, hint="plan another with `newsletter send`"
            )
        if row.state != DispatchState.FINISHED:
            if row.provider != provider:
                raise DeliveryError(
                    f"the dispatch was planned for {row.provider}, not for {provider}",
                    where=name,
                    hint=f"add `--provider {row.provider}`",
                )
            if row.state == DispatchState.PAUSED and not paused:
                return None
            if row.halted:
                circuit.close(connection, row.id)
            set_state(connection, row.id, DispatchState.RUNNING)
    return row


def pause(engine: Engine, name: str) -> None:
    """Let no more windows begin, in any process, until the dispatch is resumed.

    Raises:
        DeliveryError: there is no such dispatch, or it has ended.
    """
    with writing(engine) as connection:
        row = find(connection, name, lock=True)
        _check_open(row)
        set_state(connection, row.id, DispatchState.PAUSED)


def cancel(engine: Engine, name: str, now: datetime | None = None) -> None:
    """End the dispatch for good: whoever was not tried yet is recorded as skipped.

    What a worker that died had in hand is taken back: nobody goes on with a cancelled dispatch, so nobody
    else would name who is in doubt. What one on another machine may still have in hand is left to it; if it
    is gone, too, this can be done again when its lease has run out.

    Raises:
        DeliveryError: there is no such dispatch, or it has ended and is in nobody's hands.
    """
    now = now or right_now()
    with writing(engine) as connection:
        row = find(connection, name, lock=True)
        if row.state != DispatchState.CANCELLED or not _held(connection, row.id):
            _check_open(row)
            connection.execute(
                update(DISPATCH)
                .where(DISPATCH.c.id == row.id)
                .values(state=DispatchState.CANCELLED, finished_at=now)
            )
        close_cancelled(connection, row.id, now)
    recover(engine, row.id, now, idempotent=False, gone=is_gone)


def _held(connection: Connection, dispatch_id: int) -> bool:
    """Whether a worker has, or had when it died, a batch of the dispatch."""
    leased = select(BATCH.c.number).where(
        BATCH.c.dispatch_id == dispatch_id, BATCH.c.state == BatchState.LEASED
    )
    return connection.execute(leased.limit(1)).first() is not None


def _check_open(row: Row[Any]) -> None:
    if row.state in (DispatchState.FINISHED, DispatchState.CANCELLED):
        raise DeliveryError(f"the dispatch is {row.state} already", where=row.name)


def set_state(connection: Connection, dispatch_id: int, state: DispatchState) -> None:
    """Write down where a dispatch stands, which has not ended."""
    connection.execute(
        update(DISPATCH).where(DISPATCH.c.id == dispatch_id).values(state=state, finished_at=None)
    )
