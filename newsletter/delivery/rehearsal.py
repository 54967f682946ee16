"""A rehearsal: every message of a dispatch that might be, checked by the provider and mailed by nobody."""

from __future__ import annotations

import secrets
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from newsletter.delivery.circuit import Circuit
from newsletter.delivery.deliver_batch import Job, compose
from newsletter.delivery.local import links_of
from newsletter.delivery.pace import Limits, Pace
from newsletter.delivery.received import Received
from newsletter.errors import BusyError
from newsletter.providers import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from newsletter.delivery.audience import Audience
    from newsletter.delivery.local import Means
    from newsletter.messages import Composer, Message
    from newsletter.providers import Connection, Outcome

#: So often a provider that is busy is asked for the same.
_TRIES = 3


@dataclass
class Rehearsal:
    """How many messages passed, who was refused and why, and how many have none for which reason."""

    passed: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def rehearse(
    means: Means,
    composer: Composer,
    audience: Audience,
    *,
    again: bool,
    wait: Callable[[float], object] = time.sleep,
) -> Rehearsal:
    """Let the provider check the message of everybody in *audience*; nothing is written.

    Args:
        means: what a dispatch would work with; its provider must be one that is `rehearsing`.
        composer: what makes the messages.
        audience: who is meant.
        again: also those who already received the issue, or are about to.
        wait: waits for so many seconds, where the provider asks for it.

    Raises:
        ProviderError: the provider cannot be reached, or refuses us.
    """
    result = Rehearsal()
    job = _job(means, composer, audience.topic)
    ids = _ids(means, composer.edition.slug, audience, again=again)
    with means.provider.connect("rehearsal") as connection:
        for window in _windows(ids, means.provider.window):
            messages, skipped = compose(job, window, batch=1)
            result.skipped.update(entry.reason for entry in skipped)
            by_name = {message.delivery_id: message.email for message in messages.values()}
            for outcome in _patiently(connection, list(messages.values()), wait):
                if outcome.verdict is Verdict.ACCEPTED:
                    result.passed += 1
                else:
                    result.refused.append((by_name[outcome.delivery_id], outcome.reason))
    return result


def _patiently(
    connection: Connection, messages: Sequence[Message], wait: Callable[[float], object]
) -> Iterator[Outcome]:
    """The outcomes of *messages*; a provider that is busy is asked again, as often as it says so in vain."""
    left = list(messages)
    for tries in range(_TRIES, 0, -1):
        told: set[str] = set()
        try:
            for outcome in connection.send(left) if left else ():
                told.add(outcome.delivery_id)
                yield outcome
        except BusyError as error:
            if tries == 1:
                raise
            left = [message for message in left if message.delivery_id not in told]
            wait(error.wait)
        else:
            return


def _ids(means: Means, slug: str, audience: Audience, *, again: bool) -> array[int]:
    ids = array("q")
    with means.engine.connect() as connection:
        received = None if again else Received(connection, slug)
        for who, barrier in means.store.candidates(connection, audience.segment, topic=audience.topic):
            if barrier is None and not (received and received.holds(who)):
                ids.append(who)
        if received is not None:
            received.close()
    return ids


def _windows(ids: Sequence[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])


def _job(means: Means, composer: Composer, topic: str) -> Job:
    return Job(
        engine=means.engine,
        store=means.store,
        dispatch_id=0,
        secret=secrets.token_bytes(32),
        composer=composer,
        topic=topic,
        links=links_of(means, composer.edition.slug, topic),
        provider=means.provider,
        pace=Pace(means.engine, means.provider.name, Limits(), means.clock),
        circuit=Circuit(means.engine, 0, None, None),
        wait=lambda _: None,
        stopping=lambda: False,
        progress=lambda _: None,
        clock=means.clock,
    )
