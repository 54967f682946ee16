"""The rate at which messages may leave this process."""

from __future__ import annotations

from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Throttle:
    """Lets *rate* messages pass per second, over all threads; any number when *rate* is None.

    Args:
        rate: messages per second.
        wait: waits for so many seconds, or less when the run is to stop.
        clock: seconds that never go back.
    """

    def __init__(
        self, rate: float | None, wait: Callable[[float], object], clock: Callable[[], float] = monotonic
    ) -> None:
        self._rate = rate
        self._wait = wait
        self._clock = clock
        self._lock = Lock()
        self._free_at = clock()

    def window(self, most: int) -> int:
        """How many messages to let pass at once: *most*, or as many as one second allows."""
        return most if self._rate is None else max(1, min(most, int(self._rate)))

    def take(self, count: int) -> None:
        """Wait until *count* more messages may leave."""
        if self._rate is None:
            return
        with self._lock:
            now = self._clock()
            start = max(now, self._free_at)
            self._free_at = start + count / self._rate
        if start > now:
            self._wait(start - now)
