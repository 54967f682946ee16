"""Who waits for dispatches of other machines: is called, goes on after trouble, and works on all that is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING

from fakes.dispatching import Clock, fill, plan, run
from fakes.providers import ScriptedProvider

from newsletter.delivery import Schedule, cluster, pause, work_on_any
from newsletter.delivery.cluster import Bell
from newsletter.delivery.control import begin
from newsletter.delivery.due import open_dispatches
from newsletter.errors import DeliveryError

if TYPE_CHECKING:
    import pytest
    from sqlalchemy import Engine

    from newsletter.errors import NewsletterError


def test_a_dispatch_that_begins_or_is_resumed_calls_and_one_that_runs_does_not(
    postgres_engine: Engine,
) -> None:
    """Else two workers would call each other for ever."""
    fill(postgres_engine, 2)
    plan(postgres_engine, ScriptedProvider())
    never = Event()
    with Bell(postgres_engine) as bell:
        assert not bell.wait(0.1, never)
        begin(postgres_engine, "issue-1", "smtp")
        assert bell.wait(60, never)
        begin(postgres_engine, "issue-1", "smtp")
        assert not bell.wait(0.1, never)
        pause(postgres_engine, "issue-1")
        begin(postgres_engine, "issue-1", "smtp")
        assert bell.wait(60, never)


def test_open_are_those_that_run_or_are_due(engine: Engine) -> None:
    """Not those that wait for whoever planned them, for their time, or for whoever paused them."""
    fill(engine, 4)
    provider = ScriptedProvider()
    now = datetime.now(UTC)
    schedule = Schedule.parse("2090-01-01 08:00", now, UTC, local=False)
    plan(engine, provider, schedule=schedule)
    later = datetime(2090, 1, 2, tzinfo=UTC)
    planned, due = open_dispatches(engine, now), open_dispatches(engine, later)
    pause(engine, "issue-1")
    paused = open_dispatches(engine, later)
    plan(engine, provider, again=True)
    waiting = open_dispatches(engine, now + timedelta(minutes=1))
    begin(engine, "issue-2", "smtp")
    running = open_dispatches(engine, now + timedelta(minutes=1))
    run(engine, provider, "issue-2", clock=Clock(now + timedelta(hours=1)))

    assert (planned, due, paused, waiting, running) == ([], ["issue-1"], [], [], ["issue-2"])
    assert open_dispatches(engine, now + timedelta(hours=2)) == []


def test_trouble_with_one_dispatch_keeps_no_other_waiting(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, and that dispatch is left alone for a while."""
    monkeypatch.setattr(cluster, "LOOK", 0.01)
    fill(postgres_engine, 2)
    for again in (False, True):
        name = plan(postgres_engine, ScriptedProvider(), again=again).dispatch
        begin(postgres_engine, name, "smtp")
    stop = Event()
    worked: list[str] = []
    told: list[tuple[str, str]] = []

    def work(name: str) -> None:
        worked.append(name)
        if name == "issue-1":
            raise DeliveryError("no images", hint="look")
        if worked.count("issue-2") == 3:
            stop.set()

    def trouble(name: str, error: NewsletterError) -> None:
        told.append((name, error.what))

    work_on_any(postgres_engine, work, stop=stop, trouble=trouble)

    assert worked == ["issue-1", "issue-2", "issue-2", "issue-2"]
    assert told == [("issue-1", "no images")]
