"""The one function that hands messages to a provider, whoever runs it."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from newsletter.delivery import lanes, ledger, recovery
from newsletter.delivery.entries import Entry
from newsletter.delivery.identity import delivery_ids
from newsletter.delivery.ledger import LeaseLostError
from newsletter.delivery.models import DeliveryState
from newsletter.delivery.proving import Proof, settle_known, settle_proved
from newsletter.delivery.put_back import proved, put_back
from newsletter.delivery.retry import Backoff
from newsletter.editions.merge import MissingValue
from newsletter.errors import ProviderError
from newsletter.messages import Recipient, UnmailableError
from newsletter.providers import Outcome, Verdict
from newsletter.providers.base import Parting
from subscribers.columns import now as right_now
from subscribers.deadlocks import write_anew

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Engine

    from newsletter.delivery.circuit import Circuit
    from newsletter.delivery.pace import Grant, Pace
    from newsletter.delivery.tracking import Tracker
    from newsletter.messages import Composer, Message
    from newsletter.providers import Connection, Provider
    from subscribers import SubscriberStore

#: What progress calls those who were not taken for now and wait to be tried again.
DEFERRED = "deferred"
#: What a verdict is called in the ledger; a deferred message has no outcome before its tries are exhausted.
_STATES = {
    Verdict.ACCEPTED: DeliveryState.ACCEPTED,
    Verdict.REJECTED: DeliveryState.REJECTED,
    Verdict.UNCERTAIN: DeliveryState.UNCERTAIN,
    Verdict.REFUSED: DeliveryState.REJECTED,
    Verdict.DEFERRED: DeliveryState.FAILED,
    Verdict.STOPPED: DeliveryState.FAILED,
}
# To ask the enumeration for each of a thousand recipients takes as long as all the rest of `judge`.
_POSTPONED, _DEFERRED = Verdict.POSTPONED, Verdict.DEFERRED
#: Makes a named tuple of its values in half the time that its own call takes.
_new = tuple.__new__


@dataclass(frozen=True)
class Job:
    """All that is needed to work on one dispatch. ``links`` gives a subscriber's links by public id.

    ``topic`` is the one that the dispatch is about, if any, and ``tracker`` marks the links of those who may
    be tracked, if anybody may.
    """

    engine: Engine
    store: SubscriberStore
    dispatch_id: int
    secret: bytes
    composer: Composer
    links: Callable[[str], Mapping[str, str]]
    provider: Provider
    pace: Pace
    circuit: Circuit
    wait: Callable[[float], object]
    stopping: Callable[[], bool]
    progress: Callable[[Counter[str]], None]
    topic: str = ""
    tracker: Tracker | None = None
    backoff: Backoff = field(default_factory=Backoff)
    clock: Callable[[], datetime] = right_now
    random: Random = field(default_factory=Random)


def deliver_batches(job: Job, connection: Connection, worker: str) -> None:
    """Work through batch after batch, until none can be had or nothing may leave for a while.

    Raises:
        ProviderError: as `deliver_batch`.
    """
    lease: ledger.Lease | None = None
    goes_on = True
    while goes_on and not job.stopping():
        if lease is None:
            busy = job.pace.busy_lanes()
            lease = ledger.claim(job.engine, job.dispatch_id, worker, job.clock(), busy=busy)
        if lease is None:
            return
        lease, goes_on = deliver_batch(job, connection, lease)
    if lease is not None:
        with suppress(LeaseLostError):
            recovery.release(job.engine, lease, job.clock())


def deliver_batch(job: Job, connection: Connection, lease: ledger.Lease) -> tuple[ledger.Lease | None, bool]:
    """Hand over the messages of a batch window by window, and record what came of each.

    Returns:
        The next batch, if it was claimed as this one ended; and False if nothing may leave for a while.

    Raises:
        ProviderError: the provider is gone; what was handed over is recorded, everybody else is free again.
    """
    trouble: ProviderError | None = None
    grant: Grant | None = None
    waits: list[float] = []
    try:
        lease = lanes.sort_out(job.engine, lease, job.pace.limits.domains, job.clock())
        again = put_back(job.engine, job.dispatch_id, lease.ids)
        while lease.untried and trouble is None and not job.stopping():
            window = lease.untried[: job.pace.window(job.provider.window, lease.lane)]
            grant = job.pace.take(lease.lane, len(window))
            if grant.wait:
                job.wait(grant.wait)
            if grant.count == 0 or job.stopping():
                break
            messages, skipped = compose(job, window[: grant.count], lease.number, again)

            lease, trouble, halted = deliver_window(job, connection, lease, messages, skipped, waits)
            if halted:
                break
        if lease.ids:
            ready_at, retry_at = _when_ready(job, lease, grant), _when_to_retry(job, lease, waits)
            recovery.release(job.engine, lease, job.clock(), ready_at=ready_at, retry_at=retry_at)
    except LeaseLostError:
        # Somebody took this worker for dead and named those in doubt. They hold the batch; nothing is ours.
        return None, True
    if trouble is not None:
        raise trouble
    return lease.following, grant is None or grant.count > 0 or grant.lane


def deliver_window(
    job: Job,
    connection: Connection,
    lease: ledger.Lease,
    messages: Mapping[int, Message],
    skipped: Sequence[Entry],
    waits: list[float],
) -> tuple[ledger.Lease, ProviderError | None, bool]:
    """Hand over the messages of a window, part by part: a crash leaves one part in doubt.

    Returns:
        What is left of the batch, the provider's trouble, and whether the dispatch was halted or this process
        is to stop. How long the provider wants to be left alone is added to *waits*.

    Raises:
        LeaseLostError: the batch has another holder.
    """
    for part in parts(connection, messages):
        authorised = (
            None if job.stopping() else ledger.authorise(job.engine, lease, list(part), skipped, job.clock())
        )
        if authorised is None:  # to be ended, paused or cancelled
            return lease, None, True
        outcomes, trouble = hand_over(connection, list(part.values()))
        entries, later = judge(job, authorised, part, outcomes, trouble)
        waits += [outcome.wait for outcome in later.values()]
        lease = record(job, authorised, entries, later, claims=trouble is None)

        job.progress(_counts(authorised, (*skipped, *entries), later))
        job.circuit.note(entries)
        if trouble is not None:
            return lease, trouble, False
        skipped = ()
    return lease, None, False


def parts(connection: Connection, messages: Mapping[int, Message]) -> list[Mapping[int, Message]]:
    """The messages of a window as they are handed over; one part, if only an empty one, at least."""
    if not messages or not isinstance(connection, Parting):
        return [messages]
    who = {message.delivery_id: subscriber_id for subscriber_id, message in messages.items()}
    groups = connection.parts(list(messages.values()))
    return [{who[message.delivery_id]: message for message in group} for group in groups]


def compose(
    job: Job, ids: Sequence[int], batch: int, again: Collection[int] = ()
) -> tuple[dict[int, Message], list[Entry]]:
    """The messages of a batch for those who may still be mailed, and who is passed over, with the reason.

    The list is asked again at this moment: who left since the dispatch was planned gets nothing. Nor does who
    is to be tried *again*, and is proved by now to have been handed over: that is accepted.
    """
    with job.engine.connect() as connection:
        people = job.store.addressees(connection, ids, topic=job.topic)
        marks = job.tracker.among(connection, ids) if job.tracker else {}
        retried = [who for who in ids if who in again] if again else []
        known = proved(connection, delivery_ids(job.secret, retried)) if retried else {}
    messages: dict[int, Message] = {}
    skipped: list[Entry] = []
    compose_one, links = job.composer.compose, job.links
    timestamp, smtputf8 = job.clock().timestamp(), job.provider.smtputf8
    for subscriber_id, name in zip(ids, delivery_ids(job.secret, ids), strict=True):
        if name in known:
            skipped.append(Entry(subscriber_id, name, DeliveryState.ACCEPTED, known[name]))
            continue
        person = people.get(subscriber_id)
        barrier = "erased" if person is None else person.barrier
        if person is not None and barrier is None:
            recipient = _new(Recipient, (person.email, person.name, person, links(person.public_id)))
            try:
                messages[subscriber_id] = compose_one(
                    recipient, name, timestamp, smtputf8=smtputf8, batch=batch, marks=marks.get(subscriber_id)
                )
                continue
            except MissingValue as error:
                barrier = error.reason
            except UnmailableError as error:
                barrier = error.what
        skipped.append(Entry(subscriber_id, name, DeliveryState.SKIPPED, barrier or "", attempts=0))
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
) -> tuple[list[Entry], dict[int, Outcome]]:
    """The entries for the ledger, and who is to be tried again or was not tried, with the reason.

    A message without an outcome was not handed over if the provider gave up, and is left out then. If the
    provider did not give up, it broke its promise, and nobody knows.
    """
    entries: list[Entry] = []
    later: dict[int, Outcome] = {}
    tried = lease.tries or {}
    for subscriber_id, message in messages.items():
        name, tries = message.delivery_id, tried.get(subscriber_id, 0) + 1
        outcome = outcomes.get(name)
        if outcome is None and trouble is not None:
            continue
        if outcome is None:
            outcome = Outcome(name, Verdict.UNCERTAIN, "the provider told no outcome")
        _, verdict, reason, provider_id, _ = outcome
        if verdict is _POSTPONED or (verdict is _DEFERRED and not job.backoff.exhausted(tries)):
            later[subscriber_id] = outcome
            continue
        entries.append(_new(Entry, (subscriber_id, name, _STATES[verdict], reason, provider_id, tries)))
    return entries, later


def record(
    job: Job, lease: ledger.Lease, entries: Sequence[Entry], later: Mapping[int, Outcome], *, claims: bool
) -> ledger.Lease:
    """Write down a window: what came of whom, and who is to be tried *later*; perhaps claim the next batch.

    Raises:
        LeaseLostError: the batch has another holder.
    """
    postponed = {who for who, outcome in later.items() if outcome.verdict is Verdict.POSTPONED}
    ends = len(entries) == len(lease.ids)
    claims = claims and ends and not job.stopping()
    now = job.clock()
    try:
        left = ledger.record(
            job.engine,
            lease,
            entries,
            later.keys() - postponed,
            now,
            postponed=postponed,
            claims=claims,
            busy=job.pace.busy_lanes() if claims else (),
        )
    except LeaseLostError:
        # They were named as in doubt: who was taken is in doubt no more, and waits no more in a free batch if
        # they were put back since. Only whoever is in another worker's hands by then is tried again.
        taken = [entry for entry in entries if entry.state is DeliveryState.ACCEPTED]
        proofs = [
            Proof(entry.delivery_id, f"{entry.reason} (told after the lease)".strip()) for entry in taken
        ]
        write_anew(job.engine, lambda connection: settle_proved(connection, proofs, now))
        raise
    if doubtful := [entry.delivery_id for entry in entries if entry.state is DeliveryState.UNCERTAIN]:
        write_anew(job.engine, lambda connection: settle_known(connection, job.dispatch_id, doubtful, now))
    return left


def _counts(lease: ledger.Lease, entries: Sequence[Entry], later: Mapping[int, Outcome]) -> Counter[str]:
    """How many got which outcome, and by how many more or fewer wait to be tried again."""
    counts: Counter[str] = Counter([entry.state for entry in entries])
    deferred = [who for who, outcome in later.items() if outcome.verdict is not Verdict.POSTPONED]
    counts[DEFERRED] = sum(lease.tried(who) == 0 for who in deferred)
    if lease.tries:
        counts[DEFERRED] -= sum(lease.tried(entry.subscriber_id) > 0 for entry in entries)
    return counts


def _when_ready(job: Job, lease: ledger.Lease, grant: Grant | None) -> datetime:
    """When those may be claimed who were not tried: now, or when their lane is free."""
    if lease.untried and grant is not None and grant.lane and grant.until is not None:
        return grant.until
    return job.clock()


def _when_to_retry(job: Job, lease: ledger.Lease, waits: Sequence[float]) -> datetime:
    """When those may be claimed who were deferred: after the wait of who was deferred most often.

    If the provider said how long to wait, it is not less than the longest of these *waits*.
    """
    most = max((lease.tried(who) for who in lease.deferred), default=0)
    seconds = job.backoff.wait(most, job.random) if most else 0.0
    return job.clock() + timedelta(seconds=max([seconds, *waits]))
