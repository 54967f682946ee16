"""The ledger: who holds which batch, what was handed over, and what came of it.

Three writes make delivery provable, each one transaction:

1. `claim` leases a batch to one worker and raises its fence: whoever held it before can write no more.
2. `authorise` marks, before the first byte leaves, the recipients that are about to be handed over.
3. `record` writes their outcomes and takes them out of the batch.

So after a crash at any point, the marked recipients who are still in their batch are those in doubt
(`recovery.recover` names them), and everybody else there was provably not handed over.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, bindparam, exists, func, select, update

from newsletter.delivery.entries import Entry, enter
from newsletter.delivery.models import BATCH, DELIVERY, DISPATCH, BatchState, DispatchState
from newsletter.errors import DeliveryError
from subscribers.columns import RowId, UtcTime
from subscribers.database import writing
from subscribers.group_commit import Declined, write_together

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Engine, Update
    from sqlalchemy.sql.dml import ReturningUpdate

#: A worker that has not written for so long is taken for dead. Each window renews the lease, so it must
#: only be longer than the slowest window.
LEASE = timedelta(minutes=15)


class LeaseLostError(Declined):
    """Another worker holds the batch now; nothing was written."""


@dataclass(frozen=True)
class Lease:
    """A batch in the hands of a worker: who is still to be tried, and who was deferred and waits."""

    dispatch_id: int
    number: int
    worker: str
    attempt: int
    untried: tuple[int, ...]
    deferred: tuple[int, ...] = ()
    tries: Mapping[int, int] | None = None
    #: The domain of all recipients, if it has a rate of its own.
    lane: str = ""

    @property
    def ids(self) -> tuple[int, ...]:
        """All recipients of the batch without an outcome."""
        return self.untried + self.deferred

    def tried(self, subscriber_id: int) -> int:
        """How often the recipient was deferred so far."""
        return (self.tries or {}).get(subscriber_id, 0)


def claim(
    engine: Engine, dispatch_id: int, worker: str, now: datetime, *, busy: Collection[str] = ()
) -> Lease | None:
    """Lease the next batch of a running dispatch to *worker*, or None if none can be had now.

    Batches in *busy* lanes are left alone.
    """
    given: dict[str, object] = {"dispatch": dispatch_id, "now": now, "holder": worker, "until": now + LEASE}
    statement = _CLAIM
    if busy:
        statement, given["busy"] = _CLAIM_BESIDE, list(busy)
    row = write_together(engine, lambda connection: connection.execute(statement, given).first())
    if row is None:
        return None
    ids, tries = tuple(json.loads(row.ids)), parse_tries(row.tries)
    return Lease(dispatch_id, row.number, worker, row.attempt, ids, tries=tries, lane=row.lane)


def authorise(
    engine: Engine, lease: Lease, called: Sequence[int], skipped: Sequence[Entry], now: datetime
) -> Lease | None:
    """Mark *called* as about to be handed over and record *skipped*; None if the dispatch was halted.

    Args:
        engine: the database.
        lease: the batch; *called* and *skipped* together are the first of its untried.
        called: whose messages will be handed over next.
        skipped: who will not be tried, with the reason.
        now: the present moment; it renews the lease.

    Raises:
        LeaseLostError: the batch has another holder.
    """
    rest = lease.untried[len(called) + len(skipped) :]
    ahead = replace(lease, untried=(*called, *rest))

    def write(connection: Connection) -> Lease | None:
        if not connection.scalar(_RUNNING, {"dispatch": lease.dispatch_id}):
            return None
        if ahead.untried == lease.untried:
            _write(connection, lease, _MARK, {"count": len(called), "until": now + LEASE})
        else:
            rewrite(connection, ahead, now, called=len(called))
        enter(connection, lease.dispatch_id, lease.number, skipped, now)
        return ahead

    return write_together(engine, write)


def record(
    engine: Engine,
    lease: Lease,
    entries: Sequence[Entry],
    deferred: Collection[int],
    now: datetime,
    *,
    postponed: Collection[int] = (),
) -> Lease:
    """Write the outcomes of those that were handed over, and free the others of the mark.

    It is one transaction; if nobody is left in the batch, the batch ends with it.

    Args:
        engine: the database.
        lease: the batch, as `authorise` gave it.
        entries: the outcomes; their recipients leave the batch.
        deferred: who was not taken for now; they go to the batch's end, with one more try counted.
        now: the moment of the outcome; it renews the lease.
        postponed: who was not tried after all; they go to the batch's end, and no try is counted.

    Raises:
        LeaseLostError: the batch has another holder.
    """
    settled, counted = {entry.subscriber_id for entry in entries}, set(deferred)
    later = counted.union(postponed)
    tries = {who: count for who, count in (lease.tries or {}).items() if who not in settled}
    after = replace(
        lease,
        untried=tuple(who for who in lease.untried if who not in settled and who not in later),
        deferred=lease.deferred + tuple(who for who in lease.untried if who in later),
        tries=tries | {who: lease.tried(who) + 1 for who in counted},
    )

    def write(connection: Connection) -> Lease:
        rewrite(connection, after, now, state=BatchState.LEASED if after.ids else BatchState.DONE)
        enter(connection, lease.dispatch_id, lease.number, entries, now)
        return after

    return write_together(engine, write)


@dataclass(frozen=True)
class Outlook:
    """How many batches can be claimed now, how many are held or wait, and when the next may be claimed."""

    claimable: int
    held_or_waiting: int
    next_at: datetime | None


def outlook(
    engine: Engine, dispatch_id: int, now: datetime, *, busy: Mapping[str, datetime] | None = None
) -> Outlook:
    """What there is to do for a dispatch; nothing at all when it is not running.

    Batches in *busy* lanes can be claimed when these are free again.
    """
    open_batches = select(BATCH.c.state, BATCH.c.ready_at, BATCH.c.lane).where(
        BATCH.c.dispatch_id == dispatch_id, BATCH.c.state != BatchState.DONE, _is_running(dispatch_id)
    )
    with engine.connect() as connection:
        rows = connection.execute(open_batches).all()
    lanes = busy or {}
    ready_at = [max(row.ready_at, lanes.get(row.lane, now)) for row in rows if row.state == BatchState.READY]
    claimable = sum(moment <= now for moment in ready_at)
    return Outlook(claimable, len(rows) - claimable, min(ready_at, default=None))


def finish(engine: Engine, dispatch_id: int, now: datetime) -> bool:
    """Mark a dispatch that runs or is paused as finished if everybody has an outcome; whether it now is.

    Raises:
        DeliveryError: outcomes and recipients do not add up, which must never be.
    """
    with writing(engine) as connection:
        row = connection.execute(select(DISPATCH).where(DISPATCH.c.id == dispatch_id).with_for_update()).one()
        # One that was paused or halted in its last window has nothing left to go on with.
        if row.state not in (DispatchState.RUNNING, DispatchState.PAUSED):
            return bool(row.state == DispatchState.FINISHED)
        if connection.scalar(select(_has_open_batches(dispatch_id))):
            return False
        recorded = connection.scalar(
            select(func.count()).select_from(DELIVERY).where(DELIVERY.c.dispatch_id == dispatch_id)
        )
        if recorded != row.planned:
            raise DeliveryError(
                f"{row.planned} recipients were planned and {recorded} have an outcome",
                where=row.name,
                hint="this must never be: keep a copy of the database and report it",
            )
        connection.execute(
            update(DISPATCH)
            .where(DISPATCH.c.id == dispatch_id)
            .values(state=DispatchState.FINISHED, finished_at=now)
        )
    return True


def _is_running(dispatch_id: int | ColumnElement[int]) -> ColumnElement[bool]:
    running: Select[Any] = select(DISPATCH.c.id).where(
        DISPATCH.c.id == dispatch_id, DISPATCH.c.state == DispatchState.RUNNING
    )
    return exists(running)


def _has_open_batches(dispatch_id: int) -> ColumnElement[bool]:
    return exists(
        select(BATCH.c.number).where(BATCH.c.dispatch_id == dispatch_id, BATCH.c.state != BatchState.DONE)
    )


# The statements of every batch and window, made once: to make them each time costs more than to run them.
_DISPATCH: ColumnElement[int] = bindparam("dispatch", type_=RowId)
_RUNNING = select(_is_running(_DISPATCH))


def _claiming(*conditions: ColumnElement[bool]) -> ReturningUpdate[Any]:
    """The statement that claims the first batch of which the *conditions* are true."""
    waiting = (
        select(BATCH.c.number)
        .where(
            BATCH.c.dispatch_id == _DISPATCH,
            BATCH.c.state == BatchState.READY,
            BATCH.c.ready_at <= bindparam("now", type_=UtcTime),
            *conditions,
        )
        .order_by(BATCH.c.number)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return (
        update(BATCH)
        .where(
            BATCH.c.dispatch_id == _DISPATCH,
            BATCH.c.number == waiting.scalar_subquery(),
            BATCH.c.state == BatchState.READY,
            _is_running(_DISPATCH),
        )
        .values(
            state=BatchState.LEASED,
            worker=bindparam("holder"),
            attempt=BATCH.c.attempt + 1,
            lease_until=bindparam("until"),
        )
        .returning(BATCH.c.number, BATCH.c.attempt, BATCH.c.ids, BATCH.c.tries, BATCH.c.lane)
    )


_CLAIM = _claiming()
_CLAIM_BESIDE = _claiming(BATCH.c.lane.not_in(bindparam("busy", expanding=True)))
# An update that only the present holder of the batch can make.
_HELD = update(BATCH).where(
    BATCH.c.dispatch_id == _DISPATCH,
    BATCH.c.number == bindparam("batch"),
    BATCH.c.state == BatchState.LEASED,
    BATCH.c.worker == bindparam("holder"),
    BATCH.c.attempt == bindparam("fence"),
)
_MARK = _HELD.values(called=bindparam("count"), lease_until=bindparam("until"))
_REWRITE = _HELD.values(
    ids=bindparam("left"),
    pending=bindparam("size"),
    called=bindparam("count"),
    state=bindparam("then"),
    tries=bindparam("counted"),
    lease_until=bindparam("until"),
)
_RELEASE = _HELD.values(
    state=bindparam("then"),
    worker="",
    lease_until=None,
    ready_at=bindparam("from_then"),
    attempt=bindparam("next"),
)


def rewrite(
    connection: Connection,
    lease: Lease,
    now: datetime,
    *,
    called: int = 0,
    state: BatchState = BatchState.LEASED,
) -> None:
    """Write who is left in the batch, how many of them are about to be handed over, and whether it is done.

    Raises:
        LeaseLostError: the batch has another holder.
    """
    values = {
        "left": json.dumps(lease.ids, separators=(",", ":")),
        "size": len(lease.ids),
        "count": called,
        "then": state,
        "counted": json.dumps(lease.tries or {}, separators=(",", ":")),
        "until": now + LEASE,
    }
    _write(connection, lease, _REWRITE, values)


def free(connection: Connection, lease: Lease, ready_at: datetime, *, raise_fence: bool = False) -> None:
    """Let a batch be claimed from *ready_at* on or, if nobody is left in it, let it be done.

    Args:
        connection: the transaction.
        lease: the batch, as it stands in the database.
        ready_at: from when on it may be claimed.
        raise_fence: let its holder, should it live after all, write nothing more.

    Raises:
        LeaseLostError: the batch has another holder.
    """
    then = BatchState.READY if lease.ids else BatchState.DONE
    attempt = lease.attempt + 1 if raise_fence else lease.attempt
    _write(connection, lease, _RELEASE, {"then": then, "from_then": ready_at, "next": attempt})


def _write(connection: Connection, lease: Lease, statement: Update, values: Mapping[str, object]) -> None:
    held = {
        "dispatch": lease.dispatch_id,
        "batch": lease.number,
        "holder": lease.worker,
        "fence": lease.attempt,
    }
    if connection.execute(statement, {**held, **values}).rowcount != 1:
        raise LeaseLostError(f"batch {lease.number}")


def parse_tries(text: str) -> dict[int, int]:
    """How often each recipient of a batch was deferred, from the column ``tries``."""
    return {int(who): count for who, count in json.loads(text).items()}
