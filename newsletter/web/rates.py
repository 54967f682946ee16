"""How often a client may ask: buckets that fill by themselves, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING

from newsletter.measures import parse_rate
from newsletter.web.asgi import SAFE, answer
from newsletter.web.proxies import network_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from newsletter.web.asgi import App, Receive, Scope, Send

#: So many networks are remembered, about 200 bytes each; the one that was quiet longest is forgotten first.
MOST_NETWORKS = 20_000
#: A bucket holds what comes in so many seconds, at least this many requests.
BURST_SECONDS = 60
SMALLEST_BURST = 10


@dataclass
class Buckets:
    """One bucket for each key, filled at *rate* requests per second up to *burst*.

    Kept as one moment for each: when its bucket will be full again (the virtual scheduling of ITU-T I.371).
    """

    rate: float
    burst: float
    most: int = MOST_NETWORKS

    def __post_init__(self) -> None:
        self._full_at: OrderedDict[str, float] = OrderedDict()

    @classmethod
    def of(cls, text: str) -> Buckets | None:
        """The buckets for a setting such as ``60/minute``; None for ``off``."""
        if text == "off":
            return None
        rate = parse_rate(text)
        return cls(rate, max(rate * BURST_SECONDS, SMALLEST_BURST))

    def take(self, key: str, now: float) -> float:
        """Take one from the bucket of *key*: 0 if there was one, else in how many seconds there will be."""
        full_at = max(self._full_at.get(key, now), now) + 1 / self.rate
        wait = full_at - now - self.burst / self.rate
        if wait > 1e-9:
            return wait
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > self.most:
            self._full_at.popitem(last=False)
        return 0.0

    def __len__(self) -> int:
        """How many networks are remembered."""
        return len(self._full_at)


class Rates:
    """ASGI middleware: answers 429 to who asks too often, saying when to come again (RFC 6585 section 4).

    Who is asked by a trusted proxy that names no client, or from this machine itself, is not counted: all
    readers would share one bucket.

    Args:
        app: the application behind it.
        every: for all requests of a client network; None for no limit.
        posts: for those that may change something, besides.
        headers: of the answer, beside when to come again.
        never: whether a request must be answered all the same; asked only when a bucket is empty.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        app: App,
        *,
        every: Buckets | None,
        posts: Buckets | None,
        headers: Mapping[str, str] | None = None,
        never: Callable[[Scope], bool] = lambda _: False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._app = app
        self._every, self._posts = every, posts
        self._never = never
        self._headers = headers or {}
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Turn one request away, or pass it on."""
        wait = 0.0
        if scope["type"] == "http" and not scope.get("state", {}).get("direct"):
            wait = self._wait(scope)
        if wait and not self._never(scope):
            text = "There were too many requests from your network. Please try again in a moment.\n"
            await answer(send, 429, text, {**self._headers, "retry-after": str(ceil(wait))})
            return
        await self._app(scope, receive, send)

    def _wait(self, scope: Scope) -> float:
        key, now = network_of(scope["client"][0] if scope.get("client") else ""), self._clock()
        wait = self._every.take(key, now) if self._every is not None else 0.0
        if self._posts is not None and scope["method"] not in SAFE:
            wait = max(wait, self._posts.take(key, now))
        return wait
