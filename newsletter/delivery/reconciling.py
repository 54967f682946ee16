"""Doubt that a person settles, by evidence and by decisions: foreseen first, then done in one transaction."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from newsletter.delivery.chosen import chosen
from newsletter.delivery.deliveries import PENDING
from newsletter.delivery.evidence import is_delivery, keys_of
from newsletter.delivery.identity import delivery_ids, is_gone
from newsletter.delivery.models import BATCH, DELIVERY, DISPATCH, DeliveryState
from newsletter.delivery.proving import settle_known
from newsletter.delivery.recovery import recover, recover_within
from newsletter.delivery.report import find
from newsletter.delivery.settling import BY_HAND, Resent, resend_within, settle_by_within, settle_within
from subscribers.columns import now as right_now
from subscribers.database import reading, wait_for_turn
from subscribers.deadlocks import rehearse_anew, write_anew
from subscribers.tables import SUBSCRIBER, among

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine, Row

    from newsletter.delivery.evidence import Evidence

_ROWS_AT_A_TIME = 5_000


@dataclass(frozen=True)
class Decisions:
    """What is known of a dispatch: evidence first, then a person's word for those who are in doubt after it.

    ``accepted`` did get it, ``failed`` did not, and ``again`` are tried again at the risk of a second mail:
    addresses or delivery ids, or None for everybody. ``retry_failed`` tries those again who failed.
    """

    evidence: Sequence[Evidence] = ()
    accepted: Collection[str] | None = ()
    failed: Collection[str] | None = ()
    again: Collection[str] | None = ()
    retry_failed: bool = False
    reason: str = BY_HAND


@dataclass(frozen=True)
class Reconciled:
    """What decisions come to, in recipients.

    Of those in doubt, evidence or an event that came before settles those who are ``proved``, and a person's
    word who is ``accepted`` or ``failed``. ``taken_out`` were pending and are not mailed. ``resent`` were in
    doubt and ``retried`` had failed: both are pending again. ``left_alone`` are those who are not, since they
    got the issue from another dispatch, or will. ``held`` are named by evidence, and a worker has them in
    hand; ``recovered`` had one that died. ``doubtful`` are still in doubt.
    """

    proved: int = 0
    accepted: int = 0
    failed: int = 0
    taken_out: int = 0
    resent: int = 0
    retried: int = 0
    left_alone: int = 0
    held: int = 0
    recovered: int = 0
    doubtful: int = 0

    @property
    def changes(self) -> bool:
        """Whether anything is written down."""
        settled = self.proved + self.accepted + self.failed + self.taken_out
        return bool(settled + self.resent + self.retried + self.recovered)


@dataclass(frozen=True)
class Bearing:
    """How many ``names`` there are in a piece of evidence, and how many are of recipients of the dispatch.

    Of the others, ``elsewhere`` counts those that are known in other dispatches, by their names.
    """

    names: int
    here: int
    elsewhere: Counter[str] = field(default_factory=Counter)

    @property
    def strange(self) -> bool:
        """Whether hardly anything of it is about the dispatch: less than a tenth."""
        return self.here * 10 < self.names or not self.names


def reconcile(
    engine: Engine, name: str, decisions: Decisions, *, dry_run: bool = False, now: datetime | None = None
) -> Reconciled:
    """Write down what is decided of a dispatch, all or nothing; or with *dry_run* only what it would come to.

    With evidence, what a worker that died had in hand is taken back first. Who is proved by an event that is
    known already is settled by that, whatever is decided of them.

    Raises:
        UsageError: somebody who is named is not in doubt.
        DeliveryError: there is no such dispatch, or nobody of it can be tried again.
    """
    at = now or right_now()
    with engine.connect() as connection:
        dispatch_id = find(connection, name).id
    if dry_run:
        return rehearse_anew(engine, partial(_foresee, name=name, decisions=decisions, now=at))
    lost = recover(engine, dispatch_id, at, idempotent=False, gone=is_gone) if decisions.evidence else 0
    return write_anew(engine, lambda connection: _reconcile(connection, name, decisions, lost, at))


def _foresee(connection: Connection, name: str, decisions: Decisions, now: datetime) -> Reconciled:
    # The turn before what a lost worker held: whoever has the turn may want those batches.
    wait_for_turn(connection, DISPATCH.name)
    lost = 0
    if decisions.evidence:
        dispatch_id = find(connection, name).id
        lost = recover_within(connection, dispatch_id, now, idempotent=False, gone=is_gone)
    return _reconcile(connection, name, decisions, lost, now)


def _reconcile(
    connection: Connection, name: str, decisions: Decisions, recovered: int, now: datetime
) -> Reconciled:
    # Before any other lock, as who plans takes it first, too; for who is tried again.
    wait_for_turn(connection, DISPATCH.name)
    proved = _proved_before(connection, name, now)
    by_evidence = [settle_by_within(connection, name, each, now) for each in decisions.evidence]

    def settle(state: DeliveryState, who: Collection[str] | None) -> int:
        left = _without(who, proved)
        if left is not None and not left:
            return 0
        return settle_within(connection, name, state, left, decisions.reason, now)

    def resend(state: DeliveryState, who: Collection[str] | None) -> Resent:
        left = _without(who, proved)
        if left is not None and not left:
            return Resent()
        return resend_within(connection, name, state, left, decisions.reason, now)

    accepted = settle(DeliveryState.ACCEPTED, decisions.accepted)
    failed = settle(DeliveryState.FAILED, decisions.failed)
    resent = resend(DeliveryState.UNCERTAIN, decisions.again)
    retried = resend(DeliveryState.FAILED, None if decisions.retry_failed else ())
    return Reconciled(
        proved=len(proved) + sum(found.doubtful for found in by_evidence),
        accepted=accepted,
        failed=failed,
        taken_out=sum(found.pending for found in by_evidence),
        resent=resent.put_back,
        retried=retried.put_back,
        left_alone=resent.left_alone + retried.left_alone,
        held=max((found.held for found in by_evidence), default=0),
        recovered=recovered,
        doubtful=_doubtful(connection, name),
    )


def _proved_before(connection: Connection, name: str, now: datetime) -> list[Row[Any]]:
    """Settle those in doubt of whom there is an event already; who they are.

    A process may have died after it wrote down the doubt, and before it looked for events.
    """
    dispatch = find(connection, name, lock=True)
    before = chosen(connection, dispatch, [DeliveryState.UNCERTAIN], None)
    if not settle_known(connection, dispatch.id, [row.delivery_id for row in before], now):
        return []
    after = {row.delivery_id for row in chosen(connection, dispatch, [DeliveryState.UNCERTAIN], None)}
    return [row for row in before if row.delivery_id not in after]


def _without(who: Collection[str] | None, proved: Sequence[Row[Any]]) -> Collection[str] | None:
    """Those of *who* (None means everybody) who are not *proved*: of these, a person's word is not asked."""
    if not who or not proved:
        return who
    settled = {row.delivery_id for row in proved} | {row.email.casefold() for row in proved if row.email}
    return [name for name in who if name.casefold() not in settled]


