"""Backups while others write, and restoring them: all of it or nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from newsletter import migrations
from newsletter.config import load_publication
from newsletter.errors import ConfigError
from newsletter.migrations.restoring import check_backup, restore
from newsletter.migrations.undone import Returned, returned
from subscribers import SubscriberStore, open_engine
from subscribers.errors import DamagedError, StoreError

if TYPE_CHECKING:
    from sqlalchemy import Engine


def emails(engine: Engine) -> list[str]:
    return [profile.email for profile in SubscriberStore(engine).list(limit=10_000)]


def url(engine: Engine) -> str:
    """The engine's URL, its own connections given back: they would keep the file busy."""
    engine.dispose()
    return engine.url.render_as_string(hide_password=False)


def test_a_backup_is_of_one_moment_while_others_write(sqlite_engine: Engine, tmp_path: Path) -> None:
    """Each subscriber is added with one line of the log, in one transaction; no backup has one without the other."""
    store, stop, begun = SubscriberStore(sqlite_engine), Event(), Event()

    def write() -> None:
        for number in range(10_000):
            store.add(f"r{number}@example.com")
            begun.set()
            if stop.is_set():
                return

    writer = Thread(target=write)
    writer.start()
    assert begun.wait(300)
    for number in range(5):
        migrations.backup(sqlite_engine, tmp_path / f"copy{number}.db")
    stop.set()
    writer.join()

    sizes = []
    for number in range(5):
        with closing(sqlite3.connect(tmp_path / f"copy{number}.db")) as copy:
            people, lines = (
                copy.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("subscriber", "consent_event")
            )
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert people == lines > 0
        sizes.append(people)
    assert sizes == sorted(sizes)


