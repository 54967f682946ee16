"""What SendGrid posts, from the raw body to rows: a broken event loses no other."""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from newsletter.feedback.occurrences import of_sendgrid
from newsletter.feedback.taking_in import Taken, take_in
from newsletter.providers.sendgrid_events import UnreadableError, read_event
from subscribers import Bounce, now
from subscribers.deadlocks import write_anew

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from sqlalchemy import Engine

    from newsletter.feedback.consequences import Rules
    from newsletter.feedback.occurrences import Occurrence

_log = logging.getLogger(__name__)


class NoEventsError(ValueError):
    """A body is no JSON array: nothing of it can be read."""


@dataclass(frozen=True)
class Read:
    """Events of our deliveries, how many are of none of them, and why others cannot be read."""

    occurrences: list[Occurrence]
    foreign: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)


def read_body(body: bytes) -> Read:
    """The events in a body that SendGrid posted.

    Raises:
        NoEventsError: it is no JSON array in UTF-8.
    """
    try:
        told = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise NoEventsError("no JSON") from error
    if not isinstance(told, list):
        raise NoEventsError("no array")
    return read(told)


def read(told: Iterable[object]) -> Read:
    """The events among *told*, the elements of arrays that SendGrid posted."""
    found: list[Occurrence] = []
    foreign = 0
    unreadable: Counter[str] = Counter()
    for each in told:
        try:
            event = read_event(each)
        except UnreadableError as error:
            unreadable[str(error)] += 1
            continue
        if event is not None and event.delivery and event.at is None:
            unreadable["no moment"] += 1
            continue
        occurrence = None if event is None else of_sendgrid(event)
        if occurrence is None:
            foreign += 1
        else:
            found.append(occurrence)
    return Read(found, foreign, unreadable)


def take_body(engine: Engine, body: bytes, rules: Rules, clock: Callable[[], datetime] = now) -> Taken:
    """Take in the events of one request, whose signature was verified; durable when this returns.

    Raises:
        NoEventsError: it is no JSON array.
    """
    found = read_body(body)
    taken = write_anew(engine, lambda connection: take_in(connection, found.occurrences, rules, clock()))
    tell(taken, found)
    return taken


def tell(taken: Taken, found: Read) -> None:
    """Log what came of events; no address stands in any line."""
    _log.info(
        "events: %d new, %d known, %d of nobody, %d of other mail, %d in doubt settled",
        taken.new,
        taken.known,
        taken.unknown,
        found.foreign,
        taken.settled,
    )
    for why, count in found.unreadable.items():
        _log.warning("events that cannot be read, and were left out: %d (%s)", count, why)
    if refused := taken.bounces[Bounce.POLICY]:
        _log.warning(
            "%d messages were refused for what they are or who we are; nobody is suppressed for it: "
            "`newsletter doctor` tells more",
            refused,
        )
