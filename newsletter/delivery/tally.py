"""How far a dispatch has come, as it is told while it runs: by the ledger, which knows of all processes."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING

from newsletter.delivery.deliver_batch import DEFERRED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from newsletter.delivery.report import Status

#: The ledger is counted at most so often, in seconds, and for at most this share of the time.
EVERY = 1.0
SHARE = 0.02
_OUTCOMES = ("accepted", "rejected", "failed", "skipped", "uncertain")


@dataclass(frozen=True)
class Progress:
    """How far a dispatch has come: *recipients* in all, and the outcomes so far, by state.

    ``deferred`` recipients were not taken for now and are tried again. While nothing can be done,
    ``waits_until`` says how long, and ``why``.
    """

    recipients: int
    outcomes: Mapping[str, int]
    deferred: int = 0
    waits_until: datetime | None = None
    why: str = ""

    @property
    def done(self) -> int:
        """Recipients with an outcome."""
        return sum(self.outcomes.values())


class Tally:
    """Adds up outcomes over all threads, looks now and then what others did, and tells how far it all is.

    Args:
        count: how the dispatch stands by the ledger.
        tell: is told how far it is, from several threads, one at a time.
        clock: seconds, for how long it is since the last look.
    """

    def __init__(
        self,
        count: Callable[[], Status],
        tell: Callable[[Progress], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._count = count
        self._tell = tell
        self._clock = clock
        self._lock = Lock()
        #: Outcomes that this process recorded.
        self.recorded = 0
        self._counts: Counter[str] = Counter()
        self._recipients = self._deferred = 0
        self._next_look = 0.0
        self._look()
        self._tell(self._progress())

    def add(self, outcomes: Counter[str]) -> None:
        """Count what this process recorded just now; those who wait to be tried again are `DEFERRED`."""
        with self._lock:
            self._deferred = max(0, self._deferred + outcomes.pop(DEFERRED, 0))
            self.recorded += outcomes.total()
            self._counts.update(outcomes)
            # A look may have seen what is only now added: more than all is certainly wrong.
            if self._clock() >= self._next_look or self._counts.total() > self._recipients:
                self._look()
            self._tell(self._progress())

    def look(self) -> None:
        """Tell what others did, if it is time to look; for who has nothing to do meanwhile."""
        with self._lock:
            if self._clock() >= self._next_look:
                before = self._progress()
                self._look()
                if (after := self._progress()) != before:
                    self._tell(after)

    def wait(self, until: datetime, why: str) -> None:
        """Tell that nothing can be done *until* then, and *why*."""
        with self._lock:
            self._tell(replace(self._progress(), waits_until=until, why=why))

    def _look(self) -> None:
        begin = self._clock()
        standing = self._count()
        self._recipients = standing.recipients
        self._counts = Counter({name: getattr(standing, name) for name in _OUTCOMES})
        self._deferred = standing.deferred
        end = self._clock()
        self._next_look = end + max(EVERY, (end - begin) / SHARE)

    def _progress(self) -> Progress:
        return Progress(self._recipients, dict(self._counts), self._deferred)
