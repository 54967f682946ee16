"""The history of the database, on SQLite and PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from alembic import command
from sqlalchemy import inspect, select, text
from sqlmodel import SQLModel

from newsletter import migrations
from newsletter.config import Publication, Settings
from newsletter.errors import ConfigError
from subscribers.database import altering, open_engine, writing
from subscribers.models import Subscriber

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Engine

MOMENT = datetime(2026, 4, 11, 9, 30, tzinfo=UTC)


def publication(root: Path, url: str = "sqlite:///newsletter.db") -> Publication:
    values = {"publication": {"name": "N", "from": "N <n@example.com>"}, "database": {"url": url}}
    return Publication(root, Settings.model_validate(values))


def insert_subscriber(engine: Engine, email: str = "ann@example.com") -> None:
    """A subscriber in whatever columns the revision has."""
    row = Subscriber(email=email, email_key=email, suppression_key=b"k", created_at=MOMENT)
    columns = {column["name"] for column in inspect(engine).get_columns("subscriber")} - {"id"}
    with writing(engine) as connection:
        connection.execute(Subscriber.__table__.insert(), row.model_dump(include=columns))


def emails(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(select(Subscriber.email).order_by(Subscriber.id)))


def set_revision(engine: Engine, revision: str) -> None:
    with writing(engine) as connection:
        connection.execute(text(f"UPDATE {migrations.VERSION_TABLE} SET version_num = :r"), {"r": revision})


def test_the_tables_are_what_the_models_say(engine: Engine) -> None:
    """`alembic check` finds no difference between history and models."""
    with altering(engine) as connection:
        command.check(migrations.alembic_config(connection))


def test_upgrading_ends_at_the_head(engine: Engine) -> None:
    assert migrations.current(engine) == migrations.head()


def test_downgrading_takes_every_table_away_and_upgrading_brings_them_back(engine: Engine) -> None:
    migrations.downgrade(engine, "base")

    assert set(inspect(engine).get_table_names()) == {migrations.VERSION_TABLE}
    migrations.upgrade(engine)
    assert set(SQLModel.metadata.tables) <= set(inspect(engine).get_table_names())


def test_a_moment_comes_back_with_its_zone(engine: Engine) -> None:
    insert_subscriber(engine)

    with engine.connect() as connection:
        assert connection.scalar(select(Subscriber.created_at)) == MOMENT


def test_a_new_sqlite_file_is_made_private_and_complete(tmp_path: Path) -> None:
    engine = migrations.open_database(publication(tmp_path))

    assert migrations.current(engine) == migrations.head()
    assert (tmp_path / "newsletter.db").stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.glob("*backup*")) == []
    engine.dispose()


def test_an_older_sqlite_file_is_copied_then_upgraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revision that is not the last one is what an older version leaves behind."""
    first = migrations.revisions()[0]
    engine = open_engine(f"sqlite:///{tmp_path}/newsletter.db")
    with altering(engine) as connection:
        command.upgrade(migrations.alembic_config(connection), first)
    insert_subscriber(engine)
    engine.dispose()
    monkeypatch.setattr(migrations, "head", lambda: "9999_later")
    monkeypatch.setattr(migrations, "upgrade", lambda _: None)

    for _ in range(2):
        migrations.open_database(publication(tmp_path)).dispose()

    copies = sorted(path.name for path in tmp_path.glob("*backup*"))
    assert copies == [f"newsletter.db.backup-{first}", f"newsletter.db.backup-{first}-2"]
    copy = open_engine(f"sqlite:///{tmp_path}/{copies[0]}")
    assert emails(copy) == ["ann@example.com"]
    copy.dispose()


def test_a_newer_database_is_refused(engine: Engine) -> None:
    set_revision(engine, "9999_from_the_future")

    with pytest.raises(ConfigError, match="newer version") as caught:
        migrations.upgrade(engine)

    assert caught.value.hint == "install a newer newsletter-press"


def test_opening_a_newer_sqlite_file_is_refused_and_leaves_it_alone(
    tmp_path: Path, sqlite_engine: Engine
) -> None:
    set_revision(sqlite_engine, "9999_from_the_future")

    with pytest.raises(ConfigError, match="newer version"):
        migrations.open_database(publication(tmp_path))

    assert migrations.current(sqlite_engine) == "9999_from_the_future"
    assert list(tmp_path.glob("*backup*")) == []


def test_another_programs_sqlite_file_is_refused(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/newsletter.db")
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE tunes (name TEXT)")
    engine.dispose()

    with pytest.raises(ConfigError, match="another program"):
        migrations.open_database(publication(tmp_path))


def test_an_empty_postgresql_database_is_never_upgraded_silently(
    tmp_path: Path, new_postgres_url: Callable[[str], str]
) -> None:
    url = new_postgres_url("template1")

    with pytest.raises(ConfigError, match="the database is empty") as caught:
        migrations.open_database(publication(tmp_path, url))

    assert (caught.value.exit_code, caught.value.hint) == (3, "run `newsletter db upgrade`")
    engine = open_engine(url)
    migrations.upgrade(engine)
    engine.dispose()
    migrations.open_database(publication(tmp_path, url)).dispose()


def test_a_backup_is_a_complete_private_copy(tmp_path: Path, sqlite_engine: Engine) -> None:
    insert_subscriber(sqlite_engine)

    migrations.backup(sqlite_engine, tmp_path / "copy.db")

    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "copy.db.part").exists()
    copy = open_engine(f"sqlite:///{tmp_path}/copy.db")
    assert emails(copy) == ["ann@example.com"]
    copy.dispose()


def test_a_backup_replaces_a_file_only_by_force(tmp_path: Path, sqlite_engine: Engine) -> None:
    file = tmp_path / "copy.db"
    file.write_text("precious", encoding="utf-8")

    with pytest.raises(ConfigError, match="already") as caught:
        migrations.backup(sqlite_engine, file)

    assert "--force" in caught.value.hint
    assert file.read_text(encoding="utf-8") == "precious"
    migrations.backup(sqlite_engine, file, force=True)
    assert file.read_bytes().startswith(b"SQLite format 3")


def test_a_backup_never_replaces_the_database_itself(tmp_path: Path, sqlite_engine: Engine) -> None:
    (file,) = tmp_path.glob("*.db")

    with pytest.raises(ConfigError, match="the database itself"):
        migrations.backup(sqlite_engine, file, force=True)


def test_a_backup_into_a_missing_folder_says_so(tmp_path: Path, sqlite_engine: Engine) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        migrations.backup(sqlite_engine, tmp_path / "missing" / "copy.db")


def test_opening_a_current_database_does_not_import_alembic(tmp_path: Path, sqlite_engine: Engine) -> None:
    code = (
        "import sys; from newsletter import migrations; from subscribers.database import open_engine;"
        f"engine = open_engine('sqlite:///{tmp_path}/newsletter.db'); migrations._bring_up_to_date(engine);"
        "engine.dispose(); sys.exit('alembic' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
