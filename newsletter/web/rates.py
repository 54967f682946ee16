"""How often a client may ask: buckets that fill by themselves, in bounded memory that workers share."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from math import ceil
from secrets import token_bytes
from time import monotonic
from typing import TYPE_CHECKING

from newsletter.measures import parse_rate
from newsletter.web.asgi import SAFE, answer
from newsletter.web.proxies import network_of
from newsletter.web.sharing import ALONE, shared_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from newsletter.web.asgi import App, Receive, Scope, Send

#: So many networks are remembered, 16 bytes each.
MOST_NETWORKS = 40_000
#: A bucket holds what comes in so many seconds, at least this many requests.
BURST_SECONDS = 60
SMALLEST_BURST = 10
#: A network may be in one of so many places, beside each other; its name has so many bytes.
_PLACES, _NAME = 8, 8


@dataclass
class Buckets:
    """One bucket for each key, filled at *rate* requests per second up to *burst*.

    Kept as one moment for each: when its bucket will be full again (the virtual scheduling of ITU-T I.371),
    in memory that processes share which are forked later. Where there are too many, the fullest bucket of
    eight is forgotten: mostly a full one, so that nothing is lost. A key is kept as a keyed hash, so that
    nobody can choose whose bucket theirs displaces.

    Args:
        rate: requests per second.
        burst: how many a bucket holds.
        most: how many keys are remembered, about.
        turn: held while a bucket is looked at; what several processes need.
    """

    rate: float
    burst: float
    most: int = MOST_NETWORKS
    turn: AbstractContextManager[object] = field(default=ALONE, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._shelves = ceil(self.most / _PLACES)
        self._names = shared_memory(self._shelves * _PLACES * _NAME)
        self._moments: memoryview[float] = memoryview(shared_memory(self._shelves * _PLACES * 8)).cast("d")
        self._secret = token_bytes(16)

    @classmethod
    def of(
        cls, text: str, turn: AbstractContextManager[object] = ALONE, before: Buckets | None = None
    ) -> Buckets | None:
        """The buckets for a setting such as ``60/minute``; None for ``off``.

        Those from *before*, as full as they are, if the rate is the same.
        """
        if text == "off":
            return None
        rate = parse_rate(text)
        if before is not None and before.rate == rate:
            return before
        return cls(rate, max(rate * BURST_SECONDS, SMALLEST_BURST), turn=turn)

    def take(self, key: str, now: float) -> float:
        """Take one from the bucket of *key*: 0 if there was one, else in how many seconds there will be.

        *now* is of a clock that all processes share and that only grows, as CLOCK_MONOTONIC is.
        """
        digest = blake2b(key.encode(), digest_size=2 * _NAME, key=self._secret).digest()
        name, first = digest[:_NAME], int.from_bytes(digest[_NAME:]) % self._shelves * _PLACES
        with self.turn:
            place = self._find(name, first)
            emptied, full_at = now + self.burst / self.rate, now
            if place is not None:
                if not self._moments[place] <= emptied:
                    self._moments[place] = emptied  # who died while writing may have left anything
                full_at = max(self._moments[place], now)
            full_at += 1 / self.rate
            wait = full_at - emptied
            if wait > 1e-9:
                return wait
            if place is None:
                place = min(range(first, first + _PLACES), key=self._moments.__getitem__)
                self._names[place * _NAME : (place + 1) * _NAME] = name
            self._moments[place] = full_at
        return 0.0

    def __len__(self) -> int:
        """How many networks are remembered."""
        return sum(moment > 0 for moment in self._moments)

    def _find(self, name: bytes, first: int) -> int | None:
        place, rest = divmod(self._names.find(name, first * _NAME, (first + _PLACES) * _NAME), _NAME)
        return None if rest else place


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
