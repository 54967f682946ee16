"""Where Procrastinate keeps its jobs: a schema of the same PostgreSQL, made by the first worker.

The schema is named after its definition. Workers of two releases, during an upgrade, have two of them and
share the work all the same, since the jobs in them are mere calls; the one that nobody uses is dropped.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from procrastinate.schema import SchemaManager
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from newsletter.delivery.gauges import CALLS, alive
from newsletter.errors import DeliveryError

if TYPE_CHECKING:
    from sqlalchemy import Engine

#: One worker at a time makes schemata: the key of PostgreSQL's advisory lock, any number of our own.
_LOCK = 0x6E65_7773
#: Insufficient privilege (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_NOT_ALLOWED = "42501"


@lru_cache(maxsize=1)
def call_schema() -> str:
    """The name of the schema for the release of Procrastinate that is installed."""
    return CALLS + sha256(SchemaManager.get_schema().encode()).hexdigest()[:8]


def prepare_calls(engine: Engine) -> None:
    """Make the schema if it is not there, and drop those of other releases that no worker uses.

    Raises:
        DeliveryError: the database's user may not create a schema.
        DBAPIError: the database is gone.
    """
    try:
        _prepare(engine)
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", "") != _NOT_ALLOWED:
            raise
        raise DeliveryError(
            "the database's user may not create the schema in which workers are called",
            where="database.url",
            hint=f'GRANT CREATE ON DATABASE "{engine.url.database}" TO "{engine.url.username}"',
        ) from error


def _prepare(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        found = connection.scalars(
            text("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, :prefix)"), {"prefix": CALLS}
        ).all()
        for other in found:
            if other != call_schema() and not alive(connection, other):
                connection.exec_driver_sql(f'DROP SCHEMA "{other}" CASCADE')
        if call_schema() not in found:
            connection.exec_driver_sql(f'CREATE SCHEMA "{call_schema()}"')
            connection.exec_driver_sql(f'SET LOCAL search_path = "{call_schema()}"')
            driver: Any = connection.connection.driver_connection
            driver.execute(SchemaManager.get_schema())  # many statements, which only the driver takes at once
