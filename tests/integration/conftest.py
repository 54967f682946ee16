"""Real databases for the integration tests: a SQLite file, and PostgreSQL from a wheel, both migrated."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from fakes.lists import MOMENT

from newsletter import migrations
from subscribers import SubscriberStore
from subscribers.database import open_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Engine

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated and empty SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    engine = open_engine(f"sqlite:///{path}")
    migrations.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_template(new_postgres_url: Callable[[str], str]) -> str:
    """The name of a migrated and empty PostgreSQL database, to be copied."""
    engine = open_engine(new_postgres_url("template1"))
    migrations.upgrade(engine)
    engine.dispose()
    return str(engine.url.database)


@pytest.fixture
def sqlite_engine(tmp_path: Path, sqlite_template: Path) -> Iterator[Engine]:
    """An engine on a SQLite file of the test's own, migrated."""
    path = tmp_path / "newsletter.db"
    shutil.copyfile(sqlite_template, path)
    engine = open_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_engine(new_postgres_url: Callable[[str], str], postgres_template: str) -> Iterator[Engine]:
    """An engine on a PostgreSQL database of the test's own, migrated."""
    engine = open_engine(new_postgres_url(postgres_template))
    yield engine
    engine.dispose()


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """The engine of each database in turn: the test runs once on every one."""
    fixture: Engine = request.getfixturevalue(
        "sqlite_engine" if request.param == "sqlite" else "postgres_engine"
    )
    return fixture


@pytest.fixture
def store(engine: Engine) -> SubscriberStore:
    """The list in each database in turn; its clock stands still."""
    return SubscriberStore(engine, clock=lambda: MOMENT)
