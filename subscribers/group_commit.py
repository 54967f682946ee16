"""Writes of many threads in one transaction: whoever waits for the disk together pays for it once.

SQLite has one writer at a time, and with ``synchronous=FULL`` each commit waits for the disk. While one
thread commits, the writes of the others gather, and the next commit makes them all durable.
"""

from __future__ import annotations

from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from subscribers.database import writing
from subscribers.deadlocks import write_anew

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

T = TypeVar("T")


class Declined(Exception):  # noqa: N818 - it is no error of the transaction, which goes on
    """Raised by a write that has changed nothing: only its own caller is told, the others are committed."""


def write_together(engine: Engine, write: Callable[[Connection], T]) -> T:
    """What *write* returns, once what it wrote is durable; on SQLite perhaps together with other threads'.

    Args:
        engine: the database.
        write: gets a transaction as of `writing`. It may be called by another thread, and again if another's
            write made the first transaction fail.

    Raises:
        Exception: what *write* raised; then nothing that it wrote was committed.
    """
    if engine.dialect.name != "sqlite":  # PostgreSQL gathers the commits of its connections by itself
        return write_anew(engine, write)
    with _LOCK:
        group = _GROUPS.setdefault(engine, _Group())
    return group.take(engine, _Write(write))


class _Write(Generic[T]):
    """One write, and what came of it."""

    def __init__(self, write: Callable[[Connection], T]) -> None:
        self._write = write
        self._value: T | None = None
        self._error: BaseException | None = None
        #: Set when there is an outcome, or when it is this write's thread that must go on.
        self.wake = Event()
        self.done = False

    def attempt(self, connection: Connection) -> None:
        """Do it; only a `Declined` is kept, everything else ends the transaction."""
        self._error = None
        try:
            self._value = self._write(connection)
        except Declined as error:
            self._error = error

    def fail(self, error: BaseException) -> None:
        self._error = error

    def outcome(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]


class _Group:
    """The writes that wait for one database; one thread at a time works for all."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: list[_Write[Any]] = []
        self._busy = False

    def take(self, engine: Engine, write: _Write[T]) -> T:
        with self._lock:
            self._waiting.append(write)
            leads, self._busy = not self._busy, True
        if not leads:
            write.wake.wait()
        if not write.done:
            self._lead(engine)
        return write.outcome()

    def _lead(self, engine: Engine) -> None:
        with self._lock:
            together, self._waiting = self._waiting, []
        try:
            _commit(engine, together)
        except BaseException as error:
            for each in together:
                each.fail(error)
            raise
        finally:
            for each in together:
                each.done = True
            with self._lock:
                self._busy = bool(self._waiting)
                successor = self._waiting[0] if self._waiting else None
            for each in together:
                each.wake.set()
            if successor is not None:
                successor.wake.set()


def _commit(engine: Engine, together: list[_Write[Any]]) -> None:
    try:
        with writing(engine) as connection:
            for each in together:
                each.attempt(connection)
    except Exception as error:  # noqa: BLE001 - its own caller gets it
        if len(together) == 1:
            together[0].fail(error)
            return
        # All was undone. One by one, only whose fault it is fails.
        for each in together:
            _commit(engine, [each])


_GROUPS: WeakKeyDictionary[Engine, _Group] = WeakKeyDictionary()
_LOCK = Lock()
