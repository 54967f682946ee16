"""From SQLite to PostgreSQL and back: everything is there, and nothing goes out from both."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from fakes.dispatching import fill, plan, run
from fakes.providers import GONE, ScriptedProvider
from sqlalchemy import select

from newsletter import migrations
from newsletter.delivery import pause
from newsletter.errors import ConfigError, ProviderError
from newsletter.migrations.copying import copy, source_database
from newsletter.migrations.tables import tables
from newsletter.providers import Verdict
from subscribers import SubscriberStore, open_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Engine


@pytest.fixture
def empty_postgres(new_postgres_url: Callable[[str], str]) -> Iterator[Engine]:
    engine = open_engine(new_postgres_url("template1"))
    yield engine
    engine.dispose()


def rows(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """All that the database holds, as Python has it."""
    with engine.connect() as connection:
        held = {table: connection.execute(select(table)).mappings().all() for table in tables()}
    return {table.name: sorted(map(dict, found), key=_by_key(table)) for table, found in held.items()}


def _by_key(table: Any) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    return lambda row: tuple(str(row[column.name]) for column in table.primary_key)


def begun(engine: Engine, provider: ScriptedProvider, people: int = 12) -> SubscriberStore:
    """A list with a word in Greek, tags, topics and somebody who left, and a dispatch whose provider went away."""
    store = fill(engine, people, attributes={"city": "Αθήνα", "visits": 3, "score": 1.5, "premium": True})
    store.add("leaver@example.com")
    store.unsubscribe("leaver@example.com", source="test")
    plan(engine, provider)
    with suppress(ProviderError):
        run(engine, provider)
    return store


def gone_after(count: int) -> ScriptedProvider:
    """A provider that refuses one reader, and goes away for a while after *count* messages."""
    asked = iter(range(1_000))

    def judge(message: Any) -> Verdict | Exception:
        if message.recipient.email == "reader2@example.com":
            return Verdict.REJECTED
        return GONE if count <= next(asked) < count + 20 else Verdict.ACCEPTED

    return ScriptedProvider(judge)


def test_all_that_sqlite_holds_is_in_postgresql_and_comes_back(
    sqlite_engine: Engine, empty_postgres: Engine, tmp_path: Path
) -> None:
    """The empty one gets its tables; numbers that count up go on, and no column changes its value."""
    begun(sqlite_engine, ScriptedProvider())
    before = rows(sqlite_engine)
    back = open_engine(f"sqlite:///{tmp_path / 'back.db'}")

    with source_database(str(sqlite_engine.url.database)) as source:
        copied = copy(source, empty_postgres)
    with source_database(empty_postgres.url.render_as_string(hide_password=False)) as source:
        copy(source, back)

    assert rows(empty_postgres) == before == rows(back) == rows(sqlite_engine)
    assert copied == {name: len(held) for name, held in before.items()}
    assert copied["delivery"] == 12
    SubscriberStore(empty_postgres).add("new@example.com")
    SubscriberStore(back).add("new@example.com")
    back.dispose()


def test_a_dispatch_goes_on_in_the_copy_and_nobody_is_mailed_twice(
    sqlite_engine: Engine, empty_postgres: Engine
) -> None:
    provider = gone_after(4)
    begun(sqlite_engine, provider)
    pause(sqlite_engine, "issue-1")
    with source_database(str(sqlite_engine.url.database)) as source:
        copy(source, empty_postgres)
    provider.judge = lambda message: Verdict.ACCEPTED

    done = run(empty_postgres, provider)

    assert (done.accepted + done.rejected, done.pending, done.uncertain) == (12, 0, 0)
    assert set(provider.taken.values()) == {1}


def test_what_would_be_handed_over_from_both_is_not_copied(
    sqlite_engine: Engine, empty_postgres: Engine
) -> None:
    """Running, and planned for later: a forgotten worker or cron of the old database would go on with it."""
    fill(sqlite_engine, 3)
    plan(sqlite_engine, ScriptedProvider())

    with (
        source_database(str(sqlite_engine.url.database)) as source,
        pytest.raises(ConfigError, match="issue-1") as caught,
    ):
        copy(source, empty_postgres)

    assert "newsletter pause issue-1" in caught.value.hint
    assert not any(rows(empty_postgres).values())


def test_a_database_that_holds_something_is_not_copied_into(
    sqlite_engine: Engine, postgres_engine: Engine
) -> None:
    fill(sqlite_engine, 3)
    SubscriberStore(postgres_engine).add("ann@example.com")
    before = rows(postgres_engine)

    with (
        source_database(str(sqlite_engine.url.database)) as source,
        pytest.raises(ConfigError, match=r"not empty: there is something in .*subscriber"),
    ):
        copy(source, postgres_engine)

    assert rows(postgres_engine) == before


def test_the_source_must_be_a_database_of_this_version(sqlite_engine: Engine, tmp_path: Path) -> None:
    """And no file is made where there is none."""
    migrations.downgrade(sqlite_engine, migrations.revisions()[-2])

    with (
        pytest.raises(ConfigError, match="is needed to copy it") as caught,
        source_database(str(sqlite_engine.url.database)),
    ):
        pass
    with pytest.raises(ConfigError, match="no such file"), source_database(str(tmp_path / "nowhere.db")):
        pass

    assert f"NEWSLETTER_DATABASE__URL=sqlite:///{sqlite_engine.url.database}" in caught.value.hint
    assert not (tmp_path / "nowhere.db").exists()


def test_every_table_is_copied(postgres_engine: Engine) -> None:
    """A table that a migration makes and no model names would be left behind."""
    with postgres_engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert set(found.scalars()) == {table.name for table in tables()} | {migrations.VERSION_TABLE}
