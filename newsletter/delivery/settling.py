"""What a person knows of recipients in doubt: it is written down, or they are put back to be tried again."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, insert, select, update

from newsletter.delivery.batches import append_batch
from newsletter.delivery.chosen import chosen
from newsletter.delivery.control import set_state
from newsletter.delivery.evidence import Evidence, settled_by
from newsletter.delivery.forgetting import nameless
from newsletter.delivery.identity import is_gone
from newsletter.delivery.models import DELIVERY, DISPATCH, SETTLEMENT, DeliveryState, DispatchState
from newsletter.delivery.plan import LARGEST_BATCH
from newsletter.delivery.proving import settle_known
from newsletter.delivery.put_back import PUT_BACK
from newsletter.delivery.received import received_elsewhere
from newsletter.delivery.recovery import recover
from newsletter.delivery.report import find
from newsletter.delivery.taking_out import take_out_by
from newsletter.errors import DeliveryError, UsageError
from subscribers.columns import now as right_now
from subscribers.database import wait_for_turn
from subscribers.deadlocks import rehearse_anew, write_anew

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import Connection, Engine, Row

#: What a delivery in doubt may be settled as.
SETTLED_AS = (DeliveryState.ACCEPTED, DeliveryState.FAILED)
#: Whose message certainly was not taken or, if in doubt, is taken for lost.
RESENDABLE = (DeliveryState.FAILED, DeliveryState.UNCERTAIN, DeliveryState.REJECTED)

#: The note of those who are settled, and of those who are put back, where nothing else is said.
BY_HAND = "settled by the operator"
AGAIN = "to be tried again, by the operator"


def settle(
    engine: Engine,
    name: str,
    state: DeliveryState,
    *,
    who: Collection[str] | None = None,
    reason: str = BY_HAND,
    now: datetime | None = None,
) -> int:
    """Write down what is known now of deliveries in doubt; how many were settled.

    Args:
        engine: the database.
        name: the dispatch.
        state: ``accepted`` or ``failed``.
        who: addresses or delivery ids; None means everybody in doubt.
        reason: how it is known.
        now: the present moment.

    Raises:
        UsageError: another state, or somebody in *who* is not in doubt.
        DeliveryError: there is no such dispatch.
    """
    at = now or right_now()
    return write_anew(engine, lambda connection: settle_within(connection, name, state, who, reason, at))


def settle_within(
    connection: Connection,
    name: str,
    state: DeliveryState,
    who: Collection[str] | None,
    reason: str,
    now: datetime,
) -> int:
    """As `settle`, in the caller's transaction."""
    if state not in SETTLED_AS:
        raise UsageError(
            f"a delivery in doubt cannot become `{state}`", hint="it was either `accepted` or `failed`"
        )
    dispatch = find(connection, name, lock=True)
    rows = chosen(connection, dispatch, [DeliveryState.UNCERTAIN], who)
    _note(connection, rows, state, reason, now)
    for row in rows:
        connection.execute(_row_of(update(DELIVERY), row).values(state=state, reason=reason, at=now))
    return len(rows)


class Settled(NamedTuple):
    """How many evidence settled who were in doubt and who were pending; how many more a worker holds."""

    doubtful: int
    pending: int
    held: int = 0


def settle_by(engine: Engine, name: str, evidence: Evidence, *, now: datetime | None = None) -> Settled:
    """Settle as accepted those in doubt, and those still pending, of whom there is evidence.

    Who is pending and was mailed nevertheless is there when the database was restored from a backup: they are
    taken out of their batches, and not mailed again. What a worker that died had in hand is taken back first;
    what a living one holds is left to it.

    Raises:
        DeliveryError: there is no such dispatch.
    """
    at = now or right_now()
    with engine.connect() as connection:
        dispatch_id = find(connection, name).id
    recover(engine, dispatch_id, at, idempotent=False, gone=is_gone)
    return write_anew(engine, lambda connection: settle_by_within(connection, name, evidence, at))


def settle_by_within(connection: Connection, name: str, evidence: Evidence, now: datetime) -> Settled:
    """As `settle_by`, in the caller's transaction, which takes nothing back from workers that died."""
    dispatch = find(connection, name, lock=True)
    rows = chosen(connection, dispatch, [DeliveryState.UNCERTAIN], None)
    known = settled_by(evidence, [(row.email or "", row.delivery_id) for row in rows])
    for row in rows:
        if said := known.get(row.delivery_id):
            how = nameless(connection, {row.subscriber_id: said})[row.subscriber_id]
            _note(connection, [row], DeliveryState.ACCEPTED, how, now)
            values = {"state": DeliveryState.ACCEPTED, "reason": how, "at": now}
            connection.execute(_row_of(update(DELIVERY), row).values(**values))
    waiting = take_out_by(connection, dispatch, evidence, now)
    return Settled(len(known), waiting.taken_out, waiting.held)


class Resent(NamedTuple):
    """How many were put back; and how many left alone, as another dispatch mailed them since, or will."""

    put_back: int = 0
    left_alone: int = 0


