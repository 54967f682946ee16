"""What `/metrics` tells of sending: the ledger's numbers, found by indexes, and what alerts can be made of."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from fakes.dispatching import fill, leave_in_doubt, plan, run
from fakes.providers import ScriptedProvider
from sqlalchemy import event, text, update
from webclient import WebClient

from newsletter.config import Publication, Settings
from newsletter.delivery import Schedule, pause
from newsletter.delivery.calls import call_schema, prepare_calls
from newsletter.delivery.control import begin
from newsletter.delivery.models import BATCH, DISPATCH
from newsletter.notices import NoticeKind, enqueue
from newsletter.public import create_app
from newsletter.public.numbers import KEPT, SendingNumbers
from subscribers import SubscriberStore
from subscribers.database import writing

NOW = datetime(2026, 4, 11, 8, tzinfo=UTC)
RULES = Path(__file__).parents[2] / "docs/serving/alerts.yml"
#: What a histogram's name ends with, beside the name itself.
PARTS = ("_bucket", "_sum", "_count")


def numbers(engine, now=NOW):
    """Each number by its name and labels, as it is read for the first time."""
    lines = SendingNumbers(engine, lambda: now).text().splitlines()
    told = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name.removeprefix("newsletter_"): float(value) for name, value in told.items()}


def ask_for_notice(engine, email="ada@example.com", at=NOW):
    person, _ = SubscriberStore(engine).add(email)
    with writing(engine) as connection:
        until = at + timedelta(days=2)
        assert enqueue(connection, NoticeKind.PREFERENCES, person.id, "en", at, until=until)


def test_nothing_planned_is_told_as_zeros(engine):
    told = numbers(engine)

    assert told.pop("database_up") == 1
    assert set(told.values()) == {0}
    assert {'dispatches{state="running"}', 'recipients_pending{state="paused"}', "workers"} <= set(told)


def test_each_dispatch_and_each_recipient_is_in_the_state_that_it_is_in(engine):
    fill(engine, 3)
    provider = ScriptedProvider()
    now = datetime.now(UTC)
    plan(engine, provider, schedule=Schedule.parse("2090-01-01 08:00", now, UTC, local=False))
    for name in ("issue-2", "issue-3", "issue-4"):
        plan(engine, provider, again=True)
        begin(engine, name, "smtp")
    pause(engine, "issue-3")
    run(engine, provider, "issue-4")
    with writing(engine) as connection:
        connection.execute(update(DISPATCH).where(DISPATCH.c.name == "issue-3").values(halted="it bounces"))
        held = {"state": "leased", "worker": "there:7:1234:beef", "lease_until": now + timedelta(minutes=1)}
        connection.execute(update(BATCH).where(BATCH.c.dispatch_id == 2).values(held))
    told = numbers(engine, now)

    for state in ("planned", "running", "paused", "finished"):
        assert told[f'dispatches{{state="{state}"}}'] == 1
    for state in ("planned", "running", "paused"):
        assert told[f'recipients_pending{{state="{state}"}}'] == 3
    assert (told["dispatches_halted"], told["batch_holders"], told["recipients_uncertain"]) == (1, 1, 0)
    assert numbers(engine, now + timedelta(minutes=2))["batch_holders"] == 0


def test_those_in_doubt_are_told_until_their_dispatch_is_old(engine):
    leave_in_doubt(engine)

    assert numbers(engine, datetime.now(UTC))["recipients_uncertain"] == 4
    assert numbers(engine, datetime.now(UTC) + timedelta(days=31))["recipients_uncertain"] == 0


def test_notices_that_wait_are_told_with_the_age_of_the_oldest(engine):
    ask_for_notice(engine)
    ask_for_notice(engine, "bob@example.com", NOW + timedelta(minutes=1))
    told = numbers(engine, NOW + timedelta(minutes=5))

    assert (told["notices_waiting"], told["notices_oldest_waiting_seconds"]) == (2, 300)


def test_workers_of_all_releases_are_told_while_they_give_a_sign_of_life(postgres_engine):
    prepare_calls(postgres_engine)
    with postgres_engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA newsletter_calls_of_old"))
        connection.execute(text("CREATE SCHEMA newsletter_calls_empty"))
        workers = "newsletter_calls_of_old.procrastinate_workers"
        connection.execute(text(f"CREATE TABLE {workers} AS SELECT now() AS last_heartbeat"))
        for ago in ("5 seconds", "1 hour"):
            connection.execute(
                text(
                    f"INSERT INTO {call_schema()}.procrastinate_workers (last_heartbeat)"
                    f" VALUES (now() - interval '{ago}')"
                )
            )

    assert numbers(postgres_engine)["workers"] == 2


def test_numbers_are_looked_up_once_in_a_while(sqlite_engine):
    asked = []
    event.listen(sqlite_engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    seconds = [0.0]
    sending = SendingNumbers(sqlite_engine, lambda: NOW, lambda: seconds[0])
    sending.text()
    once = len(asked)
    seconds[0] = KEPT - 1
    sending.text()
    kept = len(asked)
    seconds[0] = KEPT
    sending.text()

    assert (kept, len(asked)) == (once, 2 * once)


def test_no_number_costs_a_look_at_every_delivery(sqlite_engine):
    """Deliveries are millions: only the index of those in doubt is read, and dispatches by theirs."""
    leave_in_doubt(sqlite_engine)
    asked = []
    event.listen(sqlite_engine, "before_cursor_execute", lambda *call: asked.append(call[2:4]))
    SendingNumbers(sqlite_engine, lambda: NOW).text()
    with sqlite_engine.connect() as connection:
        plans = [
            row[3]
            for question, values in list(asked)
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {question}", values)
        ]

    assert any("ix_delivery_in_doubt" in step for step in plans)
    full = [step for step in plans if re.match(r"SCAN (delivery|batch|dispatch|notice)\b", step)]
    assert not [step for step in full if " USING " not in step], full


@pytest.fixture
def metrics(tmp_path, sqlite_engine):
    said = {"name": "N", "from": "N <n@example.com>", "url": "https://notes.example.com"}
    settings = Settings(publication=said, web={"metrics": True})
    client = WebClient(create_app(Publication(tmp_path, settings), sqlite_engine))
    client.get("/")
    return lambda: client.get("/metrics").text


def test_alert_rules_ask_for_numbers_that_there_are(metrics):
    known = set(re.findall(r"^# TYPE (\S+)", metrics(), re.MULTILINE))
    known |= {name + part for name in known for part in PARTS}
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]

    assert len({rule["alert"] for rule in rules}) == len(rules) > 5
    for rule in rules:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        asked = set(re.findall(r"\bnewsletter_\w+", rule["expr"]))
        assert asked, rule
        assert asked <= known, rule
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
        assert rule["annotations"]["summary"]


def test_without_a_database_requests_are_still_told(metrics, sqlite_engine, monkeypatch):
    def gone(*_):
        from sqlalchemy.exc import OperationalError

        raise OperationalError("SELECT", {}, Exception("ada@example.com"))

    monkeypatch.setattr(type(sqlite_engine), "connect", gone)
    told = metrics()

    assert "newsletter_http_requests_total{" in told
    assert told.endswith("newsletter_database_up 0\n")
    assert "newsletter_dispatches" not in told
