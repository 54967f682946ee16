"""A segment has the same answer in SQL, on every database, as in memory, for whatever is asked of whomever."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, not_, select
from sqlalchemy.sql import visitors

from subscribers import (
    Consent,
    Event,
    EventKind,
    Status,
    SubscriberStore,
    addressees,
    events_of,
    parse_segment,
    record_events,
    writing,
)
from subscribers.segments.parsing import DEEPEST, LONGEST_LIST, MOST_QUESTIONS
from subscribers.tables import SUBSCRIBER, SUPPRESSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Engine

TODAY = date(2026, 4, 11)
PEOPLE = 120
EXPRESSIONS_ASKED = 100

#: Case, combining marks, letters that lower to another's, emoji of several code points, what SQL and JSON
#: might take for something else, and code points that UTF-16 would order differently.
TEXTS = [
    "DE", "de", "dE", "Ä", "ä", "A\u0308", "a\u0308", "ß", "SS", "ẞ", "İ", "i", "I", "ı", "ΑΣ", "ας", "ασ",
    "\u212a", "k", "K", "👩‍👩‍👧", "👩", "🇩🇪", "z", "Z", "日本", "日", "\ufffd", "𝒳", "7", "7.0", "true", "null",
    "2026-04-11", "2026-04-10", "%", "_", "a%b", "a_b", "O'Neil", 'say "hi"', "back\\slash", "$.a", "{}", "[1]",
    "x" * 300,
]  # fmt: skip
NUMBERS = [
    7, 7.0, 0, -0.0, -3, 7.5, 2**53, -(2**53), 2**53 - 1, 0.1, 0.5, 0.25, 1 / 3, 1e15 + 0.5, 1e-7, 1e-300,
    0.30000000000000004, 123456789.123456789, 4.35, 2.675, 1e22 % 2**53,
]  # fmt: skip
NAMES = ["", "", "Ann", "ann", "Ängström", "Änne", "A\u0308nne", "日本", "O'Neil", "👩 Kim", "İpek"]
TAGS = ["pro", "Pro", "b_%", "Ärzte", "ärzte", "👩‍👩‍👧"]
SLUGS = ["2026-04-11", "2026-04-04", "ä"]
DAYS = [
    "days_ago(0)",
    "days_ago(1)",
    "days_ago(200)",
    "days_ago(-1)",
    '"2026-04-11"',
    '"2026-04-10"',
    '"2024-02-29"',
]


def moment(random: Random) -> datetime:
    """Some moment, often just before or after midnight in UTC, in some time zone."""
    day = datetime(2026, 4, 11, tzinfo=UTC) - timedelta(days=random.choice([-1, 0, 0, 1, 2, 30, 90, 91, 400]))
    nudge = timedelta(microseconds=random.choice([-1, 0, 1, 43_200_000_000]))
    return (day + nudge).astimezone(timezone(timedelta(hours=random.choice([-11, 0, 0, 5.5, 14]))))


def populate(engine: Engine) -> None:
    """Subscribers of all kinds, and what happened with their messages; always the same."""
    random = Random(20260411)
    store = SubscriberStore(engine, clock=lambda: moment(random))
    values = [*TEXTS, *NUMBERS, True, False, None]
    for number in range(PEOPLE):
        store.add(
            f"{random.choice(['reader', 'Reader', 'léa', 'k'])}{number}@example.{random.choice(['com', 'org'])}",
            first_name=random.choice(NAMES),
            last_name=random.choice(NAMES),
            locale=random.choice(["", "de", "en", "pt-BR"]),
            time_zone=random.choice(["", "Europe/Berlin", "Asia/Tokyo"]),
            tags=random.sample(TAGS, random.randrange(3)),
            topics=random.sample(["ai", "Ä"], random.randrange(3)),
            # Each value at least once, then at random.
            attributes={"a": (values * 2)[number], "b": random.choice([None, "DE", 7, True, "ß"])},
            consent=Consent(),
            status=random.choice([Status.ACTIVE, Status.PENDING]),
        )
    with writing(engine) as connection:
        ids = list(connection.scalars(select(SUBSCRIBER.c.id).order_by(SUBSCRIBER.c.id)))
        record_events(
            connection,
            [
                Event(
                    "test",
                    str(number),
                    random.choice(list(EventKind)),
                    random.choice(ids[::2]),
                    moment(random),
                    random.choice(["", *SLUGS]),
                    by_machine=random.random() < 0.3,
                )
                for number in range(400)
            ],
        )


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def number_written(number: float) -> str:
    return repr(number) if number >= 0 else f"-{-number!r}"


TEXT = st.sampled_from([*TEXTS, *filter(None, NAMES), "@example.com", "de", "reader", "Europe/Berlin"]).map(
    quoted
)
NUMBER = st.sampled_from(NUMBERS).map(number_written)
TRUTH = st.sampled_from(["true", "false"])
CONSTANT = TEXT | NUMBER | st.just("days_ago(0)")
FIELD = st.sampled_from(
    ["a", "a", "a", "b", "missing", "email", "first_name", "last_name", "name", "locale", "time_zone"]
)
SIGN = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
IN = st.sampled_from(["in", "not in"])
SMALL = st.sampled_from(
    ["de", "ä", "a\u0308", "ß", "i", "ı", "σ", "ας", "ασ", "k", "x", "änne", "ann", "日本"]
)
LEAVES = st.one_of(
    st.builds("{} {} {}".format, FIELD, SIGN, CONSTANT),
    st.builds("{} {} {}".format, CONSTANT, SIGN, FIELD),
    st.builds("{} {} {}".format, FIELD, st.sampled_from(["==", "!="]), TRUTH),
    st.builds("subscriber.joined {} {}".format, SIGN, st.sampled_from(DAYS)),
    st.builds("{} {} [{}]".format, FIELD, IN, st.lists(CONSTANT | TRUTH, max_size=4).map(", ".join)),
    st.builds("{} {} {}".format, TEXT, IN, FIELD),
    st.builds("{} {} tags".format, st.sampled_from([*TAGS, "nobody"]).map(quoted), IN),
    st.builds("{} {} topics".format, st.sampled_from(["ai", "Ä", "ä"]).map(quoted), IN),
    st.builds("{} is {}({})".format, FIELD, st.sampled_from(["startswith", "not endswith"]), TEXT),
    st.builds("{} is {}({})".format, FIELD, st.sampled_from(["not startswith", "endswith"]), TEXT),
    st.builds("{} | lower == {}".format, FIELD, SMALL.map(quoted)),
    st.builds("{} | lower in [{}, {}, 7, true]".format, FIELD, SMALL.map(quoted), SMALL.map(quoted)),
    st.builds("{} in {} | lower".format, SMALL.map(quoted), FIELD),
    st.builds("{} | lower is endswith({})".format, FIELD, SMALL.map(quoted)),
    st.builds(
        "{} is {}".format,
        FIELD | st.sampled_from(["tags", "topics", "joined", "status"]),
        st.sampled_from(["defined", "not defined", "none", "not none"]),
    ),
    st.builds("{}({})".format, st.sampled_from(["received", "opened", "clicked"]), st.sampled_from(SLUGS).map(quoted)),
    st.builds(
        "{}({})".format,
        st.sampled_from(["opened_within", "clicked_within"]),
        st.sampled_from([0, 1, 2, 90, 36500]),
    ),
    FIELD,
    st.sampled_from(["tags", "topics", "joined", "true", "false"]),
    st.sampled_from(['status == "pending"', 'status != "active"', 'status in ["active", "erased"]']),
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


def read(engine: Engine) -> tuple[Mapping[int, Mapping[str, object]], Mapping[int, list[Event]]]:
    """What is known of everybody, and what happened with their messages."""
    with engine.connect() as connection:
        ids = list(connection.scalars(select(SUBSCRIBER.c.id)))
        people = {number: person.fields for number, person in addressees(connection, ids).items()}
        return people, events_of(connection, ids)


#: The tables that a segment may ask; of the others, some hold secrets.
MAY_BE_ASKED = {"subscriber", "tag", "subscriber_tag", "topic", "subscription", "event"}


def tables(clause: ColumnElement[bool]) -> set[str]:
    return {part.name for part in visitors.iterate(clause) if isinstance(part, Table)}


def test_sql_and_memory_agree_and_nothing_is_unknown(engine: Engine) -> None:
    """At least 10,000 pairs of expression and person: the same answer; the opposite of whom it is not for."""
    populate(engine)
    people, events = read(engine)
    cases = 0

    @given(EXPRESSIONS)
    @settings(deadline=None, max_examples=EXPRESSIONS_ASKED, database=None)
    def ask(expression: str) -> None:
        nonlocal cases
        segment = parse_segment(expression)
        clause = segment.clause(TODAY)
        with engine.connect() as connection:
            found = set(connection.scalars(select(SUBSCRIBER.c.id).where(clause)))
            opposite = set(connection.scalars(select(SUBSCRIBER.c.id).where(not_(clause))))

        for number, fields in people.items():
            assert segment.matches(fields, TODAY, events.get(number, ())) == (number in found), (
                expression,
                fields,
            )
        assert opposite == people.keys() - found
        assert tables(clause) <= MAY_BE_ASKED
        cases += len(people)

    ask()

    assert cases >= 10_000


def test_every_number_is_found_by_itself(engine: Engine) -> None:
    """However the database keeps it and however it is written: to the last digit."""
    store = SubscriberStore(engine)
    for place, number in enumerate(NUMBERS):
        store.add(f"reader{place}@example.com", attributes={"a": number})

    for number in NUMBERS:
        written, same = number_written(number), NUMBERS.count(number)
        for expression in (f"a == {written}", f"a in [{written}]", f"a >= {written} and not a > {written}"):
            assert store.count(parse_segment(expression)) == same, expression


@pytest.mark.parametrize(
    "expression",
    [
        " or ".join(f"a == {number}" for number in range(MOST_QUESTIONS)),
        " and ".join(f"a != {number}" for number in range(MOST_QUESTIONS)),
        "not (" * (DEEPEST - 2) + "a == 7" + ")" * (DEEPEST - 2),
        "a in [" + ", ".join(map(str, range(LONGEST_LIST))) + "]",
        " or ".join(f'opened("{number}")' for number in range(MOST_QUESTIONS)),
        " or ".join(f'"{number}" in tags' for number in range(MOST_QUESTIONS)),
    ],
    ids=["or", "and", "not", "list", "events", "tags"],
)
def test_the_largest_expressions_are_within_the_databases_limits(engine: Engine, expression: str) -> None:
    """What is not refused when it is read is not refused by the database either."""
    store = SubscriberStore(engine)
    store.add("ann@example.com", attributes={"a": 7}, tags=["7"])
    segment = parse_segment(expression)

    with engine.connect() as connection:
        (person,) = addressees(connection, [1]).values()
    assert store.count(segment) == segment.matches(person.fields)


def test_days_are_days_in_utc(engine: Engine) -> None:
    """Who joined at 23:30 in New York joined the next day."""
    evening = datetime(2026, 4, 10, 23, 30, tzinfo=timezone(timedelta(hours=-4)))
    SubscriberStore(engine, clock=lambda: evening).add("ann@example.com")

    store = SubscriberStore(engine)
    assert store.count(parse_segment('joined == "2026-04-11"')) == 1
    assert store.count(parse_segment('joined < "2026-04-11"')) == 0


def test_the_suppression_join_is_by_primary_key(sqlite_engine: Engine) -> None:
    """Planning a large audience looks up each hash, and computes none."""
    joined = SUBSCRIBER.outerjoin(SUPPRESSION, SUPPRESSION.c.key == SUBSCRIBER.c.suppression_key)
    sql = str(select(SUBSCRIBER.c.id, SUPPRESSION.c.reason).select_from(joined).compile(sqlite_engine))
    with sqlite_engine.connect() as connection:
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all())

    assert "SEARCH suppression USING PRIMARY KEY" in plan
