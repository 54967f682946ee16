"""Refusals in our own dialogue with a mail server: what they say of an address has the same consequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fakes.dispatching import fill, plan, run
from fakes.providers import ScriptedProvider
from sqlalchemy import select

from newsletter.delivery import resend, status
from newsletter.delivery.models import DELIVERY, DeliveryState
from newsletter.feedback.consequences import Rules
from newsletter.feedback.refusals import take_refusals
from newsletter.providers import Outcome, Verdict
from subscribers import Consent, ConsentKind, Status, SubscriberStore
from subscribers.engagement import EVENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine

    from newsletter.messages import Message

FIRST = "reader1@example.com"
NOBODY = "550 5.1.1 no such mailbox"


class Refusing(ScriptedProvider):
    """Rejects the first reader, with these words."""

    def __init__(self, said: str, name: str = "smtp") -> None:
        super().__init__(lambda message: Verdict.REJECTED if message.email == FIRST else Verdict.ACCEPTED)
        self.said, self.name = said, name

    def send(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        for outcome in super().send(messages):
            yield outcome._replace(reason=self.said) if outcome.verdict is Verdict.REJECTED else outcome


def learning(engine: Engine) -> Any:
    return lambda name: take_refusals(engine, name, Rules())


def standing(engine: Engine) -> str:
    found = SubscriberStore(engine).find(FIRST)
    assert found is not None
    return found.status


def send(engine: Engine, provider: Refusing, name: str = "issue-1", *, again: bool = False) -> None:
    plan(engine, provider, again=again)
    run(engine, provider, name, learn=learning(engine))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (NOBODY, Status.BOUNCED),
        ("550 5.1.2 no such domain", Status.BOUNCED),
        ("552 5.2.2 mailbox full", Status.ACTIVE),
        ("550 5.7.1 refused by policy", Status.ACTIVE),
        ("the address has a blank in it", Status.ACTIVE),
    ],
)
def test_who_is_suppressed_is_decided_by_the_table_of_codes(engine: Engine, said: str, expected: str) -> None:
    fill(engine, 2)
    send(engine, Refusing(said))

    assert standing(engine) == expected
    assert {profile.status for profile in SubscriberStore(engine).list()} == {"active", str(expected)}


def test_each_refusal_counts_once_and_after_a_crash_too(engine: Engine) -> None:
    """The process died when all outcomes were recorded: the next that looks at the dispatch draws on it."""
    fill(engine, 2)
    provider = Refusing(NOBODY)
    plan(engine, provider)
    run(engine, provider)
    assert standing(engine) == Status.ACTIVE

    for _ in range(2):
        run(engine, provider, learn=learning(engine))

    assert standing(engine) == Status.BOUNCED
    assert status(engine, "issue-1").events == {"bounced": 1}


@pytest.mark.parametrize("said", ["a message of 550 bytes is too large", "550 5.7.1 refused by policy"])
def test_what_we_say_and_what_is_said_of_us_is_no_bounce(engine: Engine, said: str) -> None:
    fill(engine, 2)
    send(engine, Refusing(said))

    assert status(engine, "issue-1").events == {}


def test_a_full_mailbox_at_three_issues_is_too_much(engine: Engine) -> None:
    fill(engine, 2)
    rules = Rules(bounces=3, issues=1)
    for number in range(1, 4):
        provider = Refusing("550 5.2.2 mailbox full")
        plan(engine, provider, again=True)
        run(engine, provider, f"issue-{number}", learn=lambda name: take_refusals(engine, name, rules))

    assert standing(engine) == Status.BOUNCED


def test_who_asked_to_be_mailed_since_stays(engine: Engine) -> None:
    store = fill(engine, 2)
    provider = Refusing(NOBODY)
    plan(engine, provider)
    run(engine, provider)
    with engine.begin() as connection:
        connection.execute(DELIVERY.update().values(at=SubscriberStore(engine).clock()))
    store.add(FIRST, consent=Consent(ConsentKind.CONFIRMED, "page"))

    take_refusals(engine, "issue-1", Rules())

    assert standing(engine) == Status.ACTIVE


def test_what_sendgrid_says_of_its_requests_is_no_bounce(engine: Engine) -> None:
    fill(engine, 2)
    send(engine, Refusing("400 Does not contain a valid address.", name="sendgrid"))

    with engine.connect() as connection:
        assert connection.execute(select(EVENT)).all() == []
    assert standing(engine) == Status.ACTIVE


def refused_again(engine: Engine, said: str) -> Refusing:
    """The first reader was refused for what was no fault of theirs, put back, and refused again."""
    fill(engine, 2)
    send(engine, Refusing("554 5.3.0 relay not configured"))
    everybody = SubscriberStore(engine).list()
    resend(
        engine, "issue-1", DeliveryState.REJECTED, ids=[profile.id for profile in everybody], reason="mended"
    )
    again = Refusing(said)
    run(engine, again, learn=learning(engine))
    return again


def told(engine: Engine) -> list[tuple[str, str]]:
    columns = (EVENT.c.code, EVENT.c.reason)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(EVENT.c.at))]


def test_a_second_refusal_of_who_was_tried_again_is_known_and_has_its_consequences(engine: Engine) -> None:
    """The first was not about the address, and nothing followed from it; the second is."""
    refused_again(engine, NOBODY)

    assert [reason for _, reason in told(engine)] == ["554 5.3.0 relay not configured", NOBODY]
    assert standing(engine) == Status.BOUNCED
    assert status(engine, "issue-1").events == {"bounced": 1}, "of one delivery"


def test_each_refusal_is_one_however_often_it_is_looked_at(engine: Engine) -> None:
    """Whoever looks at the dispatch again, after a crash say, finds nothing new, also in the same words."""
    again = refused_again(engine, "554 5.3.0 relay not configured")

    for _ in range(2):
        run(engine, again, learn=learning(engine))

    assert len(told(engine)) == 2
    assert take_refusals(engine, "issue-1", Rules()) == 0


def test_a_refusal_that_an_earlier_version_took_in_stays_one(engine: Engine) -> None:
    """Its event has no moment in its name."""
    fill(engine, 2)
    send(engine, Refusing(NOBODY))
    with engine.begin() as connection:
        connection.execute(EVENT.update().values(event_id="refused " + EVENT.c.delivery_id))

    assert take_refusals(engine, "issue-1", Rules()) == 0
    assert len(told(engine)) == 1
