"""Writes of requests that come at once, gathered: one thread makes all of them durable with one commit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from fastapi.concurrency import run_in_threadpool

from subscribers.group_commit import write_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

T = TypeVar("T")
#: So many are written in one transaction at most, so that the first does not wait for too many others.
MOST = 200


class Gathering(Generic[T]):
    """Takes writes from the event loop; while some are being committed, the next ones gather.

    A thread for each request would do the same work, but spend most of its time on waiting for its turn.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[tuple[Callable[[Connection], T], asyncio.Future[T]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def write(self, change: Callable[[Connection], T]) -> T:
        """What *change* returns, once what it wrote is durable.

        Raises:
            Exception: what *change* raised; then nothing of it was written.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            outcomes = await run_in_threadpool(write_all, self._engine, [each for each, _ in batch])
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if future.done():  # whoever waited for it has gone; it is written all the same
                    continue
                if isinstance(outcome, BaseException):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)
