"""A database that is copied stays as it is, byte for byte, and nothing appears beside it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from newsletter.migrations.copying import copy, source_database
from subscribers import StoreError, SubscriberStore, open_engine
from subscribers.untouched import Untouched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'target.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def file(sqlite_engine: Engine, tmp_path: Path) -> Path:
    """A database with one person, closed, in a folder of its own, with a name that a URL would misread."""
    SubscriberStore(sqlite_engine).add("ann@example.com")
    sqlite_engine.dispose()
    folder = tmp_path / "old 100%41?#"
    folder.mkdir()
    return Path(shutil.copy(str(sqlite_engine.url.database), folder / "old.db"))


def held(folder: Path) -> dict[str, bytes]:
    """What is in each file of a folder."""
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def copied(source: Path, target: Engine) -> list[str]:
    with source_database(str(source)) as opened:
        copy(opened, target)
    return [person.email for person in SubscriberStore(target).list(limit=10)]


def test_a_closed_file_stays_as_it_is(file: Path, target: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its journal is, and also while it is read: so its folder need not be one that can be written to."""
    during = []
    monkeypatch.setattr(
        "newsletter.migrations.copying._check_at_rest", lambda rows: during.append(held(file.parent))
    )
    for mode in ("wal", "delete"):
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute(f"PRAGMA journal_mode = {mode}").fetchone() == (mode,)
        before = held(file.parent)
        into = open_engine(f"sqlite:///{file.parent.parent / mode}.db")

        assert copied(file, into) == ["ann@example.com"]

        assert held(file.parent) == before == during.pop()
        assert list(before) == ["old.db"]
        into.dispose()


def test_a_file_that_is_in_use_is_copied_with_what_stands_in_its_log(file: Path, target: Engine) -> None:
    """Its index is the business of all who have it open; the file and its log stay as they are."""
    used = file.rename(file.parent.parent / "used.db")
    other = open_engine(f"sqlite:///{used}")
    SubscriberStore(other).add("bob@example.com")
    log = used.with_name("used.db-wal")
    before = used.read_bytes(), log.read_bytes()
    assert before[1]

    assert copied(used, target) == ["ann@example.com", "bob@example.com"]

    assert (used.read_bytes(), log.read_bytes()) == before
    other.dispose()


def test_a_file_whose_log_was_never_taken_in_is_refused_and_stays_as_it_is(
    file: Path, sqlite_engine: Engine, target: Engine
) -> None:
    """As when it was copied with its log while in use; the hint settles it."""
    SubscriberStore(sqlite_engine).add("bob@example.com")
    used = Path(str(sqlite_engine.url.database))
    for suffix in ("", "-wal"):
        shutil.copy(f"{used}{suffix}", f"{file}{suffix}")
    before = held(file.parent)

    with pytest.raises(StoreError, match=r"never closed: what stands in old\.db-wal") as caught:
        copied(file, target)

    assert held(file.parent) == before
    assert "newsletter db current" in caught.value.hint
    settled = file.parent.parent / "settled.db"
    for suffix in ("", "-wal"):
        Path(f"{file}{suffix}").rename(f"{settled}{suffix}")
    open_engine(f"sqlite:///{settled}").dispose()
    assert copied(settled, target) == ["ann@example.com", "bob@example.com"]


def test_a_file_with_a_change_that_was_broken_off_is_refused_and_stays_as_it_is(
    file: Path, target: Engine
) -> None:
    """Killed in the middle of a transaction, it has a journal by which the next who writes undoes that."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").close()
        connection.execute("CREATE TABLE much (text TEXT)")
        connection.executemany("INSERT INTO much VALUES (?)", [("x" * 500,)] * 500)
        connection.execute("PRAGMA cache_size = 5")
        connection.execute("BEGIN")
        connection.execute("UPDATE much SET text = 'y' || text")
        killed = file.parent.parent / "killed"
        shutil.copytree(file.parent, killed)
        connection.execute("ROLLBACK")
    before = held(killed)
    assert set(before) == {"old.db", "old.db-journal"}

    with pytest.raises(StoreError, match=r"never closed: what stands in old\.db-journal"):
        copied(killed / "old.db", target)

    assert held(killed) == before


def test_what_is_written_to_while_it_is_read_as_closed_is_not_copied(
    file: Path, target: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be of two moments; the target stays empty."""

    def write(_rows: object) -> None:
        engine = open_engine(f"sqlite:///{renamed}")
        SubscriberStore(engine).add("bob@example.com")
        engine.dispose()

    renamed = file.rename(file.parent.parent / "old.db")
    monkeypatch.setattr("newsletter.migrations.copying._check_at_rest", write)

    with pytest.raises(StoreError, match="changed while it was read"):
        copied(renamed, target)

    assert not SubscriberStore(target).list(limit=10)


def test_a_file_that_is_no_database_is_not_kept_open(tmp_path: Path) -> None:
    """Not even while somebody still looks at the error."""
    path = tmp_path / "text.db"
    path.write_text("precious" * 200, encoding="utf-8")

    with pytest.raises(StoreError, match="no whole SQLite database") as caught:
        Untouched.at(path).connect()

    assert path.resolve() not in {each.resolve() for each in Path("/proc/self/fd").iterdir()}
    assert caught.value.hint
