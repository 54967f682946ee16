"""Copies all that one database holds into an empty one: how a publication goes from SQLite to PostgreSQL."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, text

from newsletter import migrations
from newsletter.delivery.models import DISPATCH, DispatchState
from newsletter.errors import ConfigError
from newsletter.migrations.restoring import check_backup
from newsletter.migrations.tables import tables
from subscribers.database import open_engine, open_untouched, reading, writing
from subscribers.database_url import sqlite_file, without_password
from subscribers.untouched import Untouched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine, Table

#: Rows that are read and written at once: enough to be fast, and little memory.
_CHUNK = 2_000


@dataclass(frozen=True)
class Source:
    """What is copied: a database, and the file that it is if it is one."""

    engine: Engine
    file: Untouched | None = None


@contextmanager
def source_database(name: str) -> Iterator[Source]:
    """Open the database to be copied; it is never changed, and a file gets none beside it.

    Args:
        name: the path of a SQLite file, or a database's URL.

    Raises:
        ConfigError: it is no database of ours, or its revision is not the one that this program needs.
        StoreError: the server does not answer, or the file was never closed and cannot be read as it is.
    """
    path, file = sqlite_file(name) if "://" in name else Path(name), None
    if path is not None:
        check_backup(path)
        file = Untouched.at(path)
        name = f"sqlite:///{path.resolve()}"
    engine = open_untouched(file) if file else open_engine(name)
    try:
        if (revision := migrations.current(engine)) != migrations.head():
            shown = without_password(name)
            raise ConfigError(
                f"it is at revision {revision}, and {migrations.head()} is needed to copy it",
                where=shown,
                hint=f"first run `newsletter db upgrade` with NEWSLETTER_DATABASE__URL={shown}",
            )
        yield Source(engine, file)
    finally:
        engine.dispose()


def copy(source: Source, target: Engine) -> dict[str, int]:
    """Copy every row, as of one moment and in one transaction; the target gets its tables if it has none.

    Args:
        source: what `source_database` opened.
        target: an empty database; numbers that count up go on in it where the source's stood.

    Returns:
        How many rows each table has.

    Raises:
        ConfigError: the target is not empty, or is the source; or something might still be handed over
            from the source, which would then happen twice.
        StoreError: the source was written to meanwhile.
    """
    if migrations.current(target) is None:
        migrations.upgrade(target)
    with reading(source.engine) as rows, writing(target) as into:
        _check_empty(into, target)
        _check_at_rest(rows)
        copied = {table.name: _copy_table(rows, into, table) for table in tables()}
        if source.file:
            source.file.check()
        return copied


def _check_empty(into: Connection, target: Engine) -> None:
    full = [table.name for table in tables() if into.execute(select(1).select_from(table).limit(1)).first()]
    if full:
        raise ConfigError(
            f"it is not empty: there is something in {', '.join(full)}",
            where=without_password(target.url.render_as_string()),
            hint="name a new database in `[database] url`",
        )


def _check_at_rest(rows: Connection) -> None:
    """Refuse while a process that still uses the source might hand over what the copy hands over, too."""
    busy = (DispatchState.PLANNED, DispatchState.RUNNING)
    names = rows.scalars(select(DISPATCH.c.name).where(DISPATCH.c.state.in_(busy))).all()
    if names:
        raise ConfigError(
            f"{', '.join(names)}: not at an end, and would be handed over from both databases",
            hint=f"with the old database, `newsletter pause {names[0]}`; by `resume`, the copy goes on",
        )


def _copy_table(rows: Connection, into: Connection, table: Table) -> int:
    result = rows.execution_options(yield_per=_CHUNK).execute(select(table))
    count = 0
    for chunk in result.mappings().partitions():
        into.execute(insert(table).inline(), [dict(row) for row in chunk])
        count += len(chunk)
    counting = table.autoincrement_column
    if counting is not None and into.dialect.name == "postgresql":
        highest = select(func.coalesce(func.max(counting), 0) + 1).scalar_subquery()
        sequence = func.pg_get_serial_sequence(table.name, counting.name)
        into.execute(select(func.setval(sequence, highest, text("false"))))
    return count
