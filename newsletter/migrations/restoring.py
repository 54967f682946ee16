"""Restoring a SQLite database from a backup: all of it or nothing, with a copy of what it replaces."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect

from newsletter import migrations
from newsletter.errors import ConfigError
from subscribers.database_url import without_password

if TYPE_CHECKING:
    from sqlalchemy import Engine

#: How long others may go on writing before restoring gives up, in seconds.
PATIENCE = 30.0
_PAUSE = 0.25
_HINT = "name a file that `newsletter db backup` wrote"


def check_backup(path: Path) -> str:
    """The revision of a backup that can be restored.

    Raises:
        ConfigError: it is no whole SQLite database, not one of ours, or of a newer version.
    """
    if not path.is_file():
        raise ConfigError("there is no such file", where=str(path), hint=_HINT)
    if path.stat().st_size == 0:
        raise ConfigError("the file is empty", where=str(path), hint=_HINT)
    try:
        with closing(_open(path)) as backup:
            if (verdict := backup.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise ConfigError(
                    f"the backup is damaged: {verdict}", where=str(path), hint="take another one"
                )
            revision = _revision(backup)
    except sqlite3.DatabaseError as error:
        raise ConfigError(f"this is no SQLite database: {error}", where=str(path), hint=_HINT) from error
    if revision is None:
        raise ConfigError("this is another program's database", where=str(path), hint=_HINT)
    if revision not in migrations.revisions():
        raise ConfigError(
            f"the backup was written by a newer version (revision {revision})",
            where=str(path),
            hint="install a newer newsletter-press",
        )
    return revision


def restore(engine: Engine, path: Path) -> Path | None:
    """Put a backup in the place of a SQLite database, in one transaction, which others wait for.

    Args:
        engine: the database; who has it open goes on with what was restored.
        path: what `check_backup` approved.

    Returns:
        The copy of what was replaced, beside the database; None if there was nothing.

    Raises:
        ConfigError: the database is no SQLite file, the copy cannot be written, or somebody else writes on
            and on, or *path* is the database itself; nothing was changed then.
    """
    if engine.dialect.name != "sqlite":
        raise ConfigError(
            "only a SQLite database is restored by this command",
            where=without_password(engine.url.render_as_string()),
            hint="use `pg_restore` for PostgreSQL",
        )
    database = str(engine.url.database)
    if path.resolve() == Path(database).resolve():
        raise ConfigError("this is the database itself", where=str(path), hint=_HINT)
    kept = migrations.backup_beside(engine, "replaced") if inspect(engine).get_table_names() else None
    engine.dispose()  # our own connections must not keep the file busy
    try:
        with closing(_open(path)) as source, closing(sqlite3.connect(database, timeout=_PAUSE)) as target:
            target.execute("PRAGMA secure_delete = ON").close()
            source.backup(target, progress=_Patience(), sleep=_PAUSE)
            target.execute("PRAGMA journal_mode = WAL").close()
            target.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    except sqlite3.Error as error:
        raise ConfigError(
            f"cannot be restored: {error}", where=database, hint="stop what uses the database, and try again"
        ) from error
    return kept


class _Patience:
    """Ends a restoring for which somebody else never makes way; sqlite3 by itself would try for ever."""

    def __init__(self) -> None:
        self._waited = 0.0

    def __call__(self, status: int, _remaining: int, _pages: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            self._waited += _PAUSE
            if self._waited >= PATIENCE:
                raise sqlite3.OperationalError("somebody else writes")


def _open(path: Path) -> sqlite3.Connection:
    """A connection that only reads."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _revision(backup: sqlite3.Connection) -> str | None:
    table = migrations.VERSION_TABLE
    known = backup.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    row = backup.execute(f"SELECT version_num FROM {table}").fetchone() if known else None  # noqa: S608
    return str(row[0]) if row else None
