"""The one function that hands messages to a provider, whoever runs it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from newsletter.delivery import ledger, recovery
from newsletter.delivery.entries import Entry
from newsletter.delivery.identity import delivery_id
from newsletter.delivery.ledger import LeaseLostError
from newsletter.delivery.models import DeliveryState
from newsletter.delivery.retry import Backoff
from newsletter.editions.merge import MissingValue
from newsletter.errors import ProviderError
from newsletter.messages import Recipient, UnmailableError
from newsletter.providers import Outcome, Verdict
from subscribers.columns import now as right_now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Engine

    from newsletter.delivery.throttle import Throttle
    from newsletter.messages import Composer, Message
    from newsletter.providers import Connection, Provider
    from subscribers import SubscriberStore

#: What a verdict is called in the ledger; a deferred message has no outcome yet.
_STATES = {
    Verdict.ACCEPTED: DeliveryState.ACCEPTED,
    Verdict.REJECTED: DeliveryState.REJECTED,
    Verdict.UNCERTAIN: DeliveryState.UNCERTAIN,
}


@dataclass(frozen=True)
class Job:
    """All that is needed to work on one dispatch. ``links`` gives a subscriber's links by public id."""

    engine: Engine
    store: SubscriberStore
    dispatch_id: int
    secret: bytes
    composer: Composer
    links: Callable[[str], Mapping[str, str]]
    provider: Provider
    throttle: Throttle
    stopping: Callable[[], bool]
    progress: Callable[[Counter[str]], None]
    backoff: Backoff = field(default_factory=Backoff)
    clock: Callable[[], datetime] = right_now
    random: Random = field(default_factory=Random)


def deliver_batch(job: Job, connection: Connection, worker: str) -> bool:
    """Claim one batch, hand over its messages window by window, and record what came of each.

    Returns:
        False if there was no batch to claim.

    Raises:
        ProviderError: the provider is gone; what was handed over is recorded, everybody else is free again.
    """
    lease = ledger.claim(job.engine, job.dispatch_id, worker, job.clock())
    if lease is None:
        return False
    trouble: ProviderError | None = None
    try:
        while lease.untried and trouble is None and not job.stopping():
            window = lease.untried[: job.throttle.window(job.provider.window)]
            job.throttle.take(len(window))
            if job.stopping():
                break
            messages, skipped = compose(job, window)

            authorised = ledger.authorise(job.engine, lease, list(messages), skipped, job.clock())
            if authorised is None:  # paused or cancelled
                break
            outcomes, trouble = hand_over(connection, list(messages.values()))
            entries, deferred = judge(job, authorised, messages, outcomes, trouble)
            lease = ledger.record(job.engine, authorised, entries, deferred, job.clock())

            job.progress(Counter(entry.state for entry in (*skipped, *entries)))
        if lease.ids:
            recovery.release(job.engine, lease, job.clock(), ready_at=_when_to_retry(job, lease))
    except LeaseLostError:
        # Somebody took this worker for dead and named those in doubt. They hold the batch; nothing is ours.
        return True
    if trouble is not None:
        raise trouble
    return True


def compose(job: Job, ids: Sequence[int]) -> tuple[dict[int, Message], list[Entry]]:
    """The messages for those who may still be mailed, and who is skipped, with the reason.

    The list is asked again at this moment: who left since the dispatch was planned gets nothing.
    """
    with job.engine.connect() as connection:
        people = job.store.addressees(connection, ids)
    messages: dict[int, Message] = {}
    skipped: list[Entry] = []
    compose_one, links, secret = job.composer.compose, job.links, job.secret
    timestamp, smtputf8 = job.clock().timestamp(), job.provider.smtputf8
    for subscriber_id in ids:
        name = delivery_id(secret, subscriber_id)
        person = people.get(subscriber_id)
        barrier = "erased" if person is None else person.barrier
        if person is not None and barrier is None:
            recipient = Recipient(person.email, person.name, person.fields, links(person.public_id))
            try:
                messages[subscriber_id] = compose_one(recipient, name, timestamp, smtputf8=smtputf8)
            except MissingValue as error:
                barrier = f"missing value: {error.source}"
            except UnmailableError as error:
                barrier = error.what
        if barrier is not None:
            skipped.append(Entry(subscriber_id, name, DeliveryState.SKIPPED, barrier, attempts=0))
    return messages, skipped


def hand_over(
    connection: Connection, messages: Sequence[Message]
) -> tuple[dict[str, Outcome], ProviderError | None]:
    """What the provider says of *messages*, by delivery id, and its trouble if it gave up before the last."""
    outcomes: dict[str, Outcome] = {}
    try:
        for outcome in connection.send(messages) if messages else ():
            outcomes[outcome.delivery_id] = outcome
    except ProviderError as error:
        return outcomes, error
    return outcomes, None


def judge(
    job: Job,
    lease: ledger.Lease,
    messages: Mapping[int, Message],
    outcomes: Mapping[str, Outcome],
    trouble: ProviderError | None,
) -> tuple[list[Entry], list[int]]:
    """The entries for the ledger, and who is to be tried again.

    A message without an outcome was not handed over if the provider gave up, and is left out then. If the
    provider did not give up, it broke its promise, and nobody knows.
    """
    entries: list[Entry] = []
    deferred: list[int] = []
    for subscriber_id, message in messages.items():
        name, tries = message.delivery_id, lease.tried(subscriber_id) + 1
        outcome = outcomes.get(name)
        if outcome is None and trouble is not None:
            continue
        if outcome is None:
            outcome = Outcome(name, Verdict.UNCERTAIN, "the provider told no outcome")
        state = _STATES.get(outcome.verdict, DeliveryState.FAILED)
        if state is DeliveryState.FAILED and not job.backoff.exhausted(tries):
            deferred.append(subscriber_id)
            continue
        entries.append(Entry(subscriber_id, name, state, outcome.reason, outcome.provider_id, tries))
    return entries, deferred


def _when_to_retry(job: Job, lease: ledger.Lease) -> datetime:
    """Now, if somebody was not tried yet; else after the wait of who was deferred most often."""
    if lease.untried or not lease.deferred:
        return job.clock()
    most = max(lease.tried(who) for who in lease.deferred)
    return job.clock() + timedelta(seconds=job.backoff.wait(most, job.random))
