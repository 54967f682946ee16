"""What comes back before an outcome is on record, or after it was taken off again: it holds all the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from fakes import bounced
from fakes.dispatching import fill, plan, run, states
from fakes.feedback import events
from fakes.providers import ScriptedProvider
from sqlalchemy import select

from newsletter.delivery import log, resend
from newsletter.delivery.identity import delivery_id
from newsletter.delivery.models import BATCH, DISPATCH, DeliveryState
from newsletter.feedback.bounces import Reader, Tally
from newsletter.feedback.consequences import Rules
from newsletter.feedback.sendgrid import take_body
from newsletter.feedback.sources import Letter
from newsletter.messages.return_path import ReturnPath
from newsletter.providers import Verdict
from subscribers import Event, EventKind, Status, SubscriberStore, Tokens, now, record_events, writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

PATH = ReturnPath("bounce@bounces.example.com", [b"a key of bounces"])
FIRST = "reader1@example.com"


def name_of(engine: Engine, email: str = FIRST) -> str:
    """The name of a delivery that has no outcome yet."""
    person = SubscriberStore(engine).find(email)
    assert person is not None
    with engine.connect() as connection:
        return delivery_id(bytes(connection.scalar(select(DISPATCH.c.secret)) or b""), person.id)


def status(engine: Engine, email: str = FIRST) -> str:
    found = SubscriberStore(engine).find(email)
    assert found is not None
    return found.status


def take(engine: Engine, raw: bytes) -> Tally:
    return Reader(engine, Rules(), Tokens(engine), PATH).read([Letter(raw)])


@pytest.fixture
def crashed(engine: Engine) -> Engine:
    """A process was killed when its first window was handed over: none of it has an outcome."""

    class Killed(BaseException):
        pass

    fill(engine, 4)
    plan(engine, ScriptedProvider())
    with engine.begin() as connection:
        values = {"state": "leased", "worker": "elsewhere:1:1:dead", "attempt": 1, "called": 2}
        connection.execute(BATCH.update().values(**values, lease_until=BATCH.c.ready_at))
        connection.execute(DISPATCH.update().values(state="running"))
    return engine


def test_a_bounce_that_comes_before_the_crash_is_noticed_suppresses_and_settles(crashed: Engine) -> None:
    raw = bounced.dsn(PATH.address(name_of(crashed)), bounced.original(name_of(crashed)))

    tally = take(crashed, raw)
    run(crashed, ScriptedProvider())

    assert (tally.known, tally.unknown) == (0, 0)
    assert status(crashed) == Status.BOUNCED
    assert states(crashed)[FIRST] == DeliveryState.ACCEPTED
    assert states(crashed)["reader2@example.com"] == DeliveryState.UNCERTAIN


def test_a_complaint_that_comes_before_the_crash_is_noticed_holds(crashed: Engine) -> None:
    take(crashed, bounced.arf(PATH.address(name_of(crashed)), ""))

    assert status(crashed) == Status.COMPLAINED


def test_who_was_not_handed_over_yet_is_no_ones_delivery(crashed: Engine) -> None:
    """A name that nobody outside can know proves nothing."""
    name = name_of(crashed, "reader4@example.com")

    assert take(crashed, bounced.dsn(PATH.address(name), bounced.original(name))).unknown == 1


def test_events_of_who_is_put_back_to_be_mailed_again_hold(engine: Engine) -> None:
    """Their delivery is off the record until then, and in another batch than the event says.

    And whoever complains has had the mail: they are not mailed a second time.
    """
    fill(engine, 2)
    provider = ScriptedProvider(lambda _: Verdict.UNCERTAIN)
    plan(engine, provider)
    run(engine, provider)
    told = events(engine, ["spamreport"])
    resend(engine, "issue-1", DeliveryState.UNCERTAIN)
    assert not list(log(engine, "issue-1", DeliveryState.UNCERTAIN))

    taken = take_body(engine, json.dumps(told).encode(), Rules())
    again = ScriptedProvider()
    run(engine, again)

    assert (taken.new, taken.unknown) == (1, 0)
    assert status(engine) == Status.COMPLAINED
    assert states(engine)[FIRST] == DeliveryState.ACCEPTED
    assert FIRST not in again.taken


def test_who_is_proved_is_not_put_back(engine: Engine) -> None:
    """A process died when it had written down the doubt, and before it looked for events."""
    fill(engine, 2)
    provider = ScriptedProvider(lambda _: Verdict.UNCERTAIN)
    plan(engine, provider)
    run(engine, provider)
    person = SubscriberStore(engine).find(FIRST)
    assert person is not None
    proof = Event("sendgrid", "e1", EventKind.DELIVERED, person.id, now(), delivery_id=name_of(engine))
    with writing(engine) as connection:
        record_events(connection, [proof])

    assert resend(engine, "issue-1", DeliveryState.UNCERTAIN).put_back == 1
    assert states(engine)[FIRST] == DeliveryState.ACCEPTED


def test_a_link_out_holds_where_the_delivery_is_not_known(engine: Engine) -> None:
    """As of a dispatch in a database that was restored to the day before."""
    store = fill(engine, 1)
    person = store.find(FIRST)
    assert person is not None
    token = Tokens(engine).sign("unsubscribe", person.public_id)

    take(engine, bounced.arf("fbl@example.com", bounced.original("a" * 24, token), kind="opt-out"))

    assert status(engine) == Status.UNSUBSCRIBED
