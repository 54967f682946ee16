"""The door to the database: an engine for a SQLite file or a PostgreSQL server, set up to lose nothing."""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from subscribers.database_url import URL_HINT, parse_url, shown
from subscribers.errors import DamagedError, StoreError
from subscribers.postgres import open_postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from sqlalchemy import URL, Connection, Engine

    from subscribers.untouched import Untouched

_log = logging.getLogger(__name__)

#: The execution option by which `writing` asks for SQLite's write lock.
_WRITES = "takes_write_lock"

# FULL, because NORMAL may forget the last commits when the power fails: an unsubscribe, or the mark that a
# batch was handed over. secure_delete, because whoever is erased should not be found in free pages.
_SQLITE_SETTINGS = (
    "PRAGMA busy_timeout = 30000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
)


def open_engine(url: str) -> Engine:
    """Open the database that *url* names, and make sure that it answers.

    Args:
        url: a SQLAlchemy URL, ``sqlite:////path/to/file`` or ``postgresql+psycopg://user@host/name``.

    Returns:
        An engine. Read with ``engine.connect()``, write within `writing`; dispose of it in the end.

    Raises:
        StoreError: no such folder, no such server, not a database, or not one of these two; as
            `UnreachableError` if that may pass.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    if parsed.get_backend_name() == "postgresql":
        return open_postgres(parsed)
    raise StoreError(
        f"`{parsed.get_backend_name()}` is no known database",
        where=shown(parsed),
        hint=URL_HINT,
    )


def open_untouched(file: Untouched) -> Engine:
    """Open a SQLite file to be read only, without changing it.

    Raises:
        StoreError: it cannot be read so.
    """
    engine = create_engine("sqlite://", creator=file.connect, poolclass=NullPool)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: committed at the end, rolled back when an error leaves the block.

    On SQLite it takes the write lock at once (``BEGIN IMMEDIATE``): a transaction that reads first and
    writes later would fail, not wait, when another process wrote in between. Do not nest.
    """
    with engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees the database as it was at its first question, whatever others write meanwhile.

    SQLite's always do; PostgreSQL's must be asked to (its "repeatable read").
    """
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


@contextmanager
def writing_at_one_moment(engine: Engine, table: str) -> Iterator[Connection]:
    """As `writing` and `reading` in one: it sees the database as it was when its turn came.

    SQLite's write lock does that. On PostgreSQL those take turns who name the same *table*, as by
    `wait_for_turn`. A row that others change meanwhile must not be changed here: that would fail.
    """
    with writing(engine) if engine.dialect.name == "sqlite" else reading(engine) as connection:
        wait_for_turn(connection, table)
        yield connection


def wait_for_turn(connection: Connection, table: str) -> None:
    """Let nobody else in who waits for a turn with *table*, until the transaction ends; others go on.

    On PostgreSQL it is a lock that only keeps off its like. It is taken before the transaction looks at
    anything, as an advisory lock would not be: to ask for that is a question already, which fixes the moment
    (https://www.postgresql.org/docs/current/sql-lock.html).
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f'LOCK TABLE "{table}" IN SHARE UPDATE EXCLUSIVE MODE')


@contextmanager
def rehearsing(engine: Engine) -> Iterator[Connection]:
    """As `writing`, but in the end everything is undone."""
    with engine.connect().execution_options(**{_WRITES: True}) as connection:
        transaction = connection.begin()
        try:
            yield connection
        finally:
            transaction.rollback()


@contextmanager
def writing_repeatedly(engine: Engine) -> Iterator[Callable[[], AbstractContextManager[Connection]]]:
    """As `writing`, many times over, for work that can be done again: no commit waits for the disk.

    After a loss of power the last commits may be missing, as if they had never been. Any later commit by
    `writing` makes all of them durable: SQLite's log and PostgreSQL's are each written in order.
    """
    with engine.connect().execution_options(**{_WRITES: True}) as connection:
        sqlite = engine.dialect.name == "sqlite"
        if sqlite:
            _set_outside(connection, "synchronous = NORMAL")

        @contextmanager
        def write() -> Iterator[Connection]:
            with connection.begin():
                if not sqlite:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                yield connection

        try:
            yield write
        finally:
            if sqlite:
                _set_outside(connection, "synchronous = FULL")


