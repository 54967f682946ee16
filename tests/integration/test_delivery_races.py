"""Those who do something to one dispatch, or one issue, at one moment, on PostgreSQL.

Who settles the same doubt neither stops the other nor overwrites it; who plans sees one moment.
"""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import fill, leave_in_doubt, lose_a_worker, names, plan, run, states, those_in, where
from fakes.feedback import events, ids
from fakes.providers import ScriptedProvider
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from newsletter.config import TrackingSettings
from newsletter.delivery import resend, settle_by
from newsletter.delivery.models import BATCH, DELIVERY, DISPATCH, DeliveryState
from newsletter.delivery.proving import Proof, settle_proved
from newsletter.delivery.reconciling import Decisions, Reconciled, reconcile
from newsletter.delivery.report import find
from newsletter.delivery.tracking import Extent
from newsletter.feedback.consequences import Rules
from newsletter.feedback.machines import Asked
from newsletter.feedback.sendgrid import take_body
from newsletter.feedback.tracking import note
from newsletter.messages.marks import Mark
from newsletter.providers.sendgrid_payload import request_name
from subscribers import SubscriberStore, now
from subscribers.database import wait_for_turn, writing
from subscribers.deadlocks import write_anew

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

FIRST, SECOND, FOURTH = "reader1@example.com", "reader2@example.com", "reader4@example.com"


@pytest.fixture
def doubtful(postgres_engine: Engine) -> Engine:
    """A database with a dispatch of which four readers are in doubt."""
    leave_in_doubt(postgres_engine)
    return postgres_engine


def wait_for_who_waits(engine: Engine, count: int = 1) -> None:
    """Until so many wait for a lock of another."""
    until = monotonic() + 300
    with engine.connect() as connection:
        while connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")) < count:
            assert monotonic() < until, "nobody waits"


def test_an_event_waits_for_a_person_before_it_takes_what_they_will_need(doubtful: Engine) -> None:
    """It took the delivery first, and PostgreSQL ended one of the two: `deadlock detected`."""
    proof = Proof(ids(doubtful)[FIRST], "sendgrid: delivered")

    def take() -> int:
        with writing(doubtful) as connection:
            return settle_proved(connection, [proof], now())

    with ThreadPoolExecutor(1) as pool:
        with doubtful.begin() as person:
            find(person, "issue-1", lock=True)
            taken = pool.submit(take)
            wait_for_who_waits(doubtful)
            person.execute(select(DELIVERY).with_for_update(nowait=True))
        assert taken.result() == 1

    assert states(doubtful)[FIRST] == DeliveryState.ACCEPTED


def test_evidence_does_not_overwrite_what_a_person_settles_meanwhile(doubtful: Engine) -> None:
    name = ids(doubtful)[FIRST]
    with ThreadPoolExecutor(1) as pool:
        with doubtful.begin() as person:
            find(person, "issue-1", lock=True)
            settled = pool.submit(settle_by, doubtful, "issue-1", {name: "postfix: sent"})
            wait_for_who_waits(doubtful)
            failed = {"state": DeliveryState.FAILED, "reason": "by a person"}
            person.execute(update(DELIVERY).where(DELIVERY.c.delivery_id == name).values(**failed))
        assert settled.result().doubtful == 0

    assert states(doubtful)[FIRST] == DeliveryState.FAILED


