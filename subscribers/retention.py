"""Retention: what is kept for how long, and how that which is kept too long is forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, func, or_, select, update

from subscribers.consent import GONE, Consent, change_status
from subscribers.database import vacate, writing
from subscribers.engagement import EVENT
from subscribers.leaving import before_pending, forget
from subscribers.models import ConsentKind, Status, SubscriptionState, SuppressionReason
from subscribers.suppression import suppress
from subscribers.tables import CONSENT_EVENT, SUBSCRIBER, TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row

    from subscribers.store import SubscriberStore

    Along = Callable[[Connection, int, str], None]
    Fold = Callable[[Connection, datetime], int]

#: How many are forgotten in one transaction: others write in between.
_AT_A_TIME = 200
_EVENTS_AT_A_TIME = 10_000
_SOURCE = "retention"
_LEFT = sorted(GONE - {Status.ERASED})


@dataclass(frozen=True)
class Policy:
    """For how many days what is kept; None for ever.

    Attributes:
        pending_days: a sign-up that nobody confirms.
        left_days: what is known of who left, bounced or complained; a hash remains, so that they stay away.
        event_days: what happened with messages: opened, clicked and the like. Segments that ask for more days
            than that do not find them any more; who bounced or left stays so.
    """

    pending_days: int | None = 30
    left_days: int | None = None
    event_days: int | None = None


@dataclass(frozen=True)
class Expired:
    """How many were, or would be, forgotten: sign-ups that were never confirmed, and those who left long ago.

    ``topics`` counts topics that were asked for and never confirmed, ``events`` what happened with messages.
    """

    pending: int = 0
    left: int = 0
    topics: int = 0
    events: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.pending + self.left + self.topics + self.events


def due(store: SubscriberStore, policy: Policy) -> Expired:
    """How many the policy would forget now; nothing is changed."""
    at = store.clock()
    with store.engine.connect() as connection:

        def count(where: ColumnElement[bool]) -> int:
            found: int = connection.execute(select(func.count()).where(where)).scalar_one()
            return found

        return Expired(
            count(_pending(policy, at)),
            count(_left(policy, at)),
            count(_unconfirmed_topics(policy, at)),
            count(_old_events(policy, at)),
        )


def expire(
    store: SubscriberStore, policy: Policy, *, along: Along | None = None, fold: Fold | None = None
) -> Expired:
    """Forget what the policy says, in small transactions; a run that is interrupted can be run again.

    A sign-up that was not confirmed leaves no suppression: whoever it was has a right to sign up again. Who
    had left before it counts as having left again. Who left long ago is erased, and remains suppressed.

    Args:
        store: the list.
        policy: what to forget.
        along: is called, within each transaction, with the id and the address of who is forgotten.
        fold: is called within a transaction with a moment before events are deleted, to make numbers of those
            that happened until then; it deletes these, and gives back how many.
    """
    at = store.clock()
    with writing(store.engine) as connection:
        left = {"state": SubscriptionState.LEFT.value, "since": at}
        topics = connection.execute(
            update(TOPICS.pairs).where(_unconfirmed_topics(policy, at)).values(left)
        ).rowcount
    counts = [0, 0]
    for number, where in enumerate((_pending(policy, at), _left(policy, at))):
        while done := _expire_some(store, where, along, at):
            counts[number] += done
    events = 0
    if fold is not None and policy.event_days is not None:
        with writing(store.engine) as connection:
            events = fold(connection, at - timedelta(days=policy.event_days))
    while policy.event_days is not None and (done := _forget_events(store, _old_events(policy, at))):
        events += done
    if any(counts) or events:
        vacate(store.engine)
    return Expired(counts[0], counts[1], topics, events)


def _expire_some(
    store: SubscriberStore, where: ColumnElement[bool], along: Along | None, at: datetime
) -> int:
    # Looked up within the transaction: who confirms or comes back meanwhile is not among them.
    query = select(SUBSCRIBER).where(where).order_by(SUBSCRIBER.c.id).limit(_AT_A_TIME).with_for_update()
    with writing(store.engine) as connection:
        rows = connection.execute(query).all()
        for row in rows:
            _expire_one(connection, row, along, at)
    return len(rows)


def _forget_events(store: SubscriberStore, where: ColumnElement[bool]) -> int:
    some = select(EVENT.c.id).where(where).limit(_EVENTS_AT_A_TIME)
    with writing(store.engine) as connection:
        return connection.execute(delete(EVENT).where(EVENT.c.id.in_(some))).rowcount


def _expire_one(connection: Connection, row: Row[Any], along: Along | None, at: datetime) -> None:
    pending = row.status == Status.PENDING
    before = before_pending(connection, row.id) if pending else None
    kind = ConsentKind.EXPIRED if pending else ConsentKind.ERASED
    if before is not None:
        change_status(connection, row.id, before, Consent(kind, _SOURCE), at)
        return
    if not pending:
        suppress(connection, bytes(row.suppression_key), SuppressionReason.ERASED, at)
    if along is not None:
        along(connection, row.id, row.email)
    forget(connection, row, Consent(kind, _SOURCE), at)


def _pending(policy: Policy, at: datetime) -> ColumnElement[bool]:
    return and_(SUBSCRIBER.c.status == Status.PENDING, _since(policy.pending_days, at))


def _left(policy: Policy, at: datetime) -> ColumnElement[bool]:
    return and_(SUBSCRIBER.c.status.in_(_LEFT), _since(policy.left_days, at))


def _since(days: int | None, at: datetime) -> ColumnElement[bool]:
    """Whether the present status is older than so many days, by the line of the log that told it."""
    if days is None:
        return or_(False)
    log = CONSENT_EVENT.c
    told = select(func.max(log.at)).where(
        log.subscriber_id == SUBSCRIBER.c.id, log.status == SUBSCRIBER.c.status
    )
    return func.coalesce(told.scalar_subquery(), SUBSCRIBER.c.created_at) <= at - timedelta(days=days)


def _unconfirmed_topics(policy: Policy, at: datetime) -> ColumnElement[bool]:
    if policy.pending_days is None:
        return or_(False)
    pairs = TOPICS.pairs.c
    old = pairs.since <= at - timedelta(days=policy.pending_days)
    return and_(pairs.state == SubscriptionState.PENDING, old)


def _old_events(policy: Policy, at: datetime) -> ColumnElement[bool]:
    if policy.event_days is None:
        return or_(False)
    return EVENT.c.at <= at - timedelta(days=policy.event_days)
