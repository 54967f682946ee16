"""Statements that are run for every few recipients: written out once, then given to the driver as they are.

To find a statement of SQLAlchemy's among those that it has compiled, to convert what goes in and what comes
out, and to wrap the answer takes several times as long as SQLite takes to run it.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection, Dialect
    from sqlalchemy.sql import ClauseElement
    from sqlalchemy.sql.compiler import SQLCompiler

    #: A parameter: its name, what it is if it is not given, and what makes it fit for the driver.
    Parameter = tuple[str, Any, Callable[[Any], Any] | None]


class Prepared:
    """A statement for SQLite and PostgreSQL.

    What it answers is as the driver gives it, so it is for columns that need no conversion.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._written: dict[str, tuple[str, Sequence[Parameter]]] = {}

    def run(self, connection: Connection, values: Mapping[str, object]) -> Any:  # noqa: ANN401 - the driver's own
        """Run it within the transaction of *connection*; the driver's cursor.

        Args:
            connection: the database, in a transaction that has begun.
            values: its parameters by name; one that the statement does not have is overlooked.

        Raises:
            DBAPIError: as SQLAlchemy would raise it.
        """
        dialect = connection.dialect
        sql, order = self._written.get(dialect.name) or self._write(dialect.name)
        row = []
        for name, value, fit in order:
            given = values.get(name, value)
            row.append(given if fit is None else fit(given))
        driver: Any = connection.connection.driver_connection
        try:
            return driver.execute(sql, row)
        except dialect.loaded_dbapi.Error as error:
            raise driver_error(connection, sql, error) from error

    def _write(self, dialect: str) -> tuple[str, Sequence[Parameter]]:
        positional = positional_dialect(dialect)
        compiled: SQLCompiler = self._statement.compile(dialect=positional)  # type: ignore[assignment]
        binds = [compiled.binds[name] for name in compiled.positiontup or ()]
        order = [
            (
                str(bind.key),
                bind.value.value if isinstance(bind.value, Enum) else bind.value,
                bind.type.dialect_impl(positional).bind_processor(positional),
            )
            for bind in binds
        ]
        self._written[dialect] = str(compiled), order
        return self._written[dialect]


def driver_error(connection: Connection, statement: str, error: Exception) -> DBAPIError:
    """What SQLAlchemy would have made of a driver's *error*, had it run the statement.

    A connection that is gone with it is not used again.
    """
    driver = connection.connection.driver_connection
    gone = connection.dialect.is_disconnect(error, driver, None)  # type: ignore[arg-type]  # it is the driver's
    if gone:
        connection.invalidate(error)
    base: Any = connection.dialect.loaded_dbapi.Error
    made: Any = DBAPIError.instance(
        statement, None, error, base, connection_invalidated=gone, dialect=connection.dialect
    )
    return cast(DBAPIError, made)


def positional_dialect(dialect: str) -> Dialect:
    """A dialect that writes its parameters as ``?`` or ``%s``."""
    url, style = ("sqlite://", "qmark") if dialect == "sqlite" else ("postgresql+psycopg://", "format")
    kind: Any = make_url(url).get_dialect()
    positional: Dialect = kind(paramstyle=style)
    return positional
