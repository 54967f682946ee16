"""Leases: who holds which batch, and the writes into it that only its present holder can make."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, exists, select, update

from newsletter.delivery.models import BATCH, DISPATCH, BatchState, DispatchState
from subscribers.columns import RowId, UtcTime
from subscribers.group_commit import Declined
from subscribers.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, Connection, Select
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
    #: The next batch, if its holder claimed it as this one ended.
    following: Lease | None = None

    @property
    def ids(self) -> tuple[int, ...]:
        """All recipients of the batch without an outcome."""
        return self.untried + self.deferred

    def tried(self, subscriber_id: int) -> int:
        """How often the recipient was deferred so far."""
        return (self.tries or {}).get(subscriber_id, 0)


def is_running(dispatch_id: int | ColumnElement[int]) -> ColumnElement[bool]:
    """The condition that batches of the dispatch may be claimed."""
    running: Select[Any] = select(DISPATCH.c.id).where(
        DISPATCH.c.id == dispatch_id, DISPATCH.c.state == DispatchState.RUNNING
    )
    return exists(running)


# The statements of every batch and window, made once: to make them each time costs more than to run them.
_DISPATCH: ColumnElement[int] = bindparam("dispatch", type_=RowId)
_RUNNING = Prepared(select(is_running(_DISPATCH)))


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
            is_running(_DISPATCH),
        )
        .values(
            state=BatchState.LEASED,
            worker=bindparam("holder"),
            attempt=BATCH.c.attempt + 1,
            lease_until=bindparam("until"),
        )
        .returning(BATCH.c.number, BATCH.c.attempt, BATCH.c.ids, BATCH.c.tries, BATCH.c.lane)
    )


_CLAIM = Prepared(_claiming())
_CLAIM_BESIDE = _claiming(BATCH.c.lane.not_in(bindparam("busy", expanding=True)))
# An update that only the present holder of the batch can make.
_HELD = update(BATCH).where(
    BATCH.c.dispatch_id == _DISPATCH,
    BATCH.c.number == bindparam("batch"),
    BATCH.c.state == BatchState.LEASED,
    BATCH.c.worker == bindparam("holder"),
    BATCH.c.attempt == bindparam("fence"),
)
_MARK = Prepared(_HELD.values(called=bindparam("count"), lease_until=bindparam("until")))
_REWRITE = Prepared(
    _HELD.values(
        ids=bindparam("left"),
        pending=bindparam("size"),
        called=bindparam("count"),
        state=bindparam("then"),
        tries=bindparam("counted"),
        lease_until=bindparam("until"),
    )
)
_RELEASE = Prepared(
    _HELD.values(
        state=bindparam("then"),
        worker="",
        lease_until=None,
        ready_at=bindparam("from_then"),
        attempt=bindparam("next"),
    )
)


def take(
    connection: Connection, dispatch_id: int, worker: str, now: datetime, busy: Collection[str] = ()
) -> Lease | None:
    """Lease the first batch that may be claimed *now* and is in no *busy* lane, or None if there is none."""
    given: dict[str, object] = {"dispatch": dispatch_id, "now": now, "holder": worker, "until": now + LEASE}
    if busy:
        rows = connection.execute(_CLAIM_BESIDE, {**given, "busy": list(busy)}).all()
    else:
        rows = _CLAIM.run(connection, given).fetchall()
    if not rows:
        return None
    number, attempt, ids, tries, lane = rows[0]
    return Lease(
        dispatch_id, number, worker, attempt, tuple(json.loads(ids)), tries=parse_tries(tries), lane=lane
    )


def may_go_on(connection: Connection, dispatch_id: int) -> bool:
    """Whether the dispatch is running: neither paused nor cancelled."""
    return bool(_RUNNING.run(connection, {"dispatch": dispatch_id}).fetchone()[0])


def mark(connection: Connection, lease: Lease, called: int, now: datetime) -> None:
    """Write down that the first *called* of the batch are about to be handed over.

    Raises:
        LeaseLostError: the batch has another holder.
    """
    _write(connection, lease, _MARK, {"count": called, "until": now + LEASE})


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
        "then": state.value,
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
    _write(connection, lease, _RELEASE, {"then": then.value, "from_then": ready_at, "next": attempt})


def _write(connection: Connection, lease: Lease, statement: Prepared, values: Mapping[str, object]) -> None:
    held = {
        "dispatch": lease.dispatch_id,
        "batch": lease.number,
        "holder": lease.worker,
        "fence": lease.attempt,
    }
    if statement.run(connection, {**held, **values}).rowcount != 1:
        raise LeaseLostError(f"batch {lease.number}")


def parse_tries(text: str) -> dict[int, int]:
    """How often each recipient of a batch was deferred, from the column ``tries``."""
    return {int(who): count for who, count in json.loads(text).items()}