def test_a_database_is_not_restored_from_itself_or_from_nothing(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    """Nothing is changed, and no copy made."""
    SubscriberStore(sqlite_engine).add("ann@example.com")
    database = Path(str(sqlite_engine.url.database))
    (tmp_path / "link.db").symlink_to(database)
    (tmp_path / "empty.db").touch()

    for itself in (database, tmp_path / "link.db"):
        with pytest.raises(ConfigError, match="this is the database itself"):
            restore(url(sqlite_engine), itself)
    with pytest.raises(ConfigError, match="the file is empty"):
        check_backup(tmp_path / "empty.db")
    assert emails(sqlite_engine) == ["ann@example.com"]
    assert not list(tmp_path.glob("*.replaced*"))


def test_a_backup_becomes_the_database_where_there_was_none(sqlite_engine: Engine, tmp_path: Path) -> None:
    SubscriberStore(sqlite_engine).add("ann@example.com")
    migrations.backup(sqlite_engine, tmp_path / "copy.db")
    new = open_engine(f"sqlite:///{tmp_path / 'new.db'}")

    assert restore(url(new), tmp_path / "copy.db") is None
    assert emails(new) == ["ann@example.com"]
    new.dispose()


def test_what_was_backed_up_is_there_again(sqlite_engine: Engine, tmp_path: Path) -> None:
    """Another process that has the database open sees it, and what was replaced is kept, privately."""
    store = SubscriberStore(sqlite_engine)
    store.add("ann@example.com")
    migrations.backup(sqlite_engine, tmp_path / "copy.db")
    store.add("bob@example.com")
    other = open_engine(str(sqlite_engine.url))
    assert len(emails(other)) == 2

    assert check_backup(tmp_path / "copy.db") == migrations.head()
    kept = restore(url(sqlite_engine), tmp_path / "copy.db")

    assert emails(sqlite_engine) == emails(other) == ["ann@example.com"]
    assert SubscriberStore(other).add("cho@example.com")[1]
    assert (kept.name, kept.stat().st_mode & 0o777) == ("newsletter.db.replaced", 0o600)
    replaced = open_engine(f"sqlite:///{kept}")
    assert emails(replaced) == ["ann@example.com", "bob@example.com"]
    for engine in (other, replaced):
        engine.dispose()
    assert restore(url(sqlite_engine), tmp_path / "copy.db").name == "newsletter.db.replaced-2"
    with closing(sqlite3.connect(tmp_path / "newsletter.db")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


def test_an_older_backup_is_restored_and_brought_up_to_date(sqlite_engine: Engine, tmp_path: Path) -> None:
    SubscriberStore(sqlite_engine).add("ann@example.com")
    migrations.backup(sqlite_engine, tmp_path / "old.db")
    old = open_engine(f"sqlite:///{tmp_path}/old.db")
    migrations.downgrade(old, migrations.revisions()[0])
    old.dispose()

    restore(url(sqlite_engine), tmp_path / "old.db")

    assert migrations.current(sqlite_engine) == migrations.revisions()[0]
    migrations.upgrade(sqlite_engine)
    assert emails(sqlite_engine) == ["ann@example.com"]


def test_while_somebody_writes_nothing_is_replaced(
    sqlite_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SubscriberStore(sqlite_engine).add("ann@example.com")
    migrations.backup(sqlite_engine, tmp_path / "copy.db")
    SubscriberStore(sqlite_engine).add("bob@example.com")
    monkeypatch.setattr("newsletter.migrations.restoring.PATIENCE", 0.1)

    with closing(sqlite3.connect(tmp_path / "newsletter.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(ConfigError, match="cannot be restored") as caught:
            restore(url(sqlite_engine), tmp_path / "copy.db")

    assert "stop what uses the database" in caught.value.hint
    assert emails(sqlite_engine) == ["ann@example.com", "bob@example.com"]


@pytest.mark.parametrize("kind", ["missing", "folder", "text", "empty", "foreign", "newer", "damaged"])
def test_what_is_no_backup_is_refused(sqlite_engine: Engine, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "copy.db"
    migrations.backup(sqlite_engine, file)
    if kind == "missing":
        file.unlink()
    elif kind == "folder":
        file.unlink()
        file.mkdir()
    elif kind in {"text", "empty"}:
        file.write_text("precious" * 200 if kind == "text" else "", encoding="utf-8")
    elif kind == "damaged":
        content = bytearray(file.read_bytes())
        content[8192:] = b"\xff" * (len(content) - 8192)
        file.write_bytes(content)
    else:
        table = migrations.VERSION_TABLE
        change = f"DROP TABLE {table}" if kind == "foreign" else f"UPDATE {table} SET version_num = '9999_x'"
        with closing(sqlite3.connect(file)) as copy, copy:
            copy.execute(change)

    with pytest.raises((ConfigError, StoreError)) as caught:
        check_backup(file)

    assert caught.value.exit_code == 3
    assert caught.value.hint


def test_postgresql_has_programs_of_its_own(postgres_engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        migrations.backup(postgres_engine, tmp_path / "copy.db")
    assert "pg_dump" in caught.value.hint
    with pytest.raises(ConfigError) as caught:
        restore(url(postgres_engine), tmp_path / "copy.db")
    assert "pg_restore" in caught.value.hint


def broken(kind: str, content: bytes) -> bytes:
    """What a database that came to grief has in its file."""
    if kind == "cut in half":
        return content[: len(content) // 2]
    if kind == "its first page alone":
        return content[:4096]
    if kind == "half a header":
        return content[:50]
    assert kind == "overwritten"
    return content[:8192] + b"\xff" * (len(content) - 8192)


@pytest.mark.parametrize("kind", ["cut in half", "its first page alone", "half a header", "overwritten"])
def test_a_damaged_database_is_moved_away_whole_and_the_backup_takes_its_place(
    sqlite_engine: Engine, tmp_path: Path, kind: str
) -> None:
    """It is what a backup is for; and something may yet be read from the damaged file."""
    SubscriberStore(sqlite_engine).add("ann@example.com")
    migrations.backup(sqlite_engine, tmp_path / "copy.db")
    database = Path(str(sqlite_engine.url.database))
    where = url(sqlite_engine)
    damaged = broken(kind, database.read_bytes())
    database.write_bytes(damaged)
    with pytest.raises(DamagedError) as caught:
        open_engine(where).dispose()
    assert "newsletter db restore" in caught.value.hint

    kept = restore(where, tmp_path / "copy.db")

    assert kept is not None
    assert (kept.name, kept.read_bytes()) == ("newsletter.db.damaged", damaged)
    assert returned(database, kept) is None
    assert emails(sqlite_engine) == ["ann@example.com"]
    assert database.stat().st_mode & 0o777 == 0o600


def test_a_damaged_database_is_still_there_if_the_backup_cannot_take_its_place(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    database = Path(str(sqlite_engine.url.database))
    where = url(sqlite_engine)
    damaged = broken("overwritten", database.read_bytes())
    database.write_bytes(damaged)
    (tmp_path / "copy.db").write_bytes(b"precious")

    with pytest.raises(StoreError):
        restore(where, tmp_path / "copy.db")

    assert database.read_bytes() == damaged
    assert not list(tmp_path.glob("*.damaged*"))


def test_a_damage_that_only_a_backup_meets_is_told_and_nothing_is_written(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    """Such as of a page that hardly any command reads."""
    store = SubscriberStore(sqlite_engine)
    for number in range(300):
        store.add(f"r{number}@example.com")
    where, database = url(sqlite_engine), Path(str(sqlite_engine.url.database))
    with closing(sqlite3.connect(database)) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        page = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'consent_event'"
        ).fetchone()[0]
    content = bytearray(database.read_bytes())
    content[(page - 1) * size : page * size] = b"\xff" * size
    database.write_bytes(content)
    engine = open_engine(where)

    with pytest.raises(DamagedError, match="malformed"):
        migrations.backup(engine, tmp_path / "copy.db")

    assert [file.name for file in tmp_path.glob("copy*")] == []
    engine.dispose()


def test_a_database_of_another_program_is_neither_replaced_nor_changed(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    """Not even its header, by `restore` or by any command that `[database] url` leads to it."""
    migrations.backup(sqlite_engine, tmp_path / "copy.db")
    others = tmp_path / "others.db"
    with closing(sqlite3.connect(others)) as connection:
        connection.execute("CREATE TABLE recipe (name TEXT)")
    before = others.read_bytes()
    (tmp_path / "newsletter.toml").write_text(
        '[publication]\nname = "N"\nfrom = "n@example.com"\nurl = "https://n.example.com"\n'
        f'[database]\nurl = "sqlite:///{others}"\n',
        encoding="utf-8",
    )

    for parameters in ("", "?timeout=30"):
        with pytest.raises(ConfigError, match="another program"):
            restore(f"sqlite:///{others}{parameters}", tmp_path / "copy.db")
    with pytest.raises(ConfigError, match="another program"):
        migrations.open_database(load_publication(tmp_path))

    assert others.read_bytes() == before
    assert not list(tmp_path.glob("others.db?*"))


@pytest.mark.parametrize("state", ["older", "newer", "without a list"])
def test_a_database_that_this_version_cannot_use_is_replaced_and_kept(
    sqlite_engine: Engine, tmp_path: Path, state: str
) -> None:
    """So one goes back to an older version; who left since is told only where there is a list to tell it."""
    SubscriberStore(sqlite_engine).add("ann@example.com")
    migrations.backup(sqlite_engine, tmp_path / "copy.db")
    SubscriberStore(sqlite_engine).unsubscribe("ann@example.com", source="test")
    revision = migrations.revisions()[0] if state == "older" else "9999_later"
    if state == "older":
        migrations.downgrade(sqlite_engine, revision)
    with sqlite_engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {migrations.VERSION_TABLE} SET version_num = '{revision}'")
        if state == "without a list":
            connection.exec_driver_sql("ALTER TABLE subscriber RENAME TO person")

    kept = restore(url(sqlite_engine), tmp_path / "copy.db")

    assert kept is not None
    people = returned(Path(str(sqlite_engine.url.database)), kept)
    assert people == (None if state == "without a list" else [Returned("ann@example.com", "unsubscribed")])
    assert emails(sqlite_engine) == ["ann@example.com"]
    with closing(sqlite3.connect(kept)) as connection:
        found = connection.execute(f"SELECT version_num FROM {migrations.VERSION_TABLE}").fetchone()
    assert found == (revision,)
