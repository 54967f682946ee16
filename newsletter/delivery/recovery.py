"""How a batch leaves its holder: given back, taken back from one who is gone, or closed by a cancellation."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from newsletter.delivery.batches import append_batch
from newsletter.delivery.entries import Entry, enter
from newsletter.delivery.identity import delivery_id
from newsletter.delivery.leases import Lease, free, parse_tries, rewrite
from newsletter.delivery.models import BATCH, DISPATCH, BatchState, DeliveryState, DispatchState
from newsletter.delivery.proving import settle_known
from subscribers.deadlocks import write_anew
from subscribers.group_commit import write_together

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Connection, Engine, Row

#: The reason of those whom `recover` finds in doubt.
IN_DOUBT = "handed over, then the process ended before the answer was recorded"


def release(
    engine: Engine,
    lease: Lease,
    now: datetime,
    *,
    ready_at: datetime | None = None,
    retry_at: datetime | None = None,
) -> None:
    """Give back a batch in which somebody is left.

    Who was not tried may be claimed from *ready_at* on, who was deferred from *retry_at* on (or now). If
    there are both, those who were deferred get a batch of their own: nobody is tried again early because
    others of the batch are still to be tried, and these do not wait for them.

    Raises:
        LeaseLostError: the batch has another holder.
    """
    apart = lease.deferred if lease.untried else ()
    tries = lease.tries or {}
    rest = replace(lease, deferred=() if apart else lease.deferred)
    rest = replace(rest, tries={who: count for who, count in tries.items() if who in set(rest.ids)})
    at = (ready_at if lease.untried else retry_at) or now

    def write(connection: Connection) -> None:
        rewrite(connection, rest, now)
        if apart:
            own = {who: tries[who] for who in apart if who in tries}
            append_batch(connection, lease.dispatch_id, apart, retry_at or now, lane=lease.lane, tries=own)
        free(connection, rest, at)
        close_cancelled(connection, lease.dispatch_id, now)

    write_together(engine, write)


def recover(
    engine: Engine, dispatch_id: int, now: datetime, *, idempotent: bool, gone: Callable[[str], bool]
) -> int:
    """Take batches back from workers that are *gone* or whose lease ran out; how many are now in doubt.

    Those who may have been handed over become ``uncertain``, unless the provider is *idempotent*; everybody
    else in the batch goes back to be tried.
    """
    with engine.connect() as connection:
        lost = _lost(connection, dispatch_id, now, gone)
    return sum(
        write_anew(engine, partial(_take_back, row=row, now=now, is_gone=is_gone, idempotent=idempotent))
        for row, is_gone in lost
    )


def recover_within(
    connection: Connection, dispatch_id: int, now: datetime, *, idempotent: bool, gone: Callable[[str], bool]
) -> int:
    """As `recover`, in the caller's transaction."""
    lost = _lost(connection, dispatch_id, now, gone)
    return sum(
        _take_back(connection, row, now, is_gone=is_gone, idempotent=idempotent) for row, is_gone in lost
    )


def _lost(
    connection: Connection, dispatch_id: int, now: datetime, gone: Callable[[str], bool]
) -> list[tuple[Row[Any], bool]]:
    """The batches of lost workers, and whether each worker is gone, or only its lease ran out."""
    leased = select(BATCH).where(BATCH.c.dispatch_id == dispatch_id, BATCH.c.state == BatchState.LEASED)
    held = [(row, gone(row.worker)) for row in connection.execute(leased).all()]
    return [(row, is_gone) for row, is_gone in held if is_gone or row.lease_until < now]


def _take_back(
    connection: Connection, row: Row[Any], now: datetime, *, is_gone: bool, idempotent: bool
) -> int:
    # Read again within the transaction: since it was seen, the worker may have authorised one more window,
    # and if it is not gone, it lives after all.
    fresh = connection.execute(
        select(BATCH)
        .where(BATCH.c.dispatch_id == row.dispatch_id, BATCH.c.number == row.number)
        .with_for_update()
    ).one()
    if (fresh.state, fresh.attempt, fresh.worker) != (BatchState.LEASED, row.attempt, row.worker):
        return 0
    if not is_gone and fresh.lease_until >= now:
        return 0
    ids = tuple(json.loads(fresh.ids))
    doubtful = () if idempotent else ids[: fresh.called]
    lease = Lease(
        row.dispatch_id,
        row.number,
        row.worker,
        row.attempt,
        ids[len(doubtful) :],
        tries=parse_tries(fresh.tries),
    )
    secret = connection.scalar(select(DISPATCH.c.secret).where(DISPATCH.c.id == row.dispatch_id)) or b""
    state = DeliveryState.UNCERTAIN
    entries = [
        Entry(who, delivery_id(secret, who), state, IN_DOUBT, attempts=lease.tried(who) + 1)
        for who in doubtful
    ]
    rewrite(connection, lease, now)
    enter(connection, row.dispatch_id, row.number, entries, now)
    known = settle_known(connection, row.dispatch_id, [entry.delivery_id for entry in entries], now)
    free(connection, lease, now, raise_fence=True)
    close_cancelled(connection, row.dispatch_id, now)
    return len(doubtful) - known


def close_cancelled(connection: Connection, dispatch_id: int, now: datetime) -> None:
    """Record everybody who is still in a free batch of a cancelled dispatch as skipped."""
    state, secret = connection.execute(
        # The lock waits for whoever is cancelling at this moment.
        select(DISPATCH.c.state, DISPATCH.c.secret)
        .where(DISPATCH.c.id == dispatch_id)
        .with_for_update(read=True)
    ).one()
    if state != DispatchState.CANCELLED:
        return
    free = select(BATCH).where(BATCH.c.dispatch_id == dispatch_id, BATCH.c.state == BatchState.READY)
    for row in connection.execute(free.with_for_update()).all():
        tried = parse_tries(row.tries)
        entries = [
            Entry(
                who, delivery_id(secret, who), DeliveryState.SKIPPED, "cancelled", attempts=tried.get(who, 0)
            )
            for who in json.loads(row.ids)
        ]
        enter(connection, dispatch_id, row.number, entries, now)
        connection.execute(
            update(BATCH)
            .where(BATCH.c.dispatch_id == dispatch_id, BATCH.c.number == row.number)
            .values(ids="[]", pending=0, called=0, tries="{}", state=BatchState.DONE)
        )