@contextmanager
def altering(engine: Engine) -> Iterator[Connection]:
    """As `writing`, for a migration: SQLite's tables may be made anew without deleting what refers to them.

    SQLite alters a table by dropping it, which would delete by cascade (https://www.sqlite.org/lang_altertable.html,
    section 7), and obeys the switch for that outside transactions only.
    """
    if engine.dialect.name != "sqlite":
        with writing(engine) as connection:
            yield connection
        return
    with engine.connect().execution_options(**{_WRITES: True}) as connection:
        _enforce(connection, enforce=False)
        try:
            with connection.begin():
                yield connection
        finally:
            _enforce(connection, enforce=True)


def copy_file(engine: Engine, path: Path) -> None:
    """Copy a SQLite database into the new or empty file *path*, as of one moment, while others go on.

    Raises:
        DamagedError: the database cannot be read as a whole.
        StoreError: there is no room for the copy.
    """
    with closing(engine.raw_connection()) as connection:
        # VACUUM refuses to run in a transaction, and an engine's own connection always has one.
        driver: Any = connection.driver_connection
        try:
            driver.execute("VACUUM INTO ?", (str(path),)).close()
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"cannot be written: {error}", where=str(path), hint="make room for it"
            ) from error
        except sqlite3.DatabaseError as error:
            raise _explain_sqlite(str(error), Path(str(engine.url.database))) from error


def vacate(engine: Engine) -> bool:
    """Leave nothing of what was deleted in a SQLite file and its log; False while others use it too much.

    secure_delete overwrites what is freed, but not what stays behind when a page is divided; so the file is
    written anew (https://www.sqlite.org/lang_vacuum.html), and the write-ahead log cut off. PostgreSQL looks
    after its own log and its dead rows (autovacuum).
    """
    if engine.dialect.name != "sqlite":
        return True
    with closing(engine.raw_connection()) as connection:
        driver: Any = connection.driver_connection
        try:
            driver.execute("VACUUM").close()
            busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.DatabaseError:
            busy = True
    if busy:
        _log.warning("the database was too busy to be written anew; the next erasure does that, too")
    return not busy


def _open_sqlite(url: URL) -> Engine:
    path = Path(url.database) if url.database and url.database != ":memory:" else None
    if path is not None:
        _make_private_file(path)
    engine = create_engine(url)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
    except DBAPIError as error:
        engine.dispose()
        raise _explain_sqlite(str(error.orig), path) from error
    return engine


def _make_private_file(path: Path) -> None:
    """Make the file, readable by its owner only, where there is none; so do its journals become."""
    if not path.parent.is_dir():
        raise StoreError(
            "there is no such folder", where=str(path.parent), hint="make it, or correct `[database] url`"
        )
    if path.is_dir():
        raise StoreError("this is a folder", where=str(path), hint="name a file in `[database] url`")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(
            f"cannot be opened: {error.strerror}", where=str(path), hint="look at who may read and write it"
        ) from error


def _set_up_sqlite(dbapi_connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own habit of opening transactions is switched off; _begin_sqlite does it instead.
    dbapi_connection.isolation_level = None
    for statement in _SQLITE_SETTINGS:
        dbapi_connection.execute(statement).close()


def _enforce(connection: Connection, *, enforce: bool) -> None:
    """Whether SQLite minds what refers to a table that is made anew: foreign keys, and triggers of others."""
    _set_outside(connection, f"foreign_keys = {'ON' if enforce else 'OFF'}")
    _set_outside(connection, f"legacy_alter_table = {'OFF' if enforce else 'ON'}")


def _set_outside(connection: Connection, setting: str) -> None:
    """Change one of SQLite's settings, which it obeys outside transactions only."""
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA {setting}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _explain_sqlite(reason: str, path: Path | None) -> StoreError:
    where = str(path or "")
    if "not a database" in reason:
        return StoreError(
            "this file is no SQLite database",
            where=where,
            hint="correct `[database] url`, or move it away",
        )
    if "readonly" in reason or "unable to open" in reason:
        return StoreError("the database cannot be written", where=where, hint="look at who may write it")
    return DamagedError(
        f"it cannot be read: {reason}",
        where=where,
        hint="put a backup in its place by `newsletter db restore`",
    )
