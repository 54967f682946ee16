"""Writes of several threads in one transaction: durable before anybody is told, and each answers for itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, func, insert, select
from sqlalchemy.exc import DBAPIError

from subscribers.database import writing
from subscribers.group_commit import _GROUPS, Declined, write_together
from subscribers.tables import TAGS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

WORDS = TAGS.words


def add(name: str) -> Callable[[Connection], str]:
    def write(connection: Connection) -> str:
        connection.execute(insert(WORDS).values(name=name))
        return name

    return write


def names(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.scalars(select(WORDS.c.name)))


def gathered(engine: Engine, writes: list[Callable[[Connection], object]]) -> list[object]:
    """What came of *writes*, all of which waited (on SQLite) while the first thread had the database."""
    begun, go = Event(), Event()

    def first(connection: Connection) -> None:
        begun.set()
        assert go.wait(300)

    def outcome(write: Callable[[Connection], object]) -> object:
        try:
            return write_together(engine, write)
        except (Declined, DBAPIError, ZeroDivisionError) as error:
            return error

    with ThreadPoolExecutor(len(writes) + 1) as threads:
        holder = threads.submit(write_together, engine, first)
        assert begun.wait(300)
        futures = [threads.submit(outcome, write) for write in writes]
        until = monotonic() + 300
        while engine in _GROUPS and len(_GROUPS[engine]._waiting) < len(writes):
            assert monotonic() < until, "not all of them wait"
            sleep(0.001)  # they need the interpreter, too
        go.set()
        holder.result()
        return [future.result() for future in futures]


def test_every_write_gets_its_own_answer(engine: Engine) -> None:
    words = [f"word {number}" for number in range(8)]

    assert gathered(engine, [add(word) for word in words]) == words
    assert names(engine) == set(words)


def test_writes_that_wait_are_committed_together(sqlite_engine: Engine) -> None:
    """All that wait while one commits go with the next."""
    commits = []
    event.listen(sqlite_engine, "commit", commits.append)
    gathered(sqlite_engine, [add(f"word {number}") for number in range(20)])

    assert len(commits) == 2
    assert len(names(sqlite_engine)) == 20


def test_many_threads_that_write_at_once_lose_nothing(sqlite_engine: Engine) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: write_together(sqlite_engine, add(f"word {number}")), range(200)))

    assert len(names(sqlite_engine)) == 200


def test_a_write_that_declines_disturbs_nobody(engine: Engine) -> None:
    def declines(connection: Connection) -> None:
        raise Declined("not mine")

    answers = gathered(engine, [add("one"), declines, add("two")])

    assert isinstance(answers[1], Declined)
    assert names(engine) == {"one", "two"}


def test_a_write_that_fails_fails_alone(engine: Engine) -> None:
    """What it wrote is undone; the others are written all the same, each once."""

    def fails(connection: Connection) -> None:
        add("half")(connection)
        1 / 0  # noqa: B018

    with writing(engine) as connection:
        add("there")(connection)
    answers = gathered(engine, [add("one"), fails, add("two"), add("there")])

    assert answers[0] == "one"
    assert isinstance(answers[1], ZeroDivisionError)
    assert answers[2] == "two"
    assert isinstance(answers[3], DBAPIError)
    assert names(engine) == {"there", "one", "two"}
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(WORDS)) == 3


def test_a_database_that_failed_is_used_again(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError):
        write_together(engine, lambda _: 1 / 0)

    assert write_together(engine, add("word")) == "word"
