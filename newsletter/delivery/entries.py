"""Outcomes, as they are written into the ledger: a thousand at once, in one statement."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import insert

from newsletter.delivery.forgetting import nameless
from newsletter.delivery.models import DELIVERY, DeliveryState
from subscribers.prepared import driver_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

_COLUMNS = tuple(column.name for column in DELIVERY.columns)
# What the drivers are given must be plain text: psycopg would write an enumeration's name.
_WORDS = {state: state.value for state in DeliveryState}


class Entry(NamedTuple):
    """One recipient's outcome, as it is written down."""

    subscriber_id: int
    delivery_id: str
    state: DeliveryState
    reason: str = ""
    provider_id: str = ""
    attempts: int = 1


def enter(
    connection: Connection, dispatch_id: int, batch: int, entries: Sequence[Entry], now: datetime
) -> None:
    """Write the outcomes of recipients who leave the *batch*.

    Raises:
        DBAPIError: one of them has an outcome in this dispatch already, or the database is gone; nothing of
            the transaction can be kept.
    """
    if not entries:
        return
    sqlite = connection.dialect.name == "sqlite"
    # A moment as SQLAlchemy writes it into SQLite.
    at = now.replace(tzinfo=None).isoformat(" ", "microseconds") if sqlite else now
    words = _WORDS
    # Servers name the recipient, who may have been erased since the message left.
    if named := {entry.subscriber_id: entry.reason for entry in entries if "@" in entry.reason}:
        named = nameless(connection, named)
        entries = [entry._replace(reason=named.get(entry.subscriber_id, entry.reason)) for entry in entries]
    rows = [
        (dispatch_id, who, name, batch, words[state], reason, provider_id, attempts, at)
        for who, name, state, reason, provider_id, attempts in entries
    ]
    write = _insert if sqlite else _copy
    write(connection, rows)


def _insert(connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    driver: Any = connection.connection.driver_connection
    try:
        driver.executemany(_insertion(), rows)
    except connection.dialect.loaded_dbapi.Error as error:
        raise driver_error(connection, _insertion(), error) from error


@lru_cache(maxsize=1)
def _insertion() -> str:
    """SQLAlchemy's own statement for SQLite, to be given tuples: mappings take twice as long."""
    from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

    return str(insert(DELIVERY).compile(dialect=SQLiteDialect_pysqlite(paramstyle="qmark")))


def _copy(connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """COPY, within the transaction: half the time of an INSERT of many rows."""
    driver: Any = connection.connection.driver_connection
    statement = f"COPY {DELIVERY.name} ({', '.join(_COLUMNS)}) FROM STDIN"
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except connection.dialect.loaded_dbapi.Error as error:
        raise driver_error(connection, statement, error) from error
