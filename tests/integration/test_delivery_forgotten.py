"""Who is erased while a dispatch runs stays erased: what servers say of them later names nobody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fakes.dispatching import fill, plan, run
from fakes.feedback import events, ids
from fakes.providers import ScriptedProvider
from sqlalchemy import select

from newsletter.delivery import forget_recipient, settle_by
from newsletter.delivery.models import DELIVERY, SETTLEMENT
from newsletter.feedback.consequences import Rules
from newsletter.feedback.sendgrid import take_body
from newsletter.providers import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine

    from newsletter.messages import Message

FIRST = "reader1@example.com"


class Talkative(ScriptedProvider):
    """Names the recipient in each answer."""

    def send(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        for message, outcome in zip(messages, super().send(messages), strict=True):
            yield outcome._replace(reason=f"550 5.1.1 <{message.email}>: no such user")


def reasons(engine: Engine) -> str:
    with engine.connect() as connection:
        columns = (DELIVERY.c.reason, SETTLEMENT.c.reason)
        return " ".join(text for column in columns for text in connection.scalars(select(column)))


def test_an_answer_that_comes_after_the_erasure_names_nobody(engine: Engine) -> None:
    store = fill(engine, 2)

    def judge(message: Message) -> Verdict:
        if message.email == FIRST:
            store.erase(FIRST, along=forget_recipient)
        return Verdict.REJECTED

    provider = Talkative(judge)
    plan(engine, provider)
    run(engine, provider)

    assert FIRST not in reasons(engine)
    assert "<(erased)>" in reasons(engine)
    assert "reader2@example.com" in reasons(engine)


def test_an_event_that_settles_doubt_after_the_erasure_names_nobody(engine: Engine) -> None:
    store = fill(engine, 1)
    provider = ScriptedProvider(lambda _: Verdict.UNCERTAIN)
    plan(engine, provider)
    run(engine, provider)
    told = events(engine, ["bounce"], reason=f"550 5.1.1 <{FIRST}>: no such user")
    store.erase(FIRST, along=forget_recipient)

    taken = take_body(engine, json.dumps(told).encode(), Rules())

    assert taken.settled == 1
    assert FIRST not in reasons(engine)


def test_a_log_that_settles_doubt_after_the_erasure_names_nobody(engine: Engine) -> None:
    store = fill(engine, 2)
    provider = ScriptedProvider(lambda _: Verdict.UNCERTAIN)
    plan(engine, provider)
    run(engine, provider)
    evidence = {name: f"postfix: sent (250 <{email}> is well)" for email, name in ids(engine).items()}
    store.erase(FIRST, along=forget_recipient)

    assert settle_by(engine, "issue-1", evidence).doubtful == 2
    assert FIRST not in reasons(engine)
    assert "<reader2@example.com>" in reasons(engine)
