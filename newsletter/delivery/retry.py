"""How long to wait before something that was not taken is tried again, and when to give up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True)
class Backoff:
    """Waits that grow by *factor* from *first* seconds up to *longest*, each shortened by chance.

    *tries* counts all of them, the first included: with 5 there are four waits of about 1, 4, 16 and 64
    seconds.
    """

    tries: int = 5
    first: float = 1.0
    factor: float = 4.0
    longest: float = 900.0

    def exhausted(self, tries: int) -> bool:
        """True when *tries* were made and no more are allowed."""
        return tries >= self.tries

    def wait(self, tries: int, random: Random) -> float:
        """Seconds to wait after the *tries*-th try: three quarters of the full wait, or up to all of it.

        Chance keeps many workers that failed at the same moment from coming back at the same moment.
        """
        full: float = min(self.longest, self.first * self.factor ** (tries - 1))
        return full * random.uniform(0.75, 1.0)
