"""The history of the one database: which revision it has, which it should have, and how it gets there.

SQLite is upgraded by itself, after a copy of the file was put beside it; PostgreSQL only by
``newsletter db upgrade``, since other machines may be working on it.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from newsletter.errors import ConfigError
from subscribers.database import altering, copy_file, open_engine
from subscribers.database_url import sqlite_file, without_password
from subscribers.errors import StoreError
from subscribers.untouched import Untouched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.config import Config
    from sqlalchemy import Connection, Engine

    from newsletter.config import Publication

#: The table in which the database keeps the name of its revision.
VERSION_TABLE = "schema_revision"

# Any number will do, as long as every machine asks PostgreSQL for the same one.
_UPGRADE_LOCK = 6_273_781


def open_database(publication: Publication) -> Engine:
    """Open the publication's database at the revision that this program needs.

    A SQLite file that is not there is made; an older one is copied to ``FILE.backup-REVISION`` and upgraded.

    Raises:
        StoreError: the database cannot be opened.
        ConfigError: it belongs to another program or a newer version, or PostgreSQL awaits ``db upgrade``.
    """
    refuse_others(publication.database_url)
    engine = open_engine(publication.database_url)
    try:
        _bring_up_to_date(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def current(engine: Engine) -> str | None:
    """The revision that the database has, or None when it was never upgraded."""
    with engine.connect() as connection:
        return _revision(connection)


def head() -> str:
    """The revision that this program needs: the last of the files in ``versions/``."""
    return revisions()[-1]


def upgrade(engine: Engine) -> None:
    """Bring the database to `head`, in one transaction; another process that does the same is waited for.

    Raises:
        ConfigError: the database belongs to another program or a newer version of this one.
    """
    check_known(engine)
    with _altering(engine) as connection:
        if _revision(connection) != head():
            from alembic import command

            command.upgrade(alembic_config(connection), "head")


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to *revision*, or to nothing with ``base``; what the tables held is lost."""
    from alembic import command

    with _altering(engine) as connection:
        command.downgrade(alembic_config(connection), revision)


def backup(engine: Engine, path: Path, *, force: bool = False) -> None:
    """Write a copy of a SQLite database to *path*, complete or not at all, while others go on working.

    Raises:
        ConfigError: the database is no SQLite file, *path* cannot be written, or is there already and
            *force* does not say to replace it; or it is the database itself.
    """
    if engine.dialect.name != "sqlite":
        raise ConfigError(
            "only a SQLite database is copied by this command",
            where=_place(engine),
            hint="use `pg_dump` for PostgreSQL",
        )
    _check_target(engine, path, force=force)
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        copy_file(engine, part)
        part.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=str(path)) from error
    finally:
        part.unlink(missing_ok=True)


def backup_beside(engine: Engine, suffix: str) -> Path:
    """Write a copy of a SQLite database beside it, as ``FILE.SUFFIX`` or ``FILE.SUFFIX-2`` …: its path."""
    path = unused(Path(f"{engine.url.database}.{suffix}"))
    backup(engine, path)
    return path


def _check_target(engine: Engine, path: Path, *, force: bool) -> None:
    if not path.exists():
        return
    if engine.url.database and path.resolve() == Path(engine.url.database).resolve():
        raise ConfigError("this is the database itself", where=str(path), hint="choose another name")
    if not force:
        raise ConfigError(
            "there is a file of this name already",
            where=str(path),
            hint="choose another name, or replace it with `--force`",
        )


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration without an ini file, for one connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _bring_up_to_date(engine: Engine) -> None:
    revision = current(engine)
    if revision == head():
        return
    check_known(engine)
    if engine.dialect.name != "sqlite":
        what = f"the database is at revision {revision}" if revision else "the database is empty"
        raise ConfigError(
            f"{what}, and this version needs {head()}",
            where=_place(engine),
            hint="run `newsletter db upgrade`",
        )
    if revision is not None:
        backup_beside(engine, f"backup-{revision}")
    upgrade(engine)


def check_known(engine: Engine, *, newer: bool = False) -> None:
    """Make sure that the database is one of ours, or may become one.

    Args:
        engine: the database.
        newer: whether it may be of a version that is newer than this one.

    Raises:
        ConfigError: it is not.
    """
    revision = current(engine)
    if revision is not None and revision not in revisions() and not newer:
        raise ConfigError(
            f"the database was written by a newer version (revision {revision})",
            where=_place(engine),
            hint="install a newer newsletter-press",
        )
    # A SQLite file is ours alone, so tables without our mark belong to someone else. A PostgreSQL database
    # may be shared.
    if revision is None and engine.dialect.name == "sqlite" and _has_other_tables(engine):
        raise _anothers(_place(engine))


def refuse_others(url: str) -> None:
    """Make sure that a SQLite file is no other program's, before opening it changes its header.

    Raises:
        ConfigError: it is one.
    """
    path = sqlite_file(url)
    if path is None or not path.is_file():
        return
    try:
        file = Untouched.at(path)
        if file.has_log:
            return  # as ours have; the header stays as it is
        with closing(file.connect()) as connection:
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    except StoreError:
        return  # opening it says better what is wrong
    if rows and (VERSION_TABLE,) not in rows:
        raise _anothers(str(path))


def _anothers(where: str) -> ConfigError:
    return ConfigError(
        "this database belongs to another program", where=where, hint="name another file in `[database] url`"
    )


def _has_other_tables(engine: Engine) -> bool:
    return bool(set(inspect(engine).get_table_names()) - {VERSION_TABLE})


def _revision(connection: Connection) -> str | None:
    """The database's revision, read without Alembic: its import alone takes longer than most commands."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    row = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).first()  # noqa: S608 - a constant
    return None if row is None else str(row[0])


def revisions() -> list[str]:
    """All revisions that this program knows, the oldest first."""
    folder = Path(__file__).parent / "versions"
    return sorted(path.stem for path in folder.glob("[0-9]*.py"))


@contextmanager
def _altering(engine: Engine) -> Iterator[Connection]:
    """A transaction that may alter tables, while no other process does."""
    with altering(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
        yield connection


def unused(path: Path) -> Path:
    """*path*, or the first of ``path-2``, ``path-3`` … that is not there yet."""
    candidates = (path, *(path.with_name(f"{path.name}-{number}") for number in range(2, 1000)))
    return next(candidate for candidate in candidates if not candidate.exists())


def _place(engine: Engine) -> str:
    return (
        str(engine.url.database)
        if engine.dialect.name == "sqlite"
        else without_password(engine.url.render_as_string())
    )
