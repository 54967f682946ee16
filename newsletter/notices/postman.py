"""The thread of `newsletter serve` and of workers that hands notices over as soon as they are written."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from newsletter.errors import NewsletterError
from newsletter.notices.handing_over import hand_over, nameless
from newsletter.notices.queue import next_due
from subscribers import SubscribersError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from newsletter.notices.handing_over import Desk

_log = logging.getLogger(__name__)

#: How often to look without being called, in seconds: for what is tried again, or was written elsewhere.
PERIOD = 30.0
#: How long to rest at least, in seconds: what is due and cannot leave yet is not tried again at once.
SHORTEST = 1.0


@contextmanager
def postman(desk: Desk, *, period: float = PERIOD) -> Iterator[Callable[[], None]]:
    """A postman at work until the block ends: what is given back calls them, and returns at once.

    At the end what is being handed over gets its outcome; what waits is there for the next one. There may be
    any number of them, on any number of machines: a notice is claimed by one. Signs of life are given with
    each round, and before each notice.

    Args:
        desk: what it takes.
        period: how often to look without being called, in seconds.
    """
    called, stopped = Event(), Event()

    def work() -> None:
        while not stopped.is_set():
            desk.beat()
            called.clear()
            _round(replace(desk, sleep=stopped.wait), stopped.is_set)
            called.wait(_rest(desk, period))

    thread = Thread(target=work, name="postman")
    thread.start()
    try:
        yield called.set
    finally:
        stopped.set()
        called.set()
        thread.join()


def _rest(desk: Desk, period: float) -> float:
    """Seconds until there is something to do again, as far as is known."""
    try:
        due = next_due(desk.engine)
    except SQLAlchemyError:
        return period
    until = (due - desk.clock()).total_seconds() if due else period
    return min(max(until, SHORTEST), period)


def _round(desk: Desk, stopping: Callable[[], bool]) -> None:
    try:
        hand_over(desk, stopping=stopping)
    except (NewsletterError, SubscribersError) as error:
        _log.warning("notices wait: %s", nameless(error.what))
    except SQLAlchemyError as error:
        # Its text may hold addresses; its name does not.
        _log.warning("notices wait: the database did not answer: %s", type(error).__name__)
    except Exception as error:  # noqa: BLE001 - the thread must live on; what was handed over is uncertain
        _log.error("notices wait: this is a fault of the program: %s", type(error).__name__)
