"""A segment has the same answer in SQL, on every database, as in memory."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import not_, select

from subscribers import Consent, Status, SubscriberStore, addressees, parse_segment
from subscribers.tables import SUBSCRIBER, SUPPRESSION

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from subscribers import Segment

TODAY = date(2026, 4, 11)
MOMENTS = [
    datetime(2026, 4, 10, 23, 59, 59, 999999, UTC),
    datetime(2026, 4, 11, tzinfo=UTC),
    datetime(2026, 4, 11, 12, 30, tzinfo=UTC),
    datetime(2025, 12, 31, 1, tzinfo=UTC),
]
VALUES = ["DE", "de", "Ä", "z", "7", "true", "2026-04-11", 7, 0, -3, 7.5, True, False, None]
NAMES = ["", "Ann", "ann", "Ängström", "日本"]


def populate(engine: Engine) -> None:
    """Subscribers whose attributes are of every type, with and without names, tags and topics."""
    moments = iter(MOMENTS * len(VALUES))
    store = SubscriberStore(engine, clock=lambda: next(moments))
    for number, (value, other) in enumerate(product(VALUES, [None, "DE", 7, True])):
        store.add(
            f"reader{number}@example.{'com' if number % 2 else 'org'}",
            first_name=NAMES[number % 5],
            last_name=NAMES[number % 3],
            locale=["", "de", "en"][number % 3],
            tags=[["pro"], [], ["pro", "b_%"], ["Pro"]][number % 4],
            topics=[[], ["ai"]][number % 2],
            attributes={"a": value, "b": other},
            consent=Consent(),
            status=Status.PENDING if number % 7 == 0 else Status.ACTIVE,
        )


def in_sql(engine: Engine, segment: Segment) -> set[int]:
    with engine.connect() as connection:
        return set(connection.scalars(select(SUBSCRIBER.c.id).where(segment.clause(TODAY))))


def in_memory(engine: Engine, segment: Segment) -> set[int]:
    with engine.connect() as connection:
        ids = list(connection.scalars(select(SUBSCRIBER.c.id)))
        people = addressees(connection, ids)
    return {number for number, person in people.items() if segment.matches(person.fields, TODAY)}


TEXTS = st.sampled_from(['"DE"', '"de"', '"Ä"', '"7"', '"true"', '"2026-04-11"', '"日"', '"%"', '"e"'])
NUMBERS = st.sampled_from(["7", "7.0", "7.5", "0", "-3", "-0.0", "9007199254740991"])
CONSTANTS = TEXTS | NUMBERS | st.sampled_from(["days_ago(0)"])
FIELDS = st.sampled_from(["a", "b", "missing", "email", "first_name", "last_name", "name", "locale"])
SIGNS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
DAYS = st.sampled_from(["days_ago(0)", "days_ago(1)", "days_ago(200)", '"2026-04-11"', '"2026-04-10"'])
WORDS = st.sampled_from(['"pro"', '"Pro"', '"b_%"', '"ai"'])
LEAVES = st.one_of(
    st.builds("{} {} {}".format, FIELDS, SIGNS, CONSTANTS),
    st.builds("{} {} {}".format, CONSTANTS, SIGNS, FIELDS),
    st.builds("{} {} {}".format, FIELDS, st.sampled_from(["==", "!="]), st.sampled_from(["true", "false"])),
    st.builds("joined {} {}".format, SIGNS, DAYS),
    st.builds(
        "{} {} [{}]".format,
        FIELDS,
        st.sampled_from(["in", "not in"]),
        st.lists(CONSTANTS | st.sampled_from(["true", "false"]), max_size=4).map(", ".join),
    ),
    st.builds("{} in {}".format, TEXTS, FIELDS),
    st.builds("{} in {}".format, WORDS, st.sampled_from(["tags", "topics"])),
    st.builds(
        "{} is {}".format,
        FIELDS | st.sampled_from(["tags", "topics", "joined", "status"]),
        st.sampled_from(["defined", "not defined", "none", "not none"]),
    ),
    FIELDS,
    st.sampled_from(["tags", "topics", "joined", "true", "false"]),
    st.sampled_from(['status == "pending"', 'status != "active"']),
)  # fmt: skip
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds("not ({})".format, inner),
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
    ),
    max_leaves=6,
)


@given(EXPRESSIONS)
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def check_expression(populated: Engine, expression: str) -> None:
    segment = parse_segment(expression)
    found = in_sql(populated, segment)

    assert found == in_memory(populated, segment), expression

    with populated.connect() as connection:
        opposite = set(connection.scalars(select(SUBSCRIBER.c.id).where(not_(segment.clause(TODAY)))))
    assert not found & opposite
    assert len(found | opposite) == len(VALUES) * 4


def test_sql_and_memory_agree_and_nothing_is_unknown(engine: Engine) -> None:
    """For any expression: the same people, its opposite everybody else, and NULL for nobody."""
    populate(engine)

    check_expression(engine)


@pytest.mark.parametrize(
    ("expression", "count"),
    [("true", 56), ('a == "DE"', 4), ("a == 7", 4), ('"pro" in tags', 28), ('joined == "2025-12-31"', 14)],
)
def test_a_segment_counts_its_people(engine: Engine, expression: str, count: int) -> None:
    populate(engine)

    assert SubscriberStore(engine).count(parse_segment(expression)) == count


def test_an_index_on_an_attribute_is_used(sqlite_engine: Engine) -> None:
    """The name of an attribute is part of the statement, so that SQLite recognises the indexed expression."""
    with sqlite_engine.connect() as connection:
        connection.exec_driver_sql("CREATE INDEX i ON subscriber (json_extract(attributes, '$.country'))")
        query = select(SUBSCRIBER.c.id).where(parse_segment('country == "DE"').clause())
        sql = str(query.compile(sqlite_engine, compile_kwargs={"literal_binds": True}))
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all())

    assert "USING INDEX i" in plan


def test_the_suppression_join_is_by_primary_key(sqlite_engine: Engine) -> None:
    """Planning a large audience looks up each hash, and computes none."""
    joined = SUBSCRIBER.outerjoin(SUPPRESSION, SUPPRESSION.c.key == SUBSCRIBER.c.suppression_key)
    sql = str(select(SUBSCRIBER.c.id, SUPPRESSION.c.reason).select_from(joined).compile(sqlite_engine))
    with sqlite_engine.connect() as connection:
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all())

    assert "SEARCH suppression USING PRIMARY KEY" in plan
