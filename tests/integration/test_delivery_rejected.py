"""Who was rejected for a fault of ours is tried again when a person says so, and nobody else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import fill, names, plan, run, states, those_in
from fakes.providers import ScriptedProvider
from sqlalchemy import select

from newsletter.delivery import DeliveryState, DispatchState, rejected, resend
from newsletter.delivery.models import SETTLEMENT
from newsletter.errors import UsageError
from newsletter.feedback.consequences import Rules
from newsletter.feedback.refusals import take_refusals
from newsletter.providers import Outcome, Verdict
from subscribers import SubscriberStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Engine

    from newsletter.delivery import Rejected
    from newsletter.messages import Message

OURS = "500 5.3.0 relay not configured"


class Replying(ScriptedProvider):
    """Refuses each address with the reply that the test gives for it."""

    def __init__(self, replies: Mapping[str, str]) -> None:
        super().__init__(lambda message: Verdict.REJECTED if message.email in replies else Verdict.ACCEPTED)
        self.replies = replies

    def send(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        email = {message.delivery_id: message.email for message in messages}
        for outcome in super().send(messages):
            reason = self.replies.get(email[outcome.delivery_id], "250 ok")
            yield Outcome(outcome.delivery_id, outcome.verdict, reason)


def refuse(engine: Engine, *replies: str) -> None:
    """A dispatch of which each recipient got one of the replies; empty: it was taken."""
    fill(engine, len(replies))
    told = {f"reader{number}@example.com": reply for number, reply in enumerate(replies, 1) if reply}
    provider = Replying(told)
    plan(engine, provider)
    run(engine, provider)


def find(engine: Engine, **options: object) -> Rejected:
    return rejected(engine, SubscriberStore(engine), "issue-1", **options)


def test_who_was_rejected_for_a_fault_of_ours_is_tried_again_once(engine: Engine) -> None:
    refuse(engine, OURS, "550 5.7.1 policy", "", "550 5.7.1 other words")

    found = find(engine)
    assert found.reasons == {OURS: 1, "550 5.7.1 policy": 2}
    assert resend(engine, "issue-1", DeliveryState.REJECTED, ids=found.ids, reason="mended").put_back == 3

    assert those_in(engine, "pending") == names(1, 2, 4)
    again = ScriptedProvider()
    standing = run(engine, again)
    assert again.taken == dict.fromkeys(names(1, 2, 4), 1)
    assert (standing.state, standing.accepted) == (DispatchState.FINISHED, 4)
    with engine.connect() as connection:
        notes = connection.execute(select(SETTLEMENT)).all()
    assert {(note.before, note.after, note.reason) for note in notes} == {("rejected", "pending", "mended")}


def test_who_was_refused_for_the_address_or_may_not_be_mailed_is_left_alone(engine: Engine) -> None:
    """5.1.7 and 5.1.8 are about the sender's address."""
    refuse(
        engine,
        "550 5.1.1 no such user", "550-5.1.10 null MX", "550 no such user", OURS, OURS, "550 5.1.7 sender", "550 5.1.8 sender",
    )  # fmt: skip
    store = SubscriberStore(engine)
    store.unsubscribe("public4", source="link")

    found = find(engine)

    assert (found.hard, found.barred) == (3, 1)
    resend(engine, "issue-1", DeliveryState.REJECTED, ids=found.ids)
    assert those_in(engine, "pending") == names(5, 6, 7)
    assert find(engine, who=["reader1@example.com"]).ids == ()


def test_who_leaves_before_they_are_tried_again_is_skipped(engine: Engine) -> None:
    refuse(engine, OURS, OURS)
    resend(engine, "issue-1", DeliveryState.REJECTED, ids=find(engine).ids)
    SubscriberStore(engine).unsubscribe("public1", source="link")

    again = ScriptedProvider()
    run(engine, again)

    assert again.taken == {"reader2@example.com": 1}
    assert states(engine)["reader1@example.com"] == "skipped"


def test_a_refusal_that_was_taken_in_is_no_proof_of_a_mail(engine: Engine) -> None:
    """It is an event about the delivery; every other one says that the message was taken."""
    refuse(engine, OURS, OURS)
    assert take_refusals(engine, "issue-1", Rules()) == 2
    resend(engine, "issue-1", DeliveryState.REJECTED, ids=find(engine).ids)

    again = ScriptedProvider(in_doubt_first)
    run(engine, again)

    assert again.taken == dict.fromkeys(names(1, 2), 1)
    assert states(engine) == {"reader1@example.com": "uncertain", "reader2@example.com": "accepted"}


def in_doubt_first(message: Message) -> Verdict:
    return Verdict.UNCERTAIN if message.email == "reader1@example.com" else Verdict.ACCEPTED


def test_nobody_rejected_is_put_back_without_being_looked_at(engine: Engine) -> None:
    refuse(engine, OURS)

    with pytest.raises(UsageError):
        resend(engine, "issue-1", DeliveryState.REJECTED)
    with pytest.raises(UsageError, match="has no delivery here that is rejected"):
        find(engine, who=["reader9@example.com"])
