"""Statements that are given to the driver as they are: the same answers and the same errors as SQLAlchemy's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import fill
from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from subscribers import writing
from subscribers.prepared import Prepared
from subscribers.tables import SUBSCRIBER, TAGS, are_dense
from subscribers.words import words_of

if TYPE_CHECKING:
    from sqlalchemy import Engine

TAG = Prepared(insert(TAGS.words).values(name=bindparam("word")))
FIND = Prepared(select(SUBSCRIBER.c.email).where(SUBSCRIBER.c.id == bindparam("who")))


def test_it_answers_what_was_asked(engine: Engine) -> None:
    fill(engine, 3)

    with engine.connect() as connection, connection.begin():
        found = [FIND.run(connection, {"who": who, "other": 1}).fetchall() for who in (1, 3, 4)]

    assert found == [[("reader1@example.com",)], [("reader3@example.com",)], []]


def test_what_the_database_refuses_is_told_as_sqlalchemy_tells_it(engine: Engine) -> None:
    with writing(engine) as connection:
        TAG.run(connection, {"word": "pro"})

    with pytest.raises(IntegrityError, match="INSERT INTO tag"), writing(engine) as connection:
        TAG.run(connection, {"word": "pro"})

    with writing(engine) as connection:
        TAG.run(connection, {"word": "new"})


def test_a_connection_that_is_gone_is_not_used_again(postgres_engine: Engine) -> None:
    engine = postgres_engine
    with pytest.raises(DBAPIError) as caught, writing(engine) as connection:
        own = connection.scalar(text("SELECT pg_backend_pid()"))
        with engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:own)"), {"own": own})
        TAG.run(connection, {"word": "pro"})

    assert caught.value.connection_invalidated
    with writing(engine) as connection:
        TAG.run(connection, {"word": "pro"})


@pytest.mark.parametrize(
    "chosen",
    [
        [7],
        [1, 2, 3, 4, 5],
        [2, 4, 5, 7, 10],
        [3, 5, 4, 6],
        [1, 10, 19],
        [5, 20],
        [19, 20, 21, 22],
        [25, 26],
        [1, 40],
    ],
)
def test_who_is_asked_for_is_found_and_nobody_between(engine: Engine, chosen: list[int]) -> None:
    """Ids that lie close together are read by their range, others one by one."""
    store = fill(engine, 20)
    for number in (5, 10, 15, 20):
        store.tag(f"reader{number}@example.com", add=["pro"])

    with engine.connect() as connection:
        people = store.addressees(connection, chosen)
        tags = words_of(connection, TAGS, chosen)

    assert people.keys() == set(chosen) & set(range(1, 21))
    assert tags.keys() == set(chosen) & {5, 10, 15, 20}
    assert all(person.id == who for who, person in people.items())
    assert all(person.fields["tags"] == tags.get(who, []) for who, person in people.items())


def test_ids_are_dense_if_at_least_every_other_one_is_asked_for() -> None:
    assert are_dense([7])
    assert are_dense([1, 3, 5, 6])
    assert not are_dense([1, 9, 17])
