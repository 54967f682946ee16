"""Who was put back to be tried again and is proved meanwhile is not mailed twice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import fill, names, plan, run, states, those_in
from fakes.feedback import events, ids
from fakes.providers import ScriptedProvider
from sqlalchemy import select

from newsletter.delivery import DispatchState, ledger, log, resend, settle, status
from newsletter.delivery.control import begin, cancel
from newsletter.delivery.models import BATCH, DISPATCH, SETTLEMENT, DeliveryState
from newsletter.feedback.consequences import Rules
from newsletter.feedback.sendgrid import take_body
from newsletter.providers import Verdict
from newsletter.providers.sendgrid_payload import request_name
from subscribers import now

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Engine

    from newsletter.messages import Message

FIRST, SECOND = "reader1@example.com", "reader2@example.com"


@pytest.fixture
def doubtful(engine: Engine) -> list[dict[str, Any]]:
    """Two recipients were in doubt and are put back; the event that proves the first of them."""
    fill(engine, 2)
    provider = ScriptedProvider(lambda _: Verdict.UNCERTAIN)
    plan(engine, provider)
    run(engine, provider)
    told = events(engine, ["delivered"], newsletter_request="")
    resend(engine, "issue-1", DeliveryState.UNCERTAIN)
    return told


def take(engine: Engine, told: list[dict[str, Any]]) -> int:
    return take_body(engine, json.dumps(told).encode(), Rules()).settled


def test_an_event_takes_who_waits_to_be_tried_again_out_of_the_batch(
    engine: Engine, doubtful: list[dict[str, Any]]
) -> None:
    assert take(engine, doubtful) == 1

    assert (states(engine)[FIRST], states(engine)[SECOND]) == (DeliveryState.ACCEPTED, "pending")
    assert status(engine, "issue-1").pending == 1
    again = ScriptedProvider()
    standing = run(engine, again)
    assert again.taken == {SECOND: 1}
    assert (standing.state, standing.accepted) == (DispatchState.FINISHED, 2)


def test_it_is_noted_and_told_how_it_is_known(engine: Engine, doubtful: list[dict[str, Any]]) -> None:
    take(engine, doubtful)

    reasons = {line.email: line.reason for line in log(engine, "issue-1")}
    assert reasons[FIRST].startswith("sendgrid: delivered")
    with engine.connect() as connection:
        notes = connection.execute(select(SETTLEMENT).order_by(SETTLEMENT.c.id)).all()
    assert [(note.before, note.after) for note in notes] == [
        ("uncertain", "pending"), ("uncertain", "pending"), ("pending", "accepted"),
    ]  # fmt: skip


def test_a_dispatch_in_which_nobody_is_left_to_be_tried_again_is_finished(
    engine: Engine, doubtful: list[dict[str, Any]]
) -> None:
    both = [{**each, **more} for each in doubtful for more in ({}, {"newsletter_delivery": _second(engine)})]

    assert take(engine, both) == 2
    assert status(engine, "issue-1").state is DispatchState.FINISHED


def test_an_event_that_comes_while_a_worker_holds_the_batch_counts_before_the_hand_over(
    engine: Engine, doubtful: list[dict[str, Any]]
) -> None:
    """The batch is the worker's, and nobody else can write it."""

    def event_first(message: Message) -> Verdict:
        if message.email == FIRST:  # with the first window
            take(engine, _told_of_second)
        return Verdict.ACCEPTED

    _told_of_second = [{**doubtful[0], "newsletter_delivery": _second(engine), "sg_event_id": "second"}]
    again = ScriptedProvider(event_first, window=1)
    standing = run(engine, again)

    assert again.taken == {FIRST: 1}
    assert states(engine)[SECOND] == DeliveryState.ACCEPTED
    assert (standing.state, standing.accepted) == (DispatchState.FINISHED, 2)


def test_who_failed_by_a_persons_word_and_was_proved_since_is_not_tried_again(engine: Engine) -> None:
    fill(engine, 2)
    provider = ScriptedProvider(lambda _: Verdict.UNCERTAIN)
    plan(engine, provider)
    run(engine, provider)
    told = events(engine, ["delivered"], newsletter_request="")
    settle(engine, "issue-1", DeliveryState.FAILED)
    take(engine, told)

    resend(engine, "issue-1", DeliveryState.FAILED)
    again = ScriptedProvider()
    run(engine, again)

    assert again.taken == {SECOND: 1}
    assert states(engine) == {FIRST: DeliveryState.ACCEPTED, SECOND: DeliveryState.ACCEPTED}


