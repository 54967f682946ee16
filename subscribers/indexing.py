"""Indexes on what segments ask for: made when a list has outgrown looking at every row.

An index on an attribute is one on an expression, and serves only conditions that have the very same one: so
both are made by `subscribers.segments.elements`.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import literal_column, text

from subscribers.attributes import is_attribute_name
from subscribers.database import writing
from subscribers.errors import FieldError, nearest
from subscribers.segments.elements import attribute_is, attribute_number, attribute_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, Connection, Engine

#: The fields of every subscriber that can have an index, and the column of each.
COLUMNS = {
    "email": "email",
    "first_name": "first_name",
    "last_name": "last_name",
    "locale": "locale",
    "time_zone": "time_zone",
    "joined": "created_at",
}
_FIND_ALREADY = {"status", "tags", "topics"}
#: PostgreSQL cuts longer names off (https://www.postgresql.org/docs/current/limits.html).
_LONGEST_NAME = 63
_PREFIX = "ix_segments"
#: What SQLite recommends at most (https://www.sqlite.org/lang_analyze.html, section 4.1).
_ROWS_LOOKED_AT = 1_000
_ATTRIBUTES: ColumnElement[Any] = literal_column("attributes")


@dataclass(frozen=True)
class FieldIndex:
    """An index on a field; not ``ready`` if making it was interrupted."""

    field: str
    ready: bool


def create_index(engine: Engine, field: str, attributes: Collection[str]) -> None:
    """Make an index on a field, while others go on reading and, on PostgreSQL, writing; there may be one.

    Args:
        engine: the database.
        field: one of the *attributes*, or of `COLUMNS`.
        attributes: the names of the attributes that subscribers have.

    Raises:
        FieldError: there is no such field, or none that an index could help.
    """
    _check(field, attributes)
    statements = _statements(engine, field)
    if engine.dialect.name == "sqlite":
        with writing(engine) as connection:
            for name, on in statements.items():
                connection.exec_driver_sql(f"CREATE INDEX IF NOT EXISTS {name} ON subscriber {on}")
            # Else SQLite would take any index for as good as another: that of the status, for instance.
            connection.exec_driver_sql(f"PRAGMA analysis_limit = {_ROWS_LOOKED_AT}")
            connection.exec_driver_sql("ANALYZE subscriber")
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        there = _there(connection)
        for name, on in statements.items():
            if not there.get(name, True):
                connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            connection.exec_driver_sql(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON subscriber {on}")
        # Without it PostgreSQL does not know how often a value of the expression occurs.
        connection.exec_driver_sql("ANALYZE subscriber")


def remove_index(engine: Engine, field: str, attributes: Collection[str]) -> None:
    """Remove the index on a field.

    Raises:
        FieldError: there is no such field, or no index on it.
    """
    if field not in {index.field for index in indexes(engine, attributes)}:
        _check(field, attributes)
        raise FieldError(f"there is no index on `{field}`", hint="see `newsletter segments index`")
    if engine.dialect.name == "sqlite":
        with writing(engine) as connection:
            for name in _statements(engine, field):
                connection.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in _statements(engine, field):
            connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def indexes(engine: Engine, attributes: Collection[str]) -> list[FieldIndex]:
    """The indexes that were made on these *attributes* and on `COLUMNS`, by field."""
    with engine.connect() as connection:
        there = _there(connection)
    found = []
    for field in sorted({*COLUMNS, *filter(is_attribute_name, attributes)}):
        names = [name for name in _statements(engine, field) if name in there]
        if names:
            complete = len(names) == len(_statements(engine, field))
            found.append(FieldIndex(field, complete and all(there[name] for name in names)))
    return found


def _check(field: str, attributes: Collection[str]) -> None:
    if field in _FIND_ALREADY:
        raise FieldError(f"`{field}` has an index already", hint="an index on an attribute may help")
    if field == "name":
        raise FieldError(
            "`name` is made of two fields and cannot have an index", hint="index `first_name` or `last_name`"
        )
    if field not in COLUMNS and (field not in attributes or not is_attribute_name(field)):
        known = nearest(field, {*COLUMNS, *attributes})
        raise FieldError(f"`{field[:80]}` is not known of subscribers", hint=known)


def _there(connection: Connection) -> dict[str, bool]:
    """The names of the indexes on subscribers, and whether each is complete."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(
            "SELECT name, 1 FROM sqlite_master WHERE type = 'index' AND tbl_name = 'subscriber'"
        )
    else:
        rows = connection.execute(
            text(
                "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
                " WHERE i.indrelid = 'subscriber'::regclass"
            )
        )
    return {row[0]: bool(row[1]) for row in rows}


def _statements(engine: Engine, field: str) -> dict[str, str]:
    """The names of the indexes that serve a field, and what each is on."""
    if field in COLUMNS:
        return {_name(field, ""): f"({COLUMNS[field]})"}
    if engine.dialect.name == "sqlite":
        return {_name(field, ""): f"({_sql(engine, attribute_text(field, _ATTRIBUTES))})"}
    # One holds the texts and one the numbers, as the conditions ask for them: nobody stands in both.
    return {
        _name(field, f"_{kind}"): f"(({_sql(engine, on)})) WHERE {_sql(engine, only)}"
        for kind, on, only in (
            ("text", attribute_text(field, _ATTRIBUTES), attribute_is(field, "text", _ATTRIBUTES)),
            ("number", attribute_number(field, _ATTRIBUTES), attribute_is(field, "number", _ATTRIBUTES)),
        )
    }


def _sql(engine: Engine, expression: ColumnElement[Any]) -> str:
    return str(expression.compile(dialect=engine.dialect))


def _name(field: str, suffix: str) -> str:
    name = f"{_PREFIX}_{field}{suffix}"
    if len(name) <= _LONGEST_NAME:
        return name
    digest = sha256(field.encode()).hexdigest()[:12]
    return f"{name[: _LONGEST_NAME - len(suffix) - 13]}_{digest}{suffix}"
