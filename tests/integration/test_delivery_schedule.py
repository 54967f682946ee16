"""Dispatches that are due later: who is due when, and who hands them over."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import Clock, fill, names, plan, run, where
from fakes.providers import ScriptedProvider
from sqlalchemy import select, update

from newsletter.delivery import DispatchState, Schedule, due_dispatches, pause, status
from newsletter.delivery.models import BATCH
from newsletter.measures import find_zone
from newsletter.providers import Verdict
from subscribers import writing
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from newsletter.messages import Message

BERLIN = find_zone("Europe/Berlin")
#: 10:00 in Berlin.
NOW = datetime(2030, 4, 11, 8, 0, tzinfo=UTC)
HOMES = {2: "Asia/Tokyo", 3: "America/New_York", 4: "Asia/Tokyo", 5: "Nowhere/Else", 6: ""}


def planned(engine: Engine, provider: ScriptedProvider, text: str, *, local: bool = False) -> None:
    schedule = Schedule.parse(text, NOW, BERLIN, local=local)
    plan(engine, provider, schedule=schedule, clock=lambda: NOW)


def scattered(engine: Engine) -> None:
    """Six readers, of whom it is known of some where they live."""
    fill(engine, 6)
    with writing(engine) as connection:
        for number, home in HOMES.items():
            row = update(SUBSCRIBER).where(SUBSCRIBER.c.email_key == f"reader{number}@example.com")
            connection.execute(row.values(attributes={"time_zone": home}))


def test_each_recipient_gets_it_at_that_time_where_they_live(engine: Engine) -> None:
    """Of whom it is not known, or not understood, the publication's time zone counts."""
    scattered(engine)
    clock = Clock(NOW)
    hours: defaultdict[datetime, set[str]] = defaultdict(set)

    def judge(message: Message) -> Verdict:
        hours[clock.now].add(message.email)
        return Verdict.ACCEPTED

    provider = ScriptedProvider(judge, batch_size=2)
    planned(engine, provider, "08:00", local=True)

    ended = run(engine, provider, clock=clock)

    assert (ended.state, ended.accepted) == (DispatchState.FINISHED, 6)
    day = datetime(2030, 4, 11, tzinfo=UTC)
    assert hours == {
        day + timedelta(hours=12): names(3),  # 08:00 in New York is still to come today
        day + timedelta(hours=23): names(2, 4),
        day + timedelta(hours=30): names(1, 5, 6),
    }


def test_batches_of_one_time_are_full(engine: Engine) -> None:
    fill(engine, 25, attributes={"time_zone": "Asia/Tokyo"})
    planned(engine, ScriptedProvider(batch_size=10), "08:00", local=True)

    with engine.connect() as connection:
        sizes = list(connection.scalars(select(BATCH.c.pending).order_by(BATCH.c.number)))
    assert sizes == [10, 10, 5]


def test_nobody_gets_it_before_it_is_due_and_who_leaves_before_gets_nothing(engine: Engine) -> None:
    store = fill(engine, 4)
    clock = Clock(NOW)
    moments: list[datetime] = []
    provider = ScriptedProvider(lambda message: moments.append(clock.now) or Verdict.ACCEPTED)
    planned(engine, provider, "tomorrow 08:00")
    waiting = status(engine, "issue-1")
    store.unsubscribe("public1", source="link")

    ended = run(engine, provider, clock=clock)

    assert waiting.next_at == datetime(2030, 4, 12, 6, 0, tzinfo=UTC)
    assert waiting.schedule == "2030-04-12T06:00:00+00:00"
    assert min(moments) >= datetime(2030, 4, 12, 6, 0, tzinfo=UTC)
    assert (ended.accepted, ended.skipped) == (3, 1)


def test_what_is_due_is_handed_over_by_whoever_asks_for_it(engine: Engine) -> None:
    fill(engine, 4)
    provider = ScriptedProvider()
    planned(engine, provider, "18:00")
    later = NOW + timedelta(hours=9)

    assert due_dispatches(engine, NOW) == []
    assert due_dispatches(engine, later) == ["issue-1"]
    run(engine, provider, clock=Clock(later), patience=55, paused=False)
    assert status(engine, "issue-1").state is DispatchState.FINISHED
    assert due_dispatches(engine, later) == []


def test_what_is_paused_or_planned_for_at_once_is_not_due(engine: Engine) -> None:
    fill(engine, 4)
    provider = ScriptedProvider()
    plan(engine, provider)
    later = datetime.now(UTC) + timedelta(days=1)
    assert due_dispatches(engine, later) == []
    pause(engine, "issue-1")

    untouched = run(engine, provider, paused=False)

    assert (untouched.state, untouched.pending) == (DispatchState.PAUSED, 4)
    assert provider.taken.total() == 0


def test_a_paused_dispatch_of_a_time_is_not_due(engine: Engine) -> None:
    fill(engine, 4)
    planned(engine, ScriptedProvider(), "18:00")
    pause(engine, "issue-1")

    assert due_dispatches(engine, NOW + timedelta(days=1)) == []


@pytest.mark.parametrize("local", [True, False])
def test_who_is_about_to_receive_an_issue_is_left_out_of_others_whatever_the_order(
    engine: Engine, local: bool
) -> None:
    """Recipients due at different times are in batches whose ids overlap."""
    scattered(engine)
    fill(
        engine,
        1,
        email="new@example.net",
        email_key="new@example.net",
        public_id="new",
        suppression_key=b"new",
    )
    provider = ScriptedProvider(batch_size=2)
    schedule = Schedule.parse("08:00", NOW, BERLIN, local=local)
    plan(engine, provider, where('email != "new@example.net"'), schedule=schedule, clock=lambda: NOW)

    second = plan(engine, provider)

    assert (second.planned, second.excluded) == (1, {"about to receive it": 6})
