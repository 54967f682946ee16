"""Indexes for segments: made, used by the planner, listed, removed; on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from subscribers import FieldError, SubscriberStore, parse_segment, writing
from subscribers.indexing import FieldIndex, _name, create_index, indexes, remove_index
from subscribers.tables import SUBSCRIBER, insert_many

if TYPE_CHECKING:
    from sqlalchemy import Engine

ATTRIBUTES = ["country", "score"]


@pytest.fixture
def peopled(engine: Engine) -> Engine:
    """A list long enough that looking at every row is the slower way."""
    at = SubscriberStore(engine).clock()
    with writing(engine) as connection:
        insert_many(
            connection,
            SUBSCRIBER,
            [
                {
                    "public_id": f"p{number}",
                    "email": f"reader{number}@example.com",
                    "email_key": f"reader{number}@example.com",
                    "suppression_key": b"",
                    "first_name": f"n{number}",
                    "last_name": "",
                    "locale": "en",
                    "status": "active",
                    "attributes": {"country": f"c{number % 500}", "score": number / 2},
                    "created_at": at,
                    "updated_at": at,
                }
                for number in range(20_000)
            ],
        )
    return engine


def plan(engine: Engine, expression: str) -> str:
    """How the database would look for the people of a segment."""
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    query = select(SUBSCRIBER.c.id).where(parse_segment(expression).clause())
    with engine.connect() as connection:
        compiled = query.compile(engine, compile_kwargs={"render_postcompile": True})
        values = compiled.params
        if compiled.positiontup:
            rows = connection.exec_driver_sql(
                f"{explain} {compiled}", tuple(values[name] for name in compiled.positiontup)
            )
        else:
            rows = connection.exec_driver_sql(f"{explain} {compiled}", values)
        return "\n".join(str(row) for row in rows)


@pytest.mark.parametrize(
    ("field", "expression"),
    [
        ("country", 'country == "c7"'),
        ("country", 'country in ["c7", "c8"]'),
        ("country", 'country > "c498"'),
        ("country", 'status == "active" and (country == "c7" or country == "c8")'),
        ("score", "score == 7"),
        ("score", "score >= 9990"),
        ("score", "score in [7, 7.5]"),
        ("first_name", 'first_name == "n7"'),
        ("email", 'email == "reader7@example.com"'),
        ("joined", 'joined < "2020-01-01"'),
    ],
)
def test_the_planner_uses_the_index(peopled: Engine, field: str, expression: str) -> None:
    """The condition of a segment has the very expression that is indexed."""
    assert "ix_segments" not in plan(peopled, expression)
    count = SubscriberStore(peopled).count(parse_segment(expression))

    create_index(peopled, field, ATTRIBUTES)

    assert f"ix_segments_{field}" in plan(peopled, expression)
    assert SubscriberStore(peopled).count(parse_segment(expression)) == count


def test_the_planner_uses_it_for_prepared_statements_too(postgres_engine: Engine) -> None:
    """PostgreSQL plans a statement anew for its values only a few times; the index must not depend on them."""
    create_index(postgres_engine, "country", ATTRIBUTES)
    with postgres_engine.connect() as connection:
        connection.exec_driver_sql("SET plan_cache_mode = force_generic_plan")
        connection.exec_driver_sql("SET enable_seqscan = off")
        clause = parse_segment('country == "DE"').clause()
        sql = str(select(SUBSCRIBER.c.id).where(clause).compile(postgres_engine))
        sql = (
            sql.replace("%(param_1)s::TEXT", "$1")
            .replace("%(param_1)s::VARCHAR", "$1")
            .replace("%(param_1)s", "$1")
        )
        connection.exec_driver_sql(f"PREPARE asked (text) AS {sql}")
        rows = connection.exec_driver_sql("EXPLAIN EXECUTE asked ('DE')").all()

    assert "ix_segments_country_text" in str(rows)
    assert "$1" in str(rows)


def test_indexes_are_made_once_listed_and_removed(engine: Engine) -> None:
    for _ in range(2):
        create_index(engine, "country", ATTRIBUTES)
    create_index(engine, "joined", ATTRIBUTES)

    assert indexes(engine, ATTRIBUTES) == [
        FieldIndex("country", ready=True),
        FieldIndex("joined", ready=True),
    ]

    remove_index(engine, "country", ATTRIBUTES)
    assert indexes(engine, ATTRIBUTES) == [FieldIndex("joined", ready=True)]


def test_an_index_that_was_interrupted_is_told_and_made_anew(postgres_engine: Engine) -> None:
    """PostgreSQL leaves behind what it could not finish, and would take it for done."""
    create_index(postgres_engine, "country", ATTRIBUTES)
    with writing(postgres_engine) as connection:
        connection.exec_driver_sql(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_segments_country_text'::regclass"
        )

    assert indexes(postgres_engine, ATTRIBUTES) == [FieldIndex("country", ready=False)]
    create_index(postgres_engine, "country", ATTRIBUTES)
    assert indexes(postgres_engine, ATTRIBUTES) == [FieldIndex("country", ready=True)]


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("contry", "`contry` is not known"),
        ("status", "an index already"),
        ("tags", "an index already"),
        ("name", "two fields"),
        ("country'); DROP TABLE subscriber; --", "is not known"),
        ("id", "is not known"),
        ("", "is not known"),
    ],
)
def test_only_fields_can_have_an_index(sqlite_engine: Engine, field: str, says: str) -> None:
    with pytest.raises(FieldError, match=says):
        create_index(sqlite_engine, field, ATTRIBUTES)

    assert indexes(sqlite_engine, ATTRIBUTES) == []


def test_a_name_that_could_not_be_one_is_refused_even_if_it_is_kept(sqlite_engine: Engine) -> None:
    """Names go into statements as they are."""
    with pytest.raises(FieldError):
        create_index(sqlite_engine, "x') --", ["x') --"])


def test_removing_what_is_not_there_is_refused(sqlite_engine: Engine) -> None:
    with pytest.raises(FieldError, match="no index on `country`"):
        remove_index(sqlite_engine, "country", ATTRIBUTES)


def test_names_of_indexes_are_short_and_differ() -> None:
    """PostgreSQL cuts names at 63 characters; two long attributes must not share one index."""
    names = {_name("a" * 62 + last, suffix) for last in "xy" for suffix in ("_text", "_number")}

    assert len(names) == 4
    assert max(map(len, names)) <= 63