def _doubtful(connection: Connection, name: str) -> int:
    query = (
        select(func.count())
        .select_from(DELIVERY)
        .join(DISPATCH, DISPATCH.c.id == DELIVERY.c.dispatch_id)
        .where(DISPATCH.c.name == name, DELIVERY.c.state == DeliveryState.UNCERTAIN)
    )
    return int(connection.scalar(query) or 0)


def bearings(engine: Engine, name: str, evidence: Sequence[Evidence]) -> tuple[list[Bearing], Counter[str]]:
    """How much of each piece of *evidence* is about a dispatch; and who has an outcome already, by state.

    Raises:
        DeliveryError: there is no such dispatch.
    """
    met: list[set[str]] = [set() for _ in evidence]
    settled: Counter[str] = Counter()
    with reading(engine) as connection:
        if not evidence:  # then nobody is read
            find(connection, name)
            return [], settled
        for keys, state in _recipients(connection, name):
            named = False
            for each, found in zip(evidence, met, strict=True):
                for key in keys:
                    if key in each:
                        found.add(key)
                        named = True
            if named and state not in (PENDING, DeliveryState.UNCERTAIN):
                settled[state] += 1
        return [
            Bearing(len(each), len(found), _elsewhere(connection, each.keys() - found))
            for each, found in zip(evidence, met, strict=True)
        ], settled


def _recipients(connection: Connection, name: str) -> Iterator[tuple[tuple[str, str], str]]:
    """By what each recipient of a dispatch may be named, and how it stands with them."""
    dispatch = find(connection, name)
    query = (
        select(DELIVERY.c.delivery_id, DELIVERY.c.state, SUBSCRIBER.c.email)
        .outerjoin(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id)
        .where(DELIVERY.c.dispatch_id == dispatch.id)
    )
    with connection.execute(query.execution_options(yield_per=_ROWS_AT_A_TIME)) as rows:
        for delivery_id, state, email in rows:
            yield keys_of(email or "", delivery_id), state
    waiting = select(BATCH.c.ids).where(BATCH.c.dispatch_id == dispatch.id, BATCH.c.pending > 0)
    for text in connection.scalars(waiting).all():
        people = json.loads(text)
        names = dict(zip(people, delivery_ids(bytes(dispatch.secret), people), strict=True))
        known = select(SUBSCRIBER.c.id, SUBSCRIBER.c.email).where(among(connection, SUBSCRIBER.c.id, people))
        emails = {row.id: row.email for row in connection.execute(known)}
        for who, delivery_id in names.items():
            yield keys_of(emails.get(who) or "", delivery_id), PENDING


def _elsewhere(connection: Connection, names: Collection[str]) -> Counter[str]:
    """Those of the names that are deliveries, counted by the dispatch that they are of."""
    wanted = [name for name in names if is_delivery(name)]
    if not wanted:
        return Counter()
    rows = connection.execute(
        select(DISPATCH.c.name, func.count())
        .join(DELIVERY, DELIVERY.c.dispatch_id == DISPATCH.c.id)
        .where(among(connection, DELIVERY.c.delivery_id, wanted))
        .group_by(DISPATCH.c.name)
    )
    return Counter({row[0]: row[1] for row in rows})
