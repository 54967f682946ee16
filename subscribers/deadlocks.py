"""Transactions that are begun anew when PostgreSQL ended them, since two would have waited for each other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.exc import DBAPIError

from subscribers.database import rehearsing, writing

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection, Engine

T = TypeVar("T")

#: "deadlock detected" (https://www.postgresql.org/docs/current/errcodes-appendix.html, class 40).
_DEADLOCK = "40P01"
#: So often it is done in all; whoever is the victim once is seldom so again, since the other goes on first.
_TIMES = 5


def write_anew(engine: Engine, write: Callable[[Connection], T]) -> T:
    """What *write* returns, once what it wrote is durable; done again if a deadlock undid it.

    PostgreSQL ends one of two transactions that wait for each other's locks, and nothing of it was written:
    done again, it finds what the other has written. SQLite has one writer at a time, and no deadlocks.

    Args:
        engine: the database.
        write: gets a transaction as of `writing`, and may be called several times, each time with a new one.

    Raises:
        Exception: what *write* raised; then nothing that it wrote was committed.
    """
    return _anew(partial(writing, engine), write)


def rehearse_anew(engine: Engine, write: Callable[[Connection], T]) -> T:
    """As `write_anew`, but in the end everything is undone; its locks are those of the real run meanwhile.

    Args:
        engine: the database.
        write: gets a transaction as of `rehearsing`, and may be called several times.

    Raises:
        Exception: what *write* raised.
    """
    return _anew(partial(rehearsing, engine), write)


def _anew(begin: Callable[[], AbstractContextManager[Connection]], write: Callable[[Connection], T]) -> T:
    for _ in range(_TIMES - 1):
        try:
            with begin() as connection:
                return write(connection)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _DEADLOCK:
                raise
    with begin() as connection:
        return write(connection)