def test_who_was_tried_again_keeps_the_outcome_of_that(
    engine: Engine, doubtful: list[dict[str, Any]]
) -> None:
    run(engine, ScriptedProvider(lambda _: Verdict.REJECTED))

    assert take(engine, doubtful) == 0
    assert states(engine)[FIRST] == DeliveryState.REJECTED


def test_an_event_after_a_cancellation_changes_nothing(
    engine: Engine, doubtful: list[dict[str, Any]]
) -> None:
    cancel(engine, "issue-1")

    assert take(engine, doubtful) == 0
    assert states(engine)[FIRST] == DeliveryState.SKIPPED


def test_a_held_batch_is_left_to_its_holder(engine: Engine, doubtful: list[dict[str, Any]]) -> None:
    begin(engine, "issue-1", "smtp")
    with engine.connect() as connection:
        dispatch = connection.scalar(select(DISPATCH.c.id))
    assert ledger.claim(engine, dispatch or 0, "ann", now()) is not None

    assert take(engine, doubtful) == 0
    with engine.connect() as connection:
        assert connection.scalar(select(BATCH.c.pending).where(BATCH.c.state == "leased")) == 2


def in_doubt(engine: Engine, count: int, batch_size: int = 100) -> None:
    """Everybody is in doubt: each batch went in one request, whose answer was lost."""
    fill(engine, count)
    provider = ScriptedProvider(lambda _: Verdict.UNCERTAIN, batch_size=batch_size)
    plan(engine, provider)
    run(engine, provider)


def test_who_went_in_the_same_request_is_taken_out_too(engine: Engine) -> None:
    """SendGrid took it as a whole. Another request of the dispatch, put back with it, is another matter."""
    in_doubt(engine, 4, batch_size=2)
    told = events(engine, ["delivered"])
    resend(engine, "issue-1", DeliveryState.UNCERTAIN)

    assert take(engine, told) == 2

    assert those_in(engine, "accepted") == names(1, 2)
    reasons = {line.email: line.reason for line in log(engine, "issue-1", "accepted")}
    assert reasons[SECOND].endswith("(of another recipient of the same request)")
    again = ScriptedProvider()
    standing = run(engine, again)
    assert set(again.taken) == names(3, 4)
    assert (standing.state, standing.accepted) == (DispatchState.FINISHED, 4)


@pytest.mark.parametrize("named", [FIRST, SECOND])
@pytest.mark.parametrize("back", [FIRST, SECOND])
def test_of_one_request_some_may_be_put_back_and_some_in_doubt_still(
    engine: Engine, named: str, back: str
) -> None:
    """Whichever of them the event names."""
    in_doubt(engine, 3)
    told = events(engine, ["processed"], named)
    resend(engine, "issue-1", DeliveryState.UNCERTAIN, who=[back])

    assert take(engine, told) == 3
    assert those_in(engine, "accepted") == names(1, 2, 3)


def test_of_one_request_some_may_be_settled_by_hand_before_the_others_are_put_back(engine: Engine) -> None:
    in_doubt(engine, 3)
    told = events(engine, ["processed"])
    settle(engine, "issue-1", DeliveryState.ACCEPTED, who=[FIRST])
    resend(engine, "issue-1", DeliveryState.UNCERTAIN)

    assert take(engine, told) == 2
    assert those_in(engine, "accepted") == names(1, 2, 3)


def test_an_event_of_one_request_proves_nobody_of_another(engine: Engine) -> None:
    """A name that is not made of exactly those who were put back is another request's."""
    in_doubt(engine, 3)
    told = events(engine, ["delivered"], newsletter_request=request_name(list(ids(engine).values())[:2]))
    resend(engine, "issue-1", DeliveryState.UNCERTAIN)

    assert take(engine, told) == 1
    assert those_in(engine, "pending") == names(2, 3)


def test_who_never_was_in_doubt_went_in_no_request_that_was_taken(engine: Engine) -> None:
    """So they do not hide a request when they are put back together with those who went in it."""
    fill(engine, 3)
    provider = ScriptedProvider(
        lambda message: Verdict.UNCERTAIN if message.email in (FIRST, SECOND) else Verdict.STOPPED
    )
    plan(engine, provider)
    run(engine, provider)
    request = request_name([ids(engine)[FIRST], ids(engine)[SECOND]])
    told = events(engine, ["delivered"], newsletter_request=request)
    settle(engine, "issue-1", DeliveryState.FAILED)
    assert resend(engine, "issue-1", DeliveryState.FAILED).put_back == 3

    assert take(engine, told) == 2
    assert those_in(engine, "accepted") == names(1, 2)


def _second(engine: Engine) -> str:
    return ids(engine)[SECOND]
