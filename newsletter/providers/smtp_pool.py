"""The connections to an SMTP server that the workers of a process share.

A worker has one for as long as it hands over a window. While it writes the ledger, another uses it.
"""

from __future__ import annotations

from threading import Condition
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.providers.smtp_dialogue import Line


class Pool:
    """At most *size* open connections; *recycle_after* messages or *recycle_age* seconds wear one out."""

    def __init__(
        self, connect: Callable[[], Line], size: int, recycle_after: int, recycle_age: float
    ) -> None:
        self._connect = connect
        self._size = size
        self._recycle_after = recycle_after
        self._recycle_age = recycle_age
        self._changed = Condition()
        self._idle: list[Line] = []
        self._taken = 0
        self._members = 0

    def join(self) -> None:
        """One more worker will take connections; `leave` must follow."""
        with self._changed:
            self._members += 1

    def leave(self) -> None:
        """A worker is done; the last one says goodbye to the server."""
        with self._changed:
            self._members -= 1
            idle = [] if self._members else self._idle
            self._idle = self._idle if self._members else []
        for line in idle:
            line.end()

    def take(self) -> Line:
        """A connection for this worker alone, as soon as there is one; `give_back` or `lose` must follow.

        Raises:
            ProviderError: a new one is needed, and the server cannot be reached or used.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._taken < self._size)
            self._taken += 1
            line = self._idle.pop() if self._idle else None
        try:
            if line is not None and (self.is_worn(line) or line.is_over()):
                line.end()
                line = None
            return line or self._connect()
        except BaseException:
            self._free()
            raise

    def give_back(self, line: Line) -> None:
        """The worker does not need it now."""
        self._free(line)

    def lose(self, line: Line) -> None:
        """The connection is of no use any more; it is closed without a word."""
        line.close()
        self._free()

    def is_worn(self, line: Line, more: int = 0) -> bool:
        """Whether it has carried enough, or will have with so many messages *more*."""
        return line.carried + more >= self._recycle_after or monotonic() - line.since >= self._recycle_age

    def _free(self, line: Line | None = None) -> None:
        with self._changed:
            self._taken -= 1
            if line is not None:
                self._idle.append(line)
            self._changed.notify()
