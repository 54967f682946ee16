"""What holds for the recipients of one domain: over how many connections at once, and when to stop."""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING

from newsletter.providers.base import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

#: After so many refusals in a row that were about us, a domain gets nothing more from this process.
REFUSALS = 5


class Domains:
    """Which domains may be written to now, over all connections of a process.

    Args:
        limits: how many connections may write to a domain at once; ``*`` stands for each of the others.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits
        self._lock = Lock()
        self._busy: Counter[str] = Counter()
        self._refusals: dict[str, list[str]] = {}

    def enter(self, domain: str) -> bool:
        """Whether a message to the domain may go now; if so, `leave` must follow."""
        if not self._limits:
            return True
        limit = self._limits.get(domain) or self._limits.get("*")
        with self._lock:
            if limit is not None and self._busy[domain] >= limit:
                return False
            self._busy[domain] += 1
        return True

    def leave(self, domain: str) -> None:
        """The message that was let in is done with."""
        if self._limits:
            with self._lock:
                self._busy[domain] -= 1

    def note(self, domain: str, verdict: Verdict, reason: str) -> None:
        """Remember what the server said of a message to the domain."""
        if verdict is Verdict.REFUSED:
            with self._lock:
                self._refusals.setdefault(domain, []).append(reason)
        elif verdict is Verdict.ACCEPTED and self._refusals:
            self._refusals.pop(domain, None)

    def stopped(self, domain: str) -> str:
        """Why the domain gets nothing more: the last refusal; empty if it may be written to."""
        refusals = self._refusals.get(domain, []) if self._refusals else []
        return refusals[-1] if len(refusals) >= REFUSALS else ""
