"""How long the service waits for slow clients, and how many it has at a time: what uvicorn does not limit."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from secrets import token_bytes
from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

from newsletter.web.sharing import ALONE, shared_memory

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from contextlib import AbstractContextManager

#: The length of a peer's name, which is a keyed hash.
_NAME = 8


class Held:
    """The connections that there are, of all processes that were forked after it was made.

    Args:
        most: how many there may be.
        seats: how many processes have some.
        turn: held while they are counted; what several processes need.
    """

    def __init__(self, most: int, seats: int = 1, turn: AbstractContextManager[object] = ALONE) -> None:
        self.most = most
        self._names = shared_memory(seats * most * _NAME)
        self._numbers: memoryview[float] = memoryview(shared_memory(seats * 8)).cast("d")
        self._secret, self._turn = token_bytes(16), turn
        self.sit(0)

    def sit(self, seat: int) -> None:
        """This process has the connections of *seat*; those of who died there are none any more."""
        begin, end = seat * self.most * _NAME, (seat + 1) * self.most * _NAME
        self._seat, self._numbers[seat] = seat, 0
        self._names[begin:end] = bytes(end - begin)
        self._free = list(range(begin, end, _NAME))

    def take(self, peer: str, share: int) -> int | None:
        """Count one more connection of *peer*, who may have so many: where, or None if there are too many."""
        name = blake2b(peer.encode(), digest_size=_NAME, key=self._secret).digest()
        with self._turn:
            if sum(self._numbers) >= self.most:
                return None
            if share < self.most and self._names[:].count(name) >= share:
                return None
            place = self._free.pop()
            self._names[place : place + _NAME] = name
            self._numbers[self._seat] += 1
            return place

    def give_back(self, place: int) -> None:
        """What was taken is there no more."""
        self._names[place : place + _NAME] = bytes(_NAME)
        self._numbers[self._seat] -= 1
        self._free.append(place)


@dataclass(frozen=True)
class Patience:
    """What one service allows its clients; seconds, and numbers of connections.

    ``headers`` is the time from the first byte, or from the connection, to the end of a request's headers;
    ``idle`` how long a connection may be quiet between requests. One address may have *share* of the
    connections that may be *held*, unless it is a trusted proxy's; without any, all are taken. ``grace`` is
    how long requests that are being answered may take once the service is told to stop.
    """

    headers: float = 10
    idle: float = 5
    held: Held | None = None
    share: float = 0.25
    trusts: Callable[[str], bool] = lambda _: False
    grace: int = 3

    def take(self, peer: str) -> int | None:
        """Take one more connection of *peer*: its place, for `Held.give_back`; None if it is one too many."""
        if self.held is None:
            return 0
        one_may_have = max(1, int(self.held.most * self.share))
        return self.held.take(peer, self.held.most if self.trusts(peer) else one_may_have)


def patient(patience: Patience) -> type[H11Protocol]:
    """Uvicorn's protocol that ends connections whose headers do not come, and those that are too many.

    Uvicorn has a limit for quiet connections only from the first answer on, and none for headers that come
    byte by byte ("slowloris").
    """

    class Patient(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None
        _place: int | None = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)  # type: ignore[arg-type]
            self._place = patience.take(self.client[0] if self.client else "")
            if self._place is None:
                self.transport.abort()
                return
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._cease()
            if self._place is not None and patience.held is not None:
                patience.held.give_back(self._place)
            self._place = None
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._cease()
            elif self._deadline is None:
                self._wait()

        def on_response_complete(self) -> None:
            self._cease()
            super().on_response_complete()

        def _wait(self) -> None:
            self._deadline = self.loop.call_later(patience.headers, self._give_up)

        def _cease(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _give_up(self) -> None:
            self._deadline = None
            if not self.transport.is_closing():
                self.transport.abort()

    return Patient
