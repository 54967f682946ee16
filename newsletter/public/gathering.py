"""Wishes of requests that come at once, gathered: one thread makes all of them durable with one commit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from fastapi.concurrency import run_in_threadpool

from subscribers.group_commit import write_together

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Engine

T = TypeVar("T")
#: So many are written in one transaction at most, so that the first does not wait for too many others.
MOST = 200


class Gathering(Generic[T]):
    """Takes wishes from the event loop; while some are being committed, the next ones gather.

    A thread for each request would do the same work, but spend most of its time on waiting for its turn.

    Args:
        engine: the database.
        write: writes several wishes within a transaction; of what it raises, nothing was written.
    """

    def __init__(self, engine: Engine, write: Callable[[Connection, Sequence[T]], object]) -> None:
        self._engine = engine
        self._write = write
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def add(self, wish: T) -> None:
        """Return once *wish* is durable.

        Raises:
            Exception: what kept it from being written.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((wish, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        await future

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            outcomes = await run_in_threadpool(self._commit, [wish for wish, _ in batch])
            for (_, future), error in zip(batch, outcomes, strict=True):
                if future.done():  # whoever waited for it has gone; it is written all the same
                    continue
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)

    def _commit(self, wishes: Sequence[T]) -> list[Exception | None]:
        """Write all in one transaction; if that fails, each by itself: only whose fault it is fails."""
        try:
            write_together(self._engine, lambda connection: self._write(connection, wishes))
        except Exception as error:  # noqa: BLE001 - its own request gets it
            if len(wishes) == 1:
                return [error]
            return [self._commit([wish])[0] for wish in wishes]
        return [None] * len(wishes)