def resend(
    engine: Engine,
    name: str,
    state: DeliveryState,
    *,
    who: Collection[str] | None = None,
    ids: Collection[int] | None = None,
    reason: str = AGAIN,
    dry_run: bool = False,
    now: datetime | None = None,
) -> Resent:
    """Put recipients back into the dispatch, to be handed over when it is resumed; how many.

    With *dry_run*, how many it would be; nothing is written.

    Of those in the *state*, *who* names addresses or delivery ids, and *ids* subscribers. Who was
    ``rejected`` needs *ids*: those that `rejected.rejected` found.

    Whoever got the issue from another dispatch since, or is about to, is left alone. So nobody who ``failed``
    or was ``rejected`` is mailed twice. An ``uncertain`` one may get the message a second time, with the
    same Message-ID: that is for a person to decide, never for the program.

    Raises:
        UsageError: another state, or somebody in *who* is not in it.
        DeliveryError: there is no such dispatch, or it was cancelled.
    """
    if state not in RESENDABLE or (state is DeliveryState.REJECTED and ids is None):
        raise UsageError(
            f"`{state}` deliveries are not tried again",
            hint="only `failed`, `uncertain` and some `rejected` are",
        )
    at = now or right_now()

    def foresee(connection: Connection) -> Resent:
        _, rows, left_alone = _to_resend(connection, name, state, who, at, ids=ids)
        return Resent(len(rows), left_alone)

    def put(connection: Connection) -> Resent:
        return resend_within(connection, name, state, who, reason, at, ids=ids)

    return rehearse_anew(engine, foresee) if dry_run else write_anew(engine, put)


def resend_within(
    connection: Connection,
    name: str,
    state: DeliveryState,
    who: Collection[str] | None,
    reason: str,
    now: datetime,
    *,
    ids: Collection[int] | None = None,
) -> Resent:
    """As `resend`, in the caller's transaction."""
    dispatch, rows, left_alone = _to_resend(connection, name, state, who, now, ids=ids)
    _note(connection, rows, PUT_BACK, reason, now)
    for row in rows:
        connection.execute(_row_of(delete(DELIVERY), row))
    _put_back(connection, dispatch.id, rows, now)
    if rows and dispatch.state == DispatchState.FINISHED:
        set_state(connection, dispatch.id, DispatchState.PAUSED)
    return Resent(len(rows), left_alone)


def _to_resend(
    connection: Connection,
    name: str,
    state: DeliveryState,
    who: Collection[str] | None,
    now: datetime,
    *,
    ids: Collection[int] | None,
) -> tuple[Row[Any], list[Row[Any]], int]:
    """The dispatch, the deliveries that are to be tried again, and how many more are left alone."""
    wait_for_turn(connection, DISPATCH.name)  # nobody plans for them at the same moment
    dispatch = find(connection, name, lock=True)
    if dispatch.state == DispatchState.CANCELLED:
        raise DeliveryError("the dispatch was cancelled", where=name)
    if state is DeliveryState.UNCERTAIN:
        # A process may have died before it looked: whoever is proved by now is not mailed a second time.
        settle_known(connection, dispatch.id, _doubtful(connection, dispatch.id), now)
    rows = chosen(connection, dispatch, [state], who)
    if ids is not None:
        wanted = frozenset(ids)
        rows = [row for row in rows if row.subscriber_id in wanted]
    elsewhere = received_elsewhere(connection, dispatch, [row.subscriber_id for row in rows])
    return dispatch, [row for row in rows if row.subscriber_id not in elsewhere], len(elsewhere)


def _doubtful(connection: Connection, dispatch_id: int) -> list[str]:
    mine = (DELIVERY.c.dispatch_id == dispatch_id, DELIVERY.c.state == DeliveryState.UNCERTAIN)
    return list(connection.scalars(select(DELIVERY.c.delivery_id).where(*mine)))


def _put_back(connection: Connection, dispatch_id: int, rows: list[Row[Any]], now: datetime) -> None:
    """New batches, after the last one, for recipients who are pending again.

    Those of one batch who were in doubt stay together: they may have gone in one request, which is known by
    all who were in it.
    """
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for row in rows:
        groups[row.batch if row.state == DeliveryState.UNCERTAIN else 0].append(row.subscriber_id)
    for ids in groups.values():
        for start in range(0, len(ids), LARGEST_BATCH):
            append_batch(connection, dispatch_id, ids[start : start + LARGEST_BATCH], now)


def _note(connection: Connection, rows: list[Row[Any]], after: str, reason: str, now: datetime) -> None:
    notes = [
        {
            "dispatch_id": row.dispatch_id,
            "subscriber_id": row.subscriber_id,
            "before": row.state,
            "after": after,
            "reason": reason,
            "at": now,
        }
        for row in rows
    ]
    if notes:
        connection.execute(insert(SETTLEMENT), notes)


def _row_of(statement: Any, row: Row[Any]) -> Any:  # noqa: ANN401 - update() and delete() share no type with where()
    return statement.where(
        DELIVERY.c.dispatch_id == row.dispatch_id, DELIVERY.c.subscriber_id == row.subscriber_id
    )
