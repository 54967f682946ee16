"""The ledger: who holds which batch, what was handed over, and what came of it.

Three writes make delivery provable, each one transaction:

1. `claim` leases a batch to one worker and raises its fence: whoever held it before can write no more.
2. `authorise` marks, before the first byte leaves, the recipients that are about to be handed over.
3. `record` writes their outcomes and takes them out of the batch; if it ends, it may claim the next.

So after a crash at any point, the marked recipients who are still in their batch are those in doubt
(`recovery.recover` names them), and everybody else there was provably not handed over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import exists, func, select, update

from newsletter.delivery.entries import Entry, enter
from newsletter.delivery.leases import (
    LEASE,
    Lease,
    LeaseLostError,
    is_running,
    mark,
    may_go_on,
    rewrite,
    take,
)
from newsletter.delivery.models import BATCH, DELIVERY, DISPATCH, BatchState, DispatchState
from newsletter.errors import DeliveryError
from subscribers.database import writing
from subscribers.group_commit import write_together

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Engine

__all__ = [
    "LEASE",
    "Entry",
    "Lease",
    "LeaseLostError",
    "Outlook",
    "authorise",
    "claim",
    "finish",
    "finish_within",
    "outlook",
    "record",
]


def claim(
    engine: Engine, dispatch_id: int, worker: str, now: datetime, *, busy: Collection[str] = ()
) -> Lease | None:
    """Lease the next batch of a running dispatch to *worker*, or None if none can be had now.

    Batches in *busy* lanes are left alone.
    """
    return write_together(engine, lambda connection: take(connection, dispatch_id, worker, now, busy))


def authorise(
    engine: Engine, lease: Lease, called: Sequence[int], skipped: Sequence[Entry], now: datetime
) -> Lease | None:
    """Mark *called* as about to be handed over and record *skipped*; None if the dispatch was halted.

    Args:
        engine: the database.
        lease: the batch; *called* and *skipped* are of its untried.
        called: whose messages will be handed over next; they become the first of the batch.
        skipped: who will not be tried, with the reason.
        now: the present moment; it renews the lease.

    Raises:
        LeaseLostError: the batch has another holder.
    """
    ahead = replace(lease, untried=_in_turn(lease.untried, called, skipped))

    def write(connection: Connection) -> Lease | None:
        if not may_go_on(connection, lease.dispatch_id):
            return None
        if ahead.untried == lease.untried:
            mark(connection, lease, len(called), now)
        else:
            rewrite(connection, ahead, now, called=len(called))
        enter(connection, lease.dispatch_id, lease.number, skipped, now)
        return ahead

    return write_together(engine, write)


def _in_turn(untried: tuple[int, ...], called: Sequence[int], skipped: Sequence[Entry]) -> tuple[int, ...]:
    """The untried without who is skipped, those who are called first."""
    if not skipped and untried[: len(called)] == tuple(called):
        return untried
    settled = {*called, *(entry.subscriber_id for entry in skipped)}
    return (*called, *(who for who in untried if who not in settled))


def record(
    engine: Engine,
    lease: Lease,
    entries: Sequence[Entry],
    deferred: Collection[int],
    now: datetime,
    *,
    postponed: Collection[int] = (),
    claims: bool = False,
    busy: Collection[str] = (),
) -> Lease:
    """Write the outcomes of those that were handed over, and free the others of the mark.

    It is one transaction; if nobody is left in the batch, the batch ends with it. Whoever *claims* then has
    the next one with the same transaction, as by `claim`: it is the lease's ``following``.

    Args:
        engine: the database.
        lease: the batch, as `authorise` gave it.
        entries: the outcomes; their recipients leave the batch.
        deferred: who was not taken for now; they go to the batch's end, with one more try counted.
        now: the moment of the outcome; it renews the lease.
        postponed: who was not tried after all; they go to the batch's end, and no try is counted.
        claims: whether its holder wants another batch if this one ends.
        busy: the lanes in which none is claimed.

    Raises:
        LeaseLostError: the batch has another holder; nothing was written, and nothing claimed.
    """
    after = _after(lease, entries, deferred, postponed)

    def write(connection: Connection) -> Lease:
        rewrite(connection, after, now, state=BatchState.LEASED if after.ids else BatchState.DONE)
        enter(connection, lease.dispatch_id, lease.number, entries, now)
        if after.ids or not claims:
            return after
        return replace(after, following=take(connection, lease.dispatch_id, lease.worker, now, busy))

    return write_together(engine, write)


def _after(
    lease: Lease, entries: Sequence[Entry], deferred: Collection[int], postponed: Collection[int]
) -> Lease:
    """The batch without those who have an outcome, and with those at its end who have to wait."""
    settled, counted = {entry.subscriber_id for entry in entries}, set(deferred)
    later = counted.union(postponed)
    gone = settled | later if later else settled
    tries = {who: count for who, count in (lease.tries or {}).items() if who not in settled}
    return replace(
        lease,
        untried=tuple([who for who in lease.untried if who not in gone]),
        deferred=lease.deferred + tuple([who for who in lease.untried if who in later] if later else ()),
        tries=tries | {who: lease.tried(who) + 1 for who in counted},
    )


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
        BATCH.c.dispatch_id == dispatch_id, BATCH.c.state != BatchState.DONE, is_running(dispatch_id)
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
        return finish_within(connection, dispatch_id, now)


def finish_within(connection: Connection, dispatch_id: int, now: datetime) -> bool:
    """As `finish`, in the caller's transaction.

    Raises:
        DeliveryError: outcomes and recipients do not add up, which must never be.
    """
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


def _has_open_batches(dispatch_id: int) -> ColumnElement[bool]:
    return exists(
        select(BATCH.c.number).where(BATCH.c.dispatch_id == dispatch_id, BATCH.c.state != BatchState.DONE)
    )
