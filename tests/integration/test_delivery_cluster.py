"""Who waits for dispatches of other machines: is given what is open, and goes on after trouble."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import Clock, fill, plan, run
from fakes.providers import ScriptedProvider
from sqlalchemy import text

from newsletter.delivery import Schedule, cluster, pause
from newsletter.delivery.calls import call_schema, prepare_calls
from newsletter.delivery.cluster import work_on_any
from newsletter.delivery.control import begin
from newsletter.delivery.due import open_dispatches
from newsletter.errors import DeliveryError
from subscribers.database import open_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from newsletter.errors import NewsletterError


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Looks are quick, rests last longer than any test, and what the engine logs is left as it was."""
    monkeypatch.setattr(cluster, "LOOK", 0.05)
    monkeypatch.setattr(cluster, "REST", 3600.0)
    levels = {name: logging.getLogger(name).level for name in ("procrastinate", "psycopg.pool")}
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def running(engine: Engine, *names: str) -> None:
    """A list of two, and dispatches to it that run."""
    fill(engine, 2)
    for name in names:
        plan(engine, ScriptedProvider(), again=name != "issue-1")
        begin(engine, name, "smtp")


def jobs(engine: Engine, schema: str = "") -> list[tuple[str, str]]:
    """State and dispatch of each job."""
    query = (
        f"SELECT status::text, args->>'name' FROM {schema or call_schema()}.procrastinate_jobs ORDER BY id"
    )
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


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


def test_trouble_with_one_dispatch_keeps_no_other_waiting(postgres_engine: Engine) -> None:
    """It is told, and that dispatch is left alone for a while."""
    running(postgres_engine, "issue-1", "issue-2")
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
    assert {dispatch for _, dispatch in jobs(postgres_engine)} <= {"issue-2"}, "what was done is not kept"


def test_several_workers_are_given_the_same_dispatch_at_the_same_time(postgres_engine: Engine) -> None:
    running(postgres_engine, "issue-1")
    stop, both = Event(), Event()
    inside: list[str] = []

    def work(name: str) -> None:
        inside.append(name)
        if len(inside) == 2:
            both.set()
        assert both.wait(300)
        stop.set()

    def trouble(name: str, error: NewsletterError) -> None:
        raise AssertionError(error)

    threads = [
        Thread(target=work_on_any, args=(postgres_engine, work), kwargs={"stop": stop, "trouble": trouble})
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)

    assert both.is_set()
    assert not any(thread.is_alive() for thread in threads)


def test_a_database_that_ends_its_connections_does_not_end_the_worker(postgres_engine: Engine) -> None:
    """What it says of it, if anything, is a line."""
    running(postgres_engine, "issue-1")
    stop = Event()
    worked: list[str] = []
    told: list[NewsletterError] = []

    def work(name: str) -> None:
        worked.append(name)
        if len(worked) == 2:
            stop.set()
            return
        with postgres_engine.connect() as connection:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            others = "pid <> pg_backend_pid() AND datname = current_database()"
            connection.execute(text(f"{ended} WHERE {others}"))

    def trouble(name: str, error: NewsletterError) -> None:
        assert name == ""
        told.append(error)

    work_on_any(postgres_engine, work, stop=stop, trouble=trouble)

    assert worked == ["issue-1", "issue-1"]
    assert all(error.what.startswith("the database does not answer: ") for error in told)
    assert not any("\n" in error.what for error in told)


def test_a_fault_of_the_program_ends_the_worker_with_it(postgres_engine: Engine) -> None:
    running(postgres_engine, "issue-1")

    def work(name: str) -> None:
        raise ZeroDivisionError(name)

    def trouble(name: str, error: NewsletterError) -> None:
        raise AssertionError(error)

    with pytest.raises(ZeroDivisionError, match="issue-1"):
        work_on_any(postgres_engine, work, stop=Event(), trouble=trouble)


def leave_a_dead_worker(engine: Engine) -> None:
    """A worker of which nothing was heard for an hour, at work on a dispatch."""
    schema = call_schema()
    with engine.begin() as connection:
        worker = connection.scalar(
            text(
                f"INSERT INTO {schema}.procrastinate_workers (last_heartbeat)"
                " VALUES (now() - interval '1 hour') RETURNING id"
            )
        )
        connection.execute(
            text(
                f"INSERT INTO {schema}.procrastinate_jobs (queue_name, task_name, status, worker_id, args)"
                """ VALUES ('dispatches', 'work_on', 'doing', :worker, '{"name": "issue-0"}')"""
            ),
            {"worker": worker},
        )


def test_the_job_of_a_worker_that_died_is_forgotten_by_those_who_live(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it died before they began or after; its name stands in no table for ever."""
    monkeypatch.setattr(cluster, "SWEEP", 0.0)
    running(postgres_engine, "issue-1")
    prepare_calls(postgres_engine)
    leave_a_dead_worker(postgres_engine)
    stop = Event()
    left: list[int] = []

    def dead() -> int:
        query = (
            f"SELECT (SELECT count(*) FROM {call_schema()}.procrastinate_jobs WHERE args->>'name' = 'issue-0')"
            f" + (SELECT count(*) FROM {call_schema()}.procrastinate_workers"
            " WHERE last_heartbeat < now() - interval '1 minute')"
        )
        with postgres_engine.connect() as connection:
            return int(connection.scalar(text(query)) or 0)

    def work(_: str) -> None:
        left.append(dead())
        if left[0] == 0 and len(left) == 1:
            leave_a_dead_worker(postgres_engine)
        elif left[0] == 0 and left[-1] == 0:
            stop.set()

    work_on_any(postgres_engine, work, stop=stop, trouble=lambda *_: None)

    assert left[0] == left[-1] == 0


def test_the_jobs_of_another_release_are_kept_as_long_as_it_has_a_worker(postgres_engine: Engine) -> None:
    prepare_calls(postgres_engine)
    used, left = "newsletter_calls_used", "newsletter_calls_left"
    with postgres_engine.begin() as connection:
        for schema, ago in ((used, "5 seconds"), (left, "1 day")):
            connection.execute(text(f"CREATE SCHEMA {schema}"))
            connection.execute(
                text(
                    f"CREATE TABLE {schema}.procrastinate_workers AS"
                    f" SELECT 1 AS id, now() - interval '{ago}' AS last_heartbeat"
                )
            )

    prepare_calls(postgres_engine)
    prepare_calls(postgres_engine)

    with postgres_engine.connect() as connection:
        found = set(
            connection.scalars(
                text("SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'newsletter_calls_%'")
            )
        )
    assert found == {used, call_schema()}


def test_a_user_of_the_database_who_may_make_no_schema_is_told_what_is_missing(
    postgres_engine: Engine,
) -> None:
    with postgres_engine.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS humble"))
        connection.execute(text("CREATE ROLE humble LOGIN"))
    humble = open_engine(postgres_engine.url.set(username="humble").render_as_string(hide_password=False))

    with pytest.raises(DeliveryError, match="may not create the schema") as caught:
        work_on_any(humble, lambda _: None, stop=Event(), trouble=lambda *_: None)

    humble.dispose()
    with postgres_engine.begin() as connection:
        connection.execute(text("DROP ROLE humble"))
    assert caught.value.hint == f'GRANT CREATE ON DATABASE "{postgres_engine.url.database}" TO "humble"'
