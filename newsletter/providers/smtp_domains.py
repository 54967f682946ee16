"""What holds for the recipients of one domain: how many connections at once, how fast, and when to stop."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from newsletter.providers.base import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from newsletter.config import SmtpDomainSettings

#: After so many refusals in a row that were about us, a domain gets nothing more within this run.
REFUSALS = 5
#: A domain that all its connections are busy with is looked at again after so many seconds.
_BUSY = 0.05


@dataclass
class _Domain:
    connections: int | None = None
    rate: float | None = None
    busy: int = 0
    free_at: float = 0.0
    refusals: int = 0
    last: str = ""


@dataclass
class Domains:
    """Over all connections of a process: which domains may be written to now.

    Args:
        limits: by domain, what ``[smtp.domains]`` says; ``*`` stands for each of the others.
        clock: seconds that never go back.
    """

    limits: Mapping[str, SmtpDomainSettings]
    clock: Callable[[], float] = monotonic
    _known: dict[str, _Domain] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def enter(self, name: str) -> float:
        """0 if a message to the domain may go now, and then `leave` must follow; else seconds to wait."""
        if not self.limits:
            return 0.0
        with self._lock:
            domain, now = self._domain(name), self.clock()
            if domain.free_at > now:
                return domain.free_at - now
            if domain.connections is not None and domain.busy >= domain.connections:
                return _BUSY
            if domain.rate is not None:
                domain.free_at = now + 1.0 / domain.rate
            domain.busy += 1
            return 0.0

    def leave(self, name: str) -> None:
        """The message that was let in is done with."""
        if self.limits:
            with self._lock:
                self._domain(name).busy -= 1

    def note(self, name: str, verdict: Verdict, reason: str) -> None:
        """Remember what the server said of a message to the domain."""
        if verdict is Verdict.REFUSED:
            with self._lock:
                domain = self._domain(name)
                domain.refusals, domain.last = domain.refusals + 1, reason
        elif verdict is Verdict.ACCEPTED and self._known and (known := self._known.get(name)):
            known.refusals = 0

    def stopped(self, name: str) -> str:
        """Why the domain gets nothing more: the last refusal; empty if it may be written to."""
        if self._known and (domain := self._known.get(name)) and domain.refusals >= REFUSALS:
            return domain.last
        return ""

    def _domain(self, name: str) -> _Domain:
        domain = self._known.get(name)
        if domain is None:
            limit = self.limits.get(name) or self.limits.get("*")
            domain = _Domain(limit.connections, limit.messages_per_second) if limit else _Domain()
            self._known[name] = domain
        return domain
