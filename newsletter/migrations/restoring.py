"""Restoring a SQLite database from a backup: all of it or nothing, with a copy of what it replaces."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import inspect

from newsletter import migrations
from newsletter.errors import ConfigError
from subscribers.database import open_engine
from subscribers.database_url import sqlite_file, without_password
from subscribers.errors import DamagedError
from subscribers.untouched import Untouched

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
        with closing(Untouched.at(path).connect()) as backup:
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


def restore(url: str, path: Path) -> Path | None:
    """Put a backup in the place of a SQLite database, in one transaction, which others wait for.

    Who has the database open goes on with what was restored. Only a database that is damaged cannot be
    written any more: its file is moved away, and a new one takes its name.

    Args:
        url: the database's.
        path: what `check_backup` approved.

    Returns:
        What was replaced, beside the database: its copy, or the damaged file itself; None if there was
        nothing.

    Raises:
        ConfigError: the database is no SQLite file or another program's, the copy cannot be written, or
            somebody else writes on and on, or *path* is the database itself; nothing was changed then.
        StoreError: there is something else of that name, or no room for the copy; nothing was changed.
    """
    if (database := sqlite_file(url)) is None:
        raise ConfigError(
            "only a SQLite database is restored by this command",
            where=without_password(url),
            hint="use `pg_restore` for PostgreSQL",
        )
    if path.resolve() == database.resolve():
        raise ConfigError("this is the database itself", where=str(path), hint=_HINT)
    try:
        kept = _copied(url)
    except DamagedError:
        return _restore_anew(database, path)
    _write(database, path)
    return kept


def _copied(url: str) -> Path | None:
    """Copy what is to be replaced beside it, and leave no connection that would keep the file busy."""
    migrations.refuse_others(url)
    engine = open_engine(url)
    try:
        migrations.check_known(engine, newer=True)
        return migrations.backup_beside(engine, "replaced") if inspect(engine).get_table_names() else None
    finally:
        engine.dispose()


def _restore_anew(database: Path, path: Path) -> Path:
    """Move the damaged database away with all that SQLite keeps beside it, or nothing if that fails."""
    kept = migrations.unused(Path(f"{database}.damaged"))
    _move(database, kept)
    try:
        os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        _write(database, path)
    except BaseException:
        _move(kept, database)
        raise
    return kept


def _move(database: Path, to: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        if (file := Path(f"{database}{suffix}")).exists():
            file.replace(f"{to}{suffix}")
        else:
            Path(f"{to}{suffix}").unlink(missing_ok=True)


def _write(database: Path, path: Path) -> None:
    try:
        with (
            closing(Untouched.at(path).connect()) as source,
            closing(sqlite3.connect(database, timeout=_PAUSE)) as target,
        ):
            target.execute("PRAGMA secure_delete = ON").close()
            source.backup(target, progress=_Patience(), sleep=_PAUSE)
            target.execute("PRAGMA journal_mode = WAL").close()
            target.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    except sqlite3.Error as error:
        raise ConfigError(
            f"cannot be restored: {error}",
            where=str(database),
            hint="stop what uses the database, and try again",
        ) from error


class _Patience:
    """Ends a restoring for which somebody else never makes way; sqlite3 by itself would try for ever."""

    def __init__(self) -> None:
        self._waited = 0.0

    def __call__(self, status: int, _remaining: int, _pages: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            self._waited += _PAUSE
            if self._waited >= PATIENCE:
                raise sqlite3.OperationalError("somebody else writes")


def _revision(backup: sqlite3.Connection) -> str | None:
    table = migrations.VERSION_TABLE
    known = backup.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    row = backup.execute(f"SELECT version_num FROM {table}").fetchone() if known else None  # noqa: S608
    return str(row[0]) if row else None
