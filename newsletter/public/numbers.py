"""How sending stands, as Prometheus reads it: looked up when it is asked for, and not too often."""

from __future__ import annotations

from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from newsletter.delivery.gauges import gauges
from newsletter.notices.queue import in_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sqlalchemy import Engine

#: For how long the numbers are kept, in seconds: as often as Prometheus asks by the shortest of usual spans.
KEPT = 15.0
#: How long one waits for another who asks at the same time, in seconds; Prometheus waits for ten.
PATIENCE = 5.0


class SendingNumbers:
    """The numbers of sending, out of the database *engine*; safe for threads.

    Args:
        engine: the database.
        clock: tells the moment in UTC.
        timer: seconds, for how long the numbers are kept.
    """

    def __init__(
        self, engine: Engine, clock: Callable[[], datetime], timer: Callable[[], float] = monotonic
    ) -> None:
        self._engine, self._clock, self._timer = engine, clock, timer
        self._lock = Lock()
        self._text, self._until = "", float("-inf")

    def text(self) -> str:
        """The numbers, not older than `KEPT`; without a database, that there is none.

        While a database keeps somebody waiting who asks it, others are told what was known before.
        """
        if self._lock.acquire(timeout=PATIENCE):
            try:
                if self._timer() >= self._until:
                    self._text = self._read()
                    self._until = self._timer() + KEPT
            finally:
                self._lock.release()
        return self._text

    def _read(self) -> str:
        try:
            told = [_gauge("database_up", "Whether the database answers.", 1), *self._told()]
        except SQLAlchemyError:
            told = [_gauge("database_up", "Whether the database answers.", 0)]
        return "".join(told)

    def _told(self) -> list[str]:
        now = self._clock()
        found = gauges(self._engine, now)
        waiting, since = in_line(self._engine)
        age = max((now - since).total_seconds(), 0.0) if since else 0
        return [
            _gauge("dispatches", "Dispatches by state.", found.dispatches),
            _gauge("dispatches_halted", "Dispatches that the program paused by itself.", found.halted),
            _gauge("recipients_pending", "Recipients without an outcome, by state.", found.pending),
            _gauge(
                "recipients_uncertain",
                "Recipients who may or may not have been mailed, of dispatches that are open or recent.",
                found.uncertain,
            ),
            _gauge("batch_holders", "Processes that have recipients in hand.", found.holders),
            _gauge("workers", "Processes of `newsletter worker` that gave a sign of life.", found.workers),
            _gauge("notices_waiting", "Notices that no provider has yet.", waiting),
            _gauge("notices_oldest_waiting_seconds", "For how long the oldest of them waits.", age),
        ]


def _gauge(name: str, help_: str, value: float | Mapping[str, int]) -> str:
    """The lines of one gauge; of a mapping, one for each state."""
    name = f"newsletter_{name}"
    head = f"# HELP {name} {help_}\n# TYPE {name} gauge\n"
    if isinstance(value, (int, float)):
        return f"{head}{name} {value}\n"
    return head + "".join(f'{name}{{state="{state}"}} {count}\n' for state, count in value.items())
