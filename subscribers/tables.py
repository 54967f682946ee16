"""The tables as SQLAlchemy's Core sees them: for all paths on which rows are many and entities too slow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, BigInteger, Text, any_, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlmodel import SQLModel

from subscribers import models
from subscribers.columns import UtcTime

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Dialect, Table
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


TAGS = Vocabulary(_table(models.Tag), "name", _table(models.SubscriberTag))
TOPICS = Vocabulary(_table(models.Topic), "slug", _table(models.Subscription))


def among(dialect: str, column: ColumnElement[int]) -> ColumnElement[bool]:
    """The condition that *column* is one of the ids in the parameter ``among``.

    All ids are one parameter, of which `given` makes the value: so a thousand cost nearly what one costs, and
    the statement is always the same.
    """
    if dialect == "sqlite":
        values = func.json_each(bindparam("among", type_=Text())).table_valued("value")
        return column.in_(select(values.c.value))
    ids: ColumnElement[Sequence[int]] = bindparam("among", type_=postgresql.ARRAY(BigInteger))
    return column == any_(ids)


def given(dialect: str, ids: Iterable[int]) -> Mapping[str, object]:
    """The parameter of a statement with `among`."""
    return {"among": json.dumps(list(ids)) if dialect == "sqlite" else list(ids)}


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can be given ``on_conflict_…``, which SQLite and PostgreSQL write alike."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows that all have the same columns, leaving out those that are there already.

    The statement is SQLAlchemy's, but the values go to the driver as tuples, encoded by the type of their
    column alone: twice as fast as its own executemany.
    """
    if not rows:
        return
    sql, order = _insert_sql(connection.dialect.name, table, tuple(rows[0]))
    encoded = [_encoded(connection, table, name, [row[name] for row in rows]) for name in order]
    connection.exec_driver_sql(sql, list(zip(*encoded, strict=True)))


@lru_cache(maxsize=64)
def _insert_sql(dialect: str, table: Table, columns: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The statement with positional parameters, and the columns in the order of these."""
    statement = (sqlite if dialect == "sqlite" else postgresql).insert(table).on_conflict_do_nothing()
    compiled: SQLCompiler = statement.compile(dialect=_positional(dialect), column_keys=list(columns))
    return str(compiled), tuple(compiled.positiontup or ())


def _positional(dialect: str) -> Dialect:
    """A dialect that writes its parameters as ``?`` or ``%s``."""
    url, style = ("sqlite://", "qmark") if dialect == "sqlite" else ("postgresql+psycopg://", "format")
    kind: Any = make_url(url).get_dialect()
    positional: Dialect = kind(paramstyle=style)
    return positional


def _encoded(connection: Connection, table: Table, column: str, values: list[Any]) -> list[Any]:
    """The values of one column as the driver takes them."""
    kind = table.c[column].type
    if isinstance(kind, JSON):
        return [_JSON.encode(value) if value else "{}" for value in values]
    if isinstance(kind, UtcTime) and connection.dialect.name == "sqlite":
        return [_sqlite_time(value) for value in values]
    return values


@lru_cache(maxsize=4096)
def _sqlite_time(moment: datetime) -> str:
    """A moment as SQLAlchemy writes it into SQLite."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
