"""A provider that needs several requests for a window: each is authorised and recorded by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import fill, plan, run, states
from fakes.providers import GONE, ScriptedProvider
from sqlalchemy import select

from newsletter.delivery import cancel, pause
from newsletter.delivery.models import BATCH, DeliveryState
from newsletter.providers import Verdict
from subscribers import SubscriberStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from newsletter.messages import Message


class Parted(ScriptedProvider):
    """Needs one request for the readers with an odd number, and one for the others."""

    def parts(self, messages: Sequence[Message]) -> list[list[Message]]:
        odd = [message for message in messages if number(message) % 2]
        return [part for part in (odd, [each for each in messages if each not in odd]) if part]


def number(message: Message) -> int:
    return int(message.email.removeprefix("reader").partition("@")[0])


def outcomes(engine: Engine) -> dict[int, str]:
    return {
        int(email.removeprefix("reader").partition("@")[0]): state for email, state in states(engine).items()
    }


def parted(judge: object = lambda _: Verdict.ACCEPTED) -> Parted:
    return Parted(judge, window=5, batch_size=5)


def test_a_fault_in_one_request_leaves_only_that_one_in_doubt(engine: Engine) -> None:
    def judge(message: Message) -> Verdict | Exception:
        return ValueError("a fault of the program") if number(message) == 4 else Verdict.ACCEPTED

    fill(engine, 7)
    provider = parted(judge)
    plan(engine, provider)

    with pytest.raises(ValueError, match="fault"):
        run(engine, provider)

    assert {who: state for who, state in outcomes(engine).items() if state != "pending"} == {
        1: DeliveryState.ACCEPTED,
        3: DeliveryState.ACCEPTED,
        5: DeliveryState.ACCEPTED,
        2: DeliveryState.UNCERTAIN,
        4: DeliveryState.UNCERTAIN,
    }


def test_what_stands_in_the_ledger_while_a_request_is_made_is_who_is_in_it(engine: Engine) -> None:
    seen = []

    def judge(message: Message) -> Verdict:
        with engine.connect() as connection:
            ids, called = connection.execute(
                select(BATCH.c.ids, BATCH.c.called).where(BATCH.c.state == "leased")
            ).one()
        people = {profile.id: profile.email for profile in SubscriberStore(engine).list()}
        marked = {people[who] for who in map(int, ids.strip("[]").split(",")[:called])}
        seen.append((number(message), message.email in marked, len(marked)))
        return Verdict.ACCEPTED

    store = fill(engine, 5)
    provider = parted(judge)
    plan(engine, provider)
    store.unsubscribe("reader3@example.com", source="test")
    run(engine, provider)

    assert seen == [(1, True, 2), (5, True, 2), (2, True, 2), (4, True, 2)]
    assert outcomes(engine)[3] == DeliveryState.SKIPPED


@pytest.mark.parametrize("ending", [pause, cancel])
def test_a_pause_and_a_cancellation_hold_between_two_requests(engine: Engine, ending: object) -> None:
    def judge(message: Message) -> Verdict:
        if number(message) == 5:
            ending(engine, "issue-1")
        return Verdict.ACCEPTED

    fill(engine, 5)
    provider = parted(judge)
    plan(engine, provider)
    run(engine, provider)

    assert set(provider.taken) == {"reader1@example.com", "reader3@example.com", "reader5@example.com"}
    assert outcomes(engine)[2] == ("pending" if ending is pause else DeliveryState.SKIPPED)
    if ending is pause:
        run(engine, provider)
        assert set(outcomes(engine).values()) == {DeliveryState.ACCEPTED}
    assert set(provider.taken.values()) == {1}


def test_who_was_not_reached_in_one_request_is_tried_again_and_no_one_else(engine: Engine) -> None:
    gone = [4]

    def judge(message: Message) -> Verdict | Exception:
        if number(message) in gone:
            gone.clear()
            return GONE
        return Verdict.ACCEPTED

    fill(engine, 5)
    provider = parted(judge)
    plan(engine, provider)
    run(engine, provider)

    assert set(outcomes(engine).values()) == {DeliveryState.ACCEPTED}
    assert set(provider.taken.values()) == {1}
