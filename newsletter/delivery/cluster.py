"""Several machines on one database: who waits for dispatches is called by PostgreSQL, and works on any.

Nothing that counts travels this way: a call that is lost costs seconds, since everybody also looks by
themselves. The ledger alone says who holds which batch.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from newsletter.delivery.due import open_dispatches
from newsletter.errors import DeliveryError, NewsletterError

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event
    from types import TracebackType
    from typing import Self

    from sqlalchemy import Connection, Engine, PoolProxiedConnection

#: The name under which PostgreSQL passes calls on (NOTIFY).
CHANNEL = "newsletter_dispatch"
#: Who waits looks so often by themselves, in seconds.
LOOK = 5.0
#: A dispatch with which something is wrong is left alone for so long, in seconds.
REST = 30.0
#: So long a signal may go unnoticed, in seconds.
_SLICE = 0.5


def announce(connection: Connection, name: str) -> None:
    """Call whoever waits for dispatches, when the transaction is committed; on SQLite nobody does."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(CHANNEL, name)))


def work_on_any(
    engine: Engine,
    run: Callable[[str], object],
    *,
    stop: Event,
    trouble: Callable[[str, NewsletterError], None],
) -> None:
    """Work on every dispatch that is running or falls due, and wait for the next, until *stop* is set.

    Args:
        engine: the PostgreSQL database that the machines share.
        run: works on the dispatch of that name until there is nothing to be done for the moment.
        stop: set it to end; *run* must mind it, too.
        trouble: is told what is wrong with a dispatch, or (without a name) with the database; the work goes
            on, without that dispatch for a while.
    """
    resting: dict[str, float] = {}
    with Bell(engine) as bell:
        while not stop.is_set():
            try:
                names = open_dispatches(engine)
            except DBAPIError as error:
                reason = str(error.orig).strip().partition("\n")[0]
                trouble(
                    "", DeliveryError(f"the database does not answer: {reason}", hint="it is tried again")
                )
                stop.wait(LOOK)
                continue
            for name in names:
                if stop.is_set() or resting.get(name, 0.0) > time.monotonic():
                    continue
                try:
                    run(name)
                except NewsletterError as error:
                    trouble(name, error)
                    resting[name] = time.monotonic() + REST
            bell.wait(LOOK, stop)


class Bell:
    """Hears what `announce` calls; while it cannot, it only waits."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: PoolProxiedConnection | None = None

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def wait(self, seconds: float, stop: Event) -> bool:
        """Until somebody calls, *stop* is set, or the seconds are over; whether somebody called."""
        end = time.monotonic() + seconds
        while not stop.is_set() and (left := end - time.monotonic()) > 0:
            if self._connection is None and not self._open():
                stop.wait(left)
                return False
            try:
                driver: Any = self._connection and self._connection.driver_connection
                if list(driver.notifies(timeout=min(left, _SLICE), stop_after=1)):
                    return True
            except self._engine.dialect.loaded_dbapi.Error:
                self._close()
        return False

    def _open(self) -> bool:
        with suppress(DBAPIError, self._engine.dialect.loaded_dbapi.Error):
            self._connection = self._engine.raw_connection()
            driver: Any = self._connection.driver_connection
            # Within a transaction nothing would be heard.
            driver.autocommit = True
            driver.execute(f"LISTEN {CHANNEL}")
            return True
        self._close()
        return False

    def _close(self) -> None:
        if self._connection is not None:
            # Not back into the pool: it listens, and is out of transactions.
            with suppress(self._engine.dialect.loaded_dbapi.Error):
                self._connection.invalidate()
            self._connection = None
