"""How long the service waits for slow clients, and how many it has at a time: what uvicorn does not limit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


@dataclass(frozen=True)
class Patience:
    """What one service allows its clients; seconds, and numbers of connections.

    ``headers`` is the time from the first byte, or from the connection, to the end of a request's headers;
    ``idle`` how long a connection may be quiet between requests. One address may have *share* of the
    *connections*, unless it is a trusted proxy's. ``grace`` is how long requests that are being answered may
    take once the service is told to stop.
    """

    headers: float = 10
    idle: float = 5
    connections: int | None = None
    share: float = 0.25
    trusts: Callable[[str], bool] = lambda _: False
    grace: int = 3
    held: Counter[str] = field(default_factory=Counter, compare=False)

    def takes(self, peer: str, total: int) -> bool:
        """Whether one more connection of *peer* is taken while there are *total*."""
        if self.connections is None:
            return True
        most = self.connections if self.trusts(peer) else max(1, int(self.connections * self.share))
        return total <= self.connections and self.held[peer] < most


def patient(patience: Patience) -> type[H11Protocol]:
    """Uvicorn's protocol that ends connections whose headers do not come, and those that are too many.

    Uvicorn has a limit for quiet connections only from the first answer on, and none for headers that come
    byte by byte ("slowloris").
    """

    class Patient(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None
        _peer: str | None = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)  # type: ignore[arg-type]
            peer = self.client[0] if self.client else ""
            if not patience.takes(peer, len(self.connections)):
                self.transport.abort()
                return
            self._peer = peer
            patience.held[peer] += 1
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._cease()
            if self._peer is not None:
                patience.held[self._peer] -= 1
                if patience.held[self._peer] <= 0:
                    del patience.held[self._peer]
                self._peer = None
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
