"""The tables as SQLAlchemy's Core sees them: for all paths on which rows are many and entities too slow."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, JSON, BigInteger, Text, any_, bindparam, func, literal, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

from subscribers import models
from subscribers.columns import UtcTime
from subscribers.prepared import positional_dialect

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlalchemy import Column, ColumnElement, Connection, Select, Table
    from sqlalchemy.sql.compiler import SQLCompiler


_JSON = json.JSONEncoder(ensure_ascii=False)


def _table(model: type[SQLModel]) -> Table:
    return SQLModel.metadata.tables[str(model.__tablename__)]


SUBSCRIBER = _table(models.Subscriber)
ATTRIBUTE = _table(models.AttributeName)
CONSENT_EVENT = _table(models.ConsentEvent)
SUPPRESSION = _table(models.Suppression)
SEGMENT = _table(models.SavedSegment)
SIGNING_KEY = _table(models.SigningKey)


@dataclass(frozen=True)
class Vocabulary:
    """Words that subscribers have: the table of words, its column, and the table of who has which."""

    words: Table
    word: str
    pairs: Table

    @property
    def reference(self) -> str:
        """The column of the pairs that refers to a word."""
        return f"{self.words.name}_id"

    @property
    def held(self) -> ColumnElement[bool]:
        """The condition that a pair counts: a topic that was left is kept in mind, but not held."""
        return (
            self.pairs.c.state == models.SubscriptionState.SUBSCRIBED if "state" in self.pairs.c else true()
        )


TAGS = Vocabulary(_table(models.Tag), "name", _table(models.SubscriberTag))
TOPICS = Vocabulary(_table(models.Topic), "slug", _table(models.Subscription))


def are_dense(ids: Collection[int]) -> bool:
    """Whether ids are so many of all between the first and the last that it is quicker to read these, too."""
    return max(ids) - min(ids) < 2 * len(ids)


def among_given(dialect: str, column: ColumnElement[int], *, dense: bool = False) -> ColumnElement[bool]:
    """As `among`, for a statement that is made once: the ids are in its parameters, from `given`.

    For *dense* ones, others between them fulfil the condition, too.
    """
    if dense:
        return column.between(bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger))
    if dialect == "sqlite":
        values = func.json_each(bindparam("among", type_=Text())).table_valued("value")
        return column.in_(select(values.c.value))
    ids: ColumnElement[Sequence[int]] = bindparam("among", type_=postgresql.ARRAY(BigInteger))
    return column == any_(ids)


def given(dialect: str, ids: Collection[int], *, dense: bool = False) -> Mapping[str, object]:
    """The parameters of a statement with `among_given`."""
    if dense:
        return {"first": min(ids), "last": max(ids)}
    return {"among": json.dumps(list(ids)) if dialect == "sqlite" else list(ids)}


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can be given ``on_conflict_…``, which SQLite and PostgreSQL write alike."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def among(connection: Connection, column: Column[Any], values: Collection[str | int]) -> ColumnElement[bool]:
    """The condition that a column of text or numbers has one of many values, as a single parameter.

    A list of thousands would be one parameter each, and the statement would be written anew each time.
    """
    if connection.dialect.name == "sqlite":
        return column.in_(select(func.json_each(json.dumps(list(values))).table_valued("value").c.value))
    return column == any_(literal(list(values), ARRAY(column.type)))


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows that all have the same columns, leaving out those that are there already.

    The statement is SQLAlchemy's, but the values go to the driver as tuples, encoded by the type of their
    column alone: twice as fast as its own executemany.
    """
    if not rows:
        return
    sql, order = _insert_sql(connection.dialect.name, table, tuple(rows[0]))
    columns = [encoded(connection, table, name, [row[name] for row in rows]) for name in order]
    connection.exec_driver_sql(sql, list(zip(*columns, strict=True)))


def insert_columns(connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Insert rows that are given column by column, none of which may be there already.

    SQLite takes them by executemany, PostgreSQL by COPY.
    """
    if connection.dialect.name == "sqlite":
        sql, order = _insert_sql("sqlite", table, tuple(columns))
        values = [encoded(connection, table, name, columns[name]) for name in order]
        connection.exec_driver_sql(sql, list(zip(*values, strict=True)))
    else:
        _copy(connection, table, columns)


def _copy(connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """COPY in its text format (https://www.postgresql.org/docs/current/sql-copy.html)."""
    texts = [_copied(encoded(connection, table, name, values)) for name, values in columns.items()]
    lines = "\n".join(map("\t".join, zip(*texts, strict=True)))
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(name) for name in columns)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {quote(table.name)} ({names}) FROM STDIN") as copy:
        copy.write(lines + "\n")


def _copied(values: Sequence[Any]) -> Sequence[str]:
    """The values of one column in the text format of COPY."""
    first = next((value for value in values if value is not None), None)
    if isinstance(first, bytes):
        return ["\\\\x" + value.hex() for value in values]
    if not isinstance(first, str):
        return ["\\N" if value is None else str(value) for value in values]
    joined = "".join(values)
    if any(mark in joined for mark in "\\\t\n\r"):
        return [value.translate(_COPY_ESCAPES) for value in values]
    return values


_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def pages(connection: Connection, query: Select[Any], size: int) -> Iterator[Sequence[Any]]:
    """The rows of a query, *size* at a time, as the driver gives them.

    For columns that need no conversion: numbers, texts, booleans. A row of SQLAlchemy's costs more than it
    costs to find and read it. SQLite goes on looking meanwhile; of PostgreSQL's answer, all is in memory.
    """
    compiled: Any = query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    values: Any = compiled.params
    if compiled.positiontup is not None:
        values = [_for_sqlite(values[name]) for name in compiled.positiontup]
    connection.exec_driver_sql("SELECT 1").close()  # begins the transaction, if nothing did so yet
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute(str(compiled), values)
        while page := cursor.fetchmany(size):
            yield page


def _for_sqlite(value: object) -> object:
    return _sqlite_time(value) if isinstance(value, datetime) else value


@lru_cache(maxsize=64)
def _insert_sql(dialect: str, table: Table, columns: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The statement with positional parameters, and the columns in the order of these."""
    statement = (sqlite if dialect == "sqlite" else postgresql).insert(table).on_conflict_do_nothing()
    compiled: SQLCompiler = statement.compile(dialect=positional_dialect(dialect), column_keys=list(columns))
    return str(compiled), tuple(compiled.positiontup or ())


def encoded(connection: Connection, table: Table, column: str, values: Sequence[Any]) -> Sequence[Any]:
    """The values of one column as the driver takes them."""
    kind = table.c[column].type
    if isinstance(kind, JSON):
        return _encoded_objects(values)
    if isinstance(kind, UtcTime) and connection.dialect.name == "sqlite":
        return [_sqlite_time(value) for value in values]
    return values


def _encoded_objects(values: Sequence[Any]) -> list[str]:
    """JSON objects as text, all at once: more than twice as fast as one by one."""
    if not values:
        return []
    texts = _JSON.encode(values)[2:-2].split("}, {")
    if len(texts) != len(values):  # one of them has that within a text, or is nested
        return [_JSON.encode(value) for value in values]
    return [f"{{{text}}}" for text in texts]


@lru_cache(maxsize=4096)
def _sqlite_time(moment: datetime) -> str:
    """A moment as SQLAlchemy writes it into SQLite."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