def test_who_is_mailed_while_another_audience_is_planned_is_not_planned_again(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They left their batch after its dispatch was looked through, and were on record only after that, too."""
    fill(postgres_engine, 12)
    provider = ScriptedProvider(batch_size=1)
    plan(postgres_engine, provider, where('email != "reader12@example.com"'))
    candidates = SubscriberStore.candidates

    def slowly(*what: object, **options: object) -> object:
        monkeypatch.undo()
        run(postgres_engine, provider)
        return candidates(*what, **options)

    monkeypatch.setattr(SubscriberStore, "candidates", slowly)
    made = plan(postgres_engine, provider)
    run(postgres_engine, provider, "issue-2")

    assert those_in(postgres_engine, "accepted", "issue-2") == names(12)
    assert (made.planned, made.excluded) == (1, {"about to receive it": 11})
    assert max(provider.taken.values()) == 1


def test_an_event_and_a_click_that_would_wait_for_each_other_both_hold(doubtful: Engine) -> None:
    """The event has the first reader's delivery, as one of its request, and wants the dispatch to itself, to take
    out who was put back; the click shares the dispatch, and wants that delivery. PostgreSQL ends one of them.
    """
    together = request_name(list(ids(doubtful).values())[:3])
    told = events(doubtful, ["delivered"], SECOND, newsletter_request=together)
    told += events(doubtful, ["delivered"], FOURTH, newsletter_request="")
    resend(doubtful, "issue-1", DeliveryState.UNCERTAIN, who=[FOURTH])
    extent = Extent(opens=True, clicks=False, anonymous=False, links=(), name="issue-1", issue="issue")
    tracking = TrackingSettings(opens=True, consent="opt-out")
    asked = Asked(
        "GET", {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
    )

    with ThreadPoolExecutor(2) as pool:
        with doubtful.begin() as gate:
            # The event stops at its first note: it has the delivery by then, and not yet the dispatch.
            gate.execute(text("LOCK TABLE settlement IN SHARE MODE"))
            event = pool.submit(take_body, doubtful, json.dumps(told).encode(), Rules())
            wait_for_who_waits(doubtful)
            click = pool.submit(note, doubtful, tracking, extent, Mark(1, 1, 0), asked, now())
            wait_for_who_waits(doubtful, 2)
        assert click.result(60)
        assert event.result(60).new == 2

    assert set(states(doubtful).values()) == {DeliveryState.ACCEPTED}


def test_what_is_no_deadlock_is_not_done_again(postgres_engine: Engine) -> None:
    tries: list[Connection] = []

    def write(connection: Connection) -> None:
        tries.append(connection)
        connection.execute(text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError, match="division by zero"):
        write_anew(postgres_engine, write)
    assert len(tries) == 1


def test_a_foreseen_run_waits_for_its_turn_before_it_takes_what_a_lost_worker_held(
    postgres_engine: Engine,
) -> None:
    """It took the batches first; who had the turn and wanted them waited for it, and it for them."""
    fill(postgres_engine, 4)
    lose_a_worker(postgres_engine)
    decisions = Decisions([{FIRST: "listed"}])
    with ThreadPoolExecutor(1) as pool:
        with postgres_engine.begin() as planner:
            wait_for_turn(planner, DISPATCH.name)
            foreseen = pool.submit(reconcile, postgres_engine, "issue-1", decisions, dry_run=True)
            wait_for_who_waits(postgres_engine)
            planner.execute(select(BATCH).with_for_update(nowait=True))
        assert foreseen.result() == Reconciled(proved=1, recovered=2, doubtful=1)


@pytest.mark.parametrize(
    "foresee",
    [
        lambda engine: reconcile(engine, "issue-1", Decisions(again=None), dry_run=True).resent,
        lambda engine: resend(engine, "issue-1", DeliveryState.UNCERTAIN, dry_run=True).put_back,
    ],
)
def test_what_a_deadlock_ended_is_foreseen_anew(doubtful: Engine, foresee: Callable[[Engine], int]) -> None:
    """It has the turn and wants the dispatch; another has the dispatch and wants the turn."""
    foreseen: list[Future[int]] = []

    def across(connection: Connection) -> None:
        find(connection, "issue-1", lock=True)
        foreseen.append(pool.submit(foresee, doubtful))
        wait_for_who_waits(doubtful)
        wait_for_turn(connection, DISPATCH.name)

    with ThreadPoolExecutor(1) as pool:
        write_anew(doubtful, across)
        assert {each.result() for each in foreseen} == {4}
