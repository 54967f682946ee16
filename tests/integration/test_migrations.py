"""The history of the database, on SQLite and PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from alembic import command
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from newsletter import migrations
from newsletter.config import Publication, Settings
from newsletter.errors import ConfigError
from subscribers import Consent, SubscriberStore, SuppressionReason
from subscribers.database import altering, open_engine, writing
from subscribers.models import Subscriber, TrackingConsent
from subscribers.tracking import set_tracking

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


REVISIONS = migrations.revisions()


def fill_tables(engine: Engine) -> None:
    """One row at least in every table that there is, with a value in every column."""
    made = MetaData()
    made.reflect(engine)
    with writing(engine) as connection:
        for table in made.sorted_tables:
            if table.name != migrations.VERSION_TABLE and not connection.execute(select(table)).first():
                connection.execute(table.insert(), {column.name: example(column) for column in table.columns})


def example(column: Column[object]) -> object:
    """A value of the column's type; those of texts that mean something are what most rows have."""
    told = {"status": "active", "state": "subscribed", "scope": "all", "kind": "added", "topic": ""}
    if column.name in told:
        return told[column.name]
    kind = column.type
    if isinstance(kind, JSON):
        return {"country": "DE"}
    if isinstance(kind, Boolean):
        return True
    if isinstance(kind, LargeBinary):
        return b"\x00key"
    if isinstance(kind, DateTime):
        return MOMENT.replace(tzinfo=UTC if kind.timezone else None)
    return 1 if isinstance(kind, Integer | Float) else f"{column.table.name} {column.name}"


def rows(engine: Engine) -> dict[str, list[dict[str, object]]]:
    made = MetaData()
    made.reflect(engine)
    with engine.connect() as connection:
        return {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in made.sorted_tables
            if table.name != migrations.VERSION_TABLE
        }


def common(before: dict[str, list[dict[str, object]]], after: dict[str, list[dict[str, object]]]) -> None:
    """What both have, tables and columns, must be the same."""
    for table in before.keys() & after.keys():
        assert len(before[table]) == len(after[table])
        for old, new in zip(before[table], after[table], strict=True):
            names = old.keys() & new.keys()
            assert {name: old[name] for name in names} == {name: new[name] for name in names}


@pytest.mark.parametrize("step", range(1, len(REVISIONS)), ids=REVISIONS[1:])
def test_each_step_keeps_what_was_there_both_ways(engine: Engine, step: int) -> None:
    """Up, down and up again, with a row in every table: nothing is lost but what the step brought."""
    below, above = REVISIONS[step - 1], REVISIONS[step]
    migrations.downgrade(engine, below)
    fill_tables(engine)
    at_first = rows(engine)

    move(engine, "upgrade", above)
    fill_tables(engine)
    up = rows(engine)
    move(engine, "downgrade", below)
    down = rows(engine)
    move(engine, "upgrade", above)

    assert all(at_first.values())
    common(at_first, up)
    assert down == at_first
    common(down, rows(engine))


def move(engine: Engine, way: str, revision: str) -> None:
    with altering(engine) as connection:
        getattr(command, way)(migrations.alembic_config(connection), revision)


def test_who_left_a_topic_does_not_have_it_after_a_downgrade(engine: Engine) -> None:
    """The older version knows no topic that was left, and must not mail it."""
    store = SubscriberStore(engine)
    store.add("ann@example.com", topics=["ai", "web"])
    store.unsubscribe("ann@example.com", source="page", topic="ai")
    store.suppress("ann@example.com", SuppressionReason.MANUAL, topic="web")

    migrations.downgrade(engine, "0002_ledger")
    kept = rows(engine)
    migrations.upgrade(engine)

    assert (len(kept["subscription"]), kept["suppression"]) == (1, [])
    ann = store.find("ann@example.com")
    assert ann is not None
    assert (ann.topics, ann.status, ann.consent[-1].status) == (("web",), "active", "active")


def test_who_refused_to_be_tracked_refuses_after_a_downgrade_and_back(engine: Engine) -> None:
    """The older version has no place for it but the log; what was said last counts."""
    store = SubscriberStore(engine)
    said = {
        "ann@example.com": ["granted", "denied"],
        "bob@example.com": ["denied", "granted"],
        "cyn@example.com": [],
    }
    for email, words in said.items():
        store.add(email)
        for word in words:
            person = store.find(email)
            assert person is not None
            set_tracking(store, person.id, TrackingConsent(word), Consent(source="test"))

    migrations.downgrade(engine, "0006_pacing")
    migrations.upgrade(engine)

    told = {profile.email: profile.tracking for profile in store.list()}
    assert told == {"ann@example.com": "denied", "bob@example.com": "granted", "cyn@example.com": ""}


def test_the_log_of_an_older_version_tells_statuses_and_is_held_from_then_on(engine: Engine) -> None:
    migrations.downgrade(engine, "0002_ledger")
    insert_subscriber(engine)
    with writing(engine) as connection:
        for kind in ("imported", "opted_out", "opt_in"):
            connection.execute(
                text(
                    "INSERT INTO consent_event (subscriber_id, kind, source, text, ip, user_agent, at)"
                    " VALUES (1, :kind, '', '', '', '', '2026-04-11 09:30:00')"
                ),
                {"kind": kind},
            )

    migrations.upgrade(engine)

    ann = SubscriberStore(engine).find("ann@example.com")
    assert ann is not None
    assert [line.status for line in ann.consent] == ["", "unsubscribed", "active"]
    with pytest.raises(DBAPIError, match="only added to"), writing(engine) as connection:
        connection.execute(text("DELETE FROM consent_event"))
