"""Events: kept once each, whatever their order; and what segments make of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from subscribers import (
    Event,
    EventKind,
    SubscriberStore,
    events_of,
    parse_segment,
    record_events,
    retention,
    writing,
)
from subscribers.engagement import EVENT
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

TODAY = date(2026, 4, 11)
NOON = datetime(2026, 4, 11, 12, tzinfo=UTC)


@pytest.fixture
def ids(engine: Engine) -> list[int]:
    """Three subscribers."""
    store = SubscriberStore(engine)
    return [store.add(f"{name}@example.com")[0].id for name in ("ann", "bob", "cho")]


def event(number: int, kind: EventKind, who: int, **more: object) -> Event:
    return Event("sendgrid", f"e{number}", kind, who, more.pop("at", NOON), **more)  # type: ignore[arg-type]


def members(engine: Engine, expression: str) -> list[int]:
    with engine.connect() as connection:
        clause = parse_segment(expression).clause(TODAY)
        return list(connection.scalars(select(SUBSCRIBER.c.id).where(clause).order_by(SUBSCRIBER.c.id)))


def kept(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(EVENT)) or 0


def test_an_event_told_twice_is_kept_once(engine: Engine, ids: list[int]) -> None:
    """Providers repeat themselves, within one call and in later ones; only what is new is given back."""
    opened = event(1, EventKind.OPENED, ids[0], issue="spring", url="")
    other_provider = Event("smtp", "e1", EventKind.DELIVERED, ids[0], NOON)

    with writing(engine) as connection:
        assert record_events(connection, [opened, opened]) == [opened]
    with writing(engine) as connection:
        assert record_events(connection, [opened, other_provider]) == [other_provider]
        assert kept(connection) == 2


def test_an_event_comes_back_as_it_was_told(engine: Engine, ids: list[int]) -> None:
    told = event(
        1,
        EventKind.CLICKED,
        ids[0],
        issue="spring",
        dispatch="spring-1",
        by_machine=True,
        url="https://x.example/ä",
    )
    with writing(engine) as connection:
        record_events(connection, [told])
        assert events_of(connection, ids) == {ids[0]: [told]}


def test_events_of_strangers_and_of_the_erased_are_left_out(engine: Engine, ids: list[int]) -> None:
    """A late webhook must neither fail as a whole nor bring back what was forgotten."""
    store = SubscriberStore(engine)
    with writing(engine) as connection:
        record_events(connection, [event(1, EventKind.OPENED, ids[0]), event(2, EventKind.OPENED, ids[1])])
    store.erase("ann@example.com")

    with writing(engine) as connection:
        assert list(events_of(connection, ids)) == [ids[1]]
        late = [
            event(3, EventKind.OPENED, ids[0]),
            event(4, EventKind.OPENED, 999),
            event(5, EventKind.OPENED, ids[2]),
        ]
        assert record_events(connection, late) == late[2:]
        assert sorted(events_of(connection, ids)) == ids[1:]


def test_an_event_without_id_or_zone_is_refused(engine: Engine, ids: list[int]) -> None:
    with writing(engine) as connection:
        for wrong in (
            Event("smtp", "", EventKind.OPENED, ids[0], NOON),
            Event("smtp", "1", EventKind.OPENED, ids[0], NOON.replace(tzinfo=None)),
        ):
            with pytest.raises(ValueError, match="needs an id"):
                record_events(connection, [wrong])


def test_more_events_than_a_statement_holds_are_recorded(engine: Engine, ids: list[int]) -> None:
    many = [event(number, EventKind.DELIVERED, ids[number % 3]) for number in range(12_000)]

    with writing(engine) as connection:
        assert len(record_events(connection, many)) == 12_000
        assert kept(connection) == 12_000


def test_the_order_of_events_does_not_matter(engine: Engine, ids: list[int]) -> None:
    """Any order, with any repetition, gives the same table and the same segments."""
    events = [
        event(number, kind, who, issue=issue, at=NOON - timedelta(days=days), by_machine=machine)
        for number, (kind, who, issue, days, machine) in enumerate(
            (kind, who, issue, days, machine)
            for kind in (EventKind.DELIVERED, EventKind.OPENED, EventKind.CLICKED)
            for who, issue, days, machine in (
                (ids[0], "a", 0, False),
                (ids[1], "b", 40, False),
                (ids[2], "a", 1, True),
            )
        )
    ]
    asked = ['opened("a")', 'received("a")', 'clicked("b")', "opened_within(30)", "not clicked_within(0)"]

    def answers(told: list[Event]) -> list[list[int]]:
        with writing(engine) as connection:
            connection.execute(EVENT.delete())
            for one in told:
                record_events(connection, [one])
        return [members(engine, expression) for expression in asked]

    expected = answers(events)
    assert expected == [[ids[0]], [ids[0], ids[2]], [ids[1]], [ids[0]], [ids[1], ids[2]]]

    @given(st.permutations(events + events[:3]))
    @settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
    def in_any_order(told: list[Event]) -> None:
        assert answers(told) == expected

    in_any_order()


def test_what_a_machine_did_shows_that_a_message_arrived_and_no_more(engine: Engine, ids: list[int]) -> None:
    with writing(engine) as connection:
        record_events(
            connection,
            [
                event(1, EventKind.OPENED, ids[0], issue="a", by_machine=True),
                event(2, EventKind.CLICKED, ids[0], issue="a", by_machine=True),
            ],
        )

    assert members(engine, 'received("a")') == ids[:1]
    assert members(engine, 'opened("a") or clicked("a") or opened_within(90) or clicked_within(90)') == []


def test_days_are_counted_in_utc_from_the_beginning_of_the_day(engine: Engine, ids: list[int]) -> None:
    midnight = datetime(2026, 1, 11, tzinfo=UTC)
    with writing(engine) as connection:
        record_events(
            connection,
            [
                event(1, EventKind.OPENED, ids[0], at=midnight),
                event(2, EventKind.OPENED, ids[1], at=midnight - timedelta(microseconds=1)),
            ],
        )

    assert members(engine, "opened_within(90)") == [ids[0]]
    assert members(engine, "opened_within(91)") == ids[:2]


@pytest.mark.parametrize(
    ("expression", "index"),
    [
        ('opened("a7")', "ix_event_issue_kind"),
        ('received("a7")', "ix_event_issue_kind"),
        ("clicked_within(1)", "ix_event_kind_by_machine_at"),
    ],
)
def test_the_planner_answers_from_an_index(
    engine: Engine, ids: list[int], expression: str, index: str
) -> None:
    """Whatever else a list has gone through, only the events that are asked for are looked at."""
    kinds = list(EventKind)
    with writing(engine) as connection:
        record_events(
            connection,
            [
                event(n, kinds[n % 5], ids[n % 3], issue=f"a{n % 50}", at=NOON - timedelta(hours=n))
                for n in range(5_000)
            ],
        )
    query = select(SUBSCRIBER.c.id).where(parse_segment(expression).clause(TODAY))
    compiled = query.compile(engine, compile_kwargs={"render_postcompile": True})
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            values = tuple(
                value.replace(tzinfo=None).isoformat(" ") if isinstance(value, datetime) else value
                for value in (compiled.params[name] for name in compiled.positiontup or ())
            )
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values).all()
        else:
            connection.exec_driver_sql("ANALYZE")
            plan = connection.exec_driver_sql(f"EXPLAIN {compiled}", compiled.params).all()

    assert index in str(plan)
    assert "Seq Scan on event" not in str(plan)


def test_who_is_being_erased_gets_no_event(postgres_engine: Engine) -> None:
    """Whoever records waits for the erasure, and finds nobody; what servers say often holds the address."""
    engine, recording = postgres_engine, []
    store = SubscriberStore(engine)
    who = store.add("ann@example.com")[0].id

    def record() -> list[Event]:
        with writing(engine) as connection:
            return record_events(connection, [event(1, EventKind.BOUNCED, who, reason="<ann@example.com>")])

    def waits() -> bool:
        with engine.connect() as connection:
            return bool(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

    with ThreadPoolExecutor(1) as pool:

        def along(*_: object) -> None:
            recording.append(pool.submit(record))
            while not waits():
                assert not recording[0].done()

        store.erase("ann@example.com", along=along)

        assert recording[0].result() == []


def test_events_that_are_too_old_are_forgotten_and_only_they(
    engine: Engine, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In several transactions if they are many; by default none is."""
    monkeypatch.setattr(retention, "_EVENTS_AT_A_TIME", 2)
    store = SubscriberStore(engine, clock=lambda: NOON)
    ages = [0, 89, 90, 91, 400, 400, 400]
    with writing(engine) as connection:
        record_events(
            connection,
            [
                event(number, EventKind.OPENED, ids[number % 3], at=NOON - timedelta(days=age))
                for number, age in enumerate(ages)
            ],
        )
    policy = retention.Policy(event_days=90)

    assert retention.due(store, retention.Policy()).total == 0
    assert retention.expire(store, retention.Policy()).total == 0
    assert retention.due(store, policy) == retention.Expired(events=5)
    assert retention.expire(store, policy) == retention.Expired(events=5)
    assert retention.expire(store, policy) == retention.Expired()
    with engine.connect() as connection:
        assert {each.event_id for told in events_of(connection, ids).values() for each in told} == {
            "e0",
            "e1",
        }
    assert {profile.status for profile in store.list()} == {"active"}
