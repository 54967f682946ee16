"""What is counted of all requests to one service, by all of its workers together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.web.metrics import Metrics
from newsletter.web.patience import Held
from newsletter.web.rates import Buckets
from newsletter.web.sharing import ALONE, Turn

if TYPE_CHECKING:
    from newsletter.config.web import WebSettings


@dataclass(frozen=True)
class Tally:
    """Connections, the buckets of all requests and of those that may change something, and the numbers.

    Made before the workers are forked, it is one for all of them. What is None is not counted.
    """

    held: Held
    every: Buckets | None
    posts: Buckets | None
    metrics: Metrics | None

    @classmethod
    def of(cls, web: WebSettings, *, workers: int = 1, before: Tally | None = None) -> Tally:
        """What *web* asks for, for so many *workers*; numbers and unchanged rates go on from *before*."""
        turn = Turn() if workers > 1 else ALONE
        every, posts = (before.every, before.posts) if before else (None, None)
        numbers = (before and before.metrics) or Metrics(workers, turn)
        return cls(
            Held(web.connections, workers, turn),
            Buckets.of(web.rate, turn, every),
            Buckets.of(web.post_rate, turn, posts),
            numbers if web.metrics else None,
        )

    def sit(self, seat: int) -> None:
        """This process counts in the place *seat* what is its own, and forgets what who died there had."""
        self.held.sit(seat)
        if self.metrics is not None:
            self.metrics.sit(seat)
