"""The circuit: too many refusals halt a dispatch, in all processes, and it says why."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import fill, names, plan, run, those_in
from fakes.providers import ScriptedProvider
from sqlalchemy import select

from newsletter.config import Settings
from newsletter.delivery import DispatchState, Limits, cancel, pause, status
from newsletter.delivery.circuit import CUSTOMARY, Circuit
from newsletter.delivery.ledger import Entry
from newsletter.delivery.models import DISPATCH, DeliveryState
from newsletter.measures import Share
from newsletter.providers import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine

    from newsletter.messages import Message


class Refusing(ScriptedProvider):
    """Refuses everybody with the reply that the test gives."""

    def __init__(self, reply: str) -> None:
        super().__init__(lambda _: Verdict.REJECTED)
        self.reply = reply

    def send(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        for outcome in super().send(messages):
            yield Outcome(outcome.delivery_id, outcome.verdict, self.reply)


def test_too_many_rejections_halt_a_dispatch_and_say_why(engine: Engine) -> None:
    fill(engine, 40)
    provider = Refusing("550 5.1.1 unknown")
    plan(engine, provider)

    halted = run(engine, provider, limits=Limits(stop_after=Share(20, 20)))

    assert (halted.state, halted.rejected, halted.pending) == (DispatchState.PAUSED, 4, 36)
    assert halted.halted == "4 of the last 4 were rejected (20% of 20): 550 5.1.1 unknown"


def test_a_halted_dispatch_goes_on_when_a_person_resumes_it_and_counts_anew(engine: Engine) -> None:
    fill(engine, 12)
    plan(engine, ScriptedProvider())
    limits = Limits(stop_after=Share(20, 20))
    run(engine, Refusing("550 no"), limits=limits)
    assert run(engine, Refusing("550 no"), limits=limits, paused=False).rejected == 4

    again = run(engine, Refusing("550 no"), limits=limits)
    ended = run(engine, ScriptedProvider(), limits=limits)

    assert (again.rejected, again.state) == (9, DispatchState.PAUSED)
    assert (ended.accepted, ended.halted, ended.state) == (3, "", DispatchState.FINISHED)


def test_rejections_below_the_share_halt_nothing(engine: Engine) -> None:
    """One in five, never two in five."""
    fill(engine, 50)
    refused = names(*range(5, 51, 5))
    provider = ScriptedProvider(lambda m: Verdict.REJECTED if m.email in refused else Verdict.ACCEPTED)
    plan(engine, provider)

    ended = run(engine, provider, limits=Limits(stop_after=Share(40, 5)))

    assert (ended.state, those_in(engine, "rejected")) == (DispatchState.FINISHED, refused)


@pytest.mark.parametrize("reply", ["550 5.7.26 unauthenticated mail", "554 blocked using bl.example.org"])
def test_rejections_by_policy_have_a_share_of_their_own(engine: Engine, reply: str) -> None:
    """With an enhanced code the code tells, without one the words do."""
    fill(engine, 40)
    provider = Refusing(reply)
    plan(engine, provider)
    limits = Limits(stop_after=Share(90, 100), stop_after_policy=Share(2, 100))

    halted = run(engine, provider, limits=limits)

    assert (halted.rejected, halted.halted) == (
        2,
        f"2 of the last 2 were rejected by policy (2% of 100): {reply}",
    )


CUSTOMARILY = Limits(stop_after_trouble=CUSTOMARY)


def test_where_no_share_is_set_half_of_a_hundred_refusals_of_us_halt_it(engine: Engine) -> None:
    fill(engine, 80)
    provider = Refusing("500 5.3.0 relay not configured")
    plan(engine, provider)

    halted = run(engine, provider, limits=CUSTOMARILY)

    assert (halted.state, halted.rejected, halted.pending) == (DispatchState.PAUSED, 50, 30)
    assert halted.halted == (
        "50 of the last 50 were rejected or failed, not for their addresses (50% of 100):"
        " 500 5.3.0 relay not configured"
    )


def test_who_failed_after_all_tries_counts_with_them(engine: Engine) -> None:
    fill(engine, 80)
    provider = ScriptedProvider(lambda _: Verdict.DEFERRED)
    plan(engine, provider)

    halted = run(engine, provider, limits=CUSTOMARILY)

    assert halted.state is DispatchState.PAUSED
    assert halted.failed < 80


@pytest.mark.parametrize(
    "reply",
    [
        "550 5.1.1 unknown",
        "552 5.2.2 full",
        "550 no such user here",
        "550 5.4.1 Recipient address rejected: Access denied",
        "550 5.5.0 Requested action not taken: mailbox unavailable",
        "550 5.7.17 the mailbox has another owner now",
        "not tried: example.com refuses our mail: 550 5.7.1",
    ],
)
def test_dead_addresses_never_halt_it_where_no_share_is_set(engine: Engine, reply: str) -> None:
    """Not even where everybody's is dead; nor who is not tried, because their domain refuses us."""
    fill(engine, 80)
    provider = Refusing(reply)
    if reply.startswith("not tried"):
        provider.judge = lambda _: Verdict.STOPPED
    plan(engine, provider)

    ended = run(engine, provider, limits=CUSTOMARILY)

    assert (ended.state, ended.rejected + ended.failed) == (DispatchState.FINISHED, 80)


def test_a_tenth_that_is_refused_in_whatever_words_halts_nothing(engine: Engine) -> None:
    fill(engine, 120)
    refused = names(*range(10, 121, 10))
    provider = ScriptedProvider(lambda m: Verdict.REJECTED if m.email in refused else Verdict.ACCEPTED)
    plan(engine, provider)

    assert run(engine, provider, limits=CUSTOMARILY).state is DispatchState.FINISHED


@pytest.mark.parametrize(
    ("setting", "limits"),
    [(None, (None, CUSTOMARY)), ("never", (None, None)), ("20% of 200", (Share(20, 200), None))],
)
def test_the_setting_of_a_share_replaces_the_customary_one(
    setting: str | None, limits: tuple[object, object]
) -> None:
    line = f'[delivery]\nstop_after = "{setting}"\n' if setting else ""
    settings = Settings.model_validate(
        tomllib.loads(f'[publication]\nname = "L"\nfrom = "a@example.com"\n{line}')
    )

    found = Limits.of(settings)

    assert (found.stop_after, found.stop_after_trouble) == limits


def entries(*states: DeliveryState) -> list[Entry]:
    return [Entry(number, f"d{number}", state, "550 no") for number, state in enumerate(states)]


A, R = DeliveryState.ACCEPTED, DeliveryState.REJECTED


@pytest.fixture
def running(engine: Engine) -> tuple[Engine, int]:
    """A dispatch that is running, and its number."""
    fill(engine, 2)
    plan(engine, ScriptedProvider())
    run(engine, ScriptedProvider(), patience=0, limits=Limits(rate=0.001))
    with engine.connect() as connection:
        return engine, connection.scalar(select(DISPATCH.c.id))


def test_processes_count_together(running: tuple[Engine, int]) -> None:
    one, other = (Circuit(*running, Share(50, 6), None) for _ in range(2))

    assert one.note(entries(R, A, R)) is None
    assert other.note(entries(A, A, R)) == "3 of the last 6 were rejected (50% of 6): 550 no"
    assert status(running[0], "issue-1").state is DispatchState.PAUSED


def test_only_the_last_outcomes_count(running: tuple[Engine, int]) -> None:
    circuit = Circuit(*running, Share(50, 4), None)

    assert [circuit.note(entries(*window)) for window in ([R, A], [A, A], [A, A], [R])] == [None] * 4
    assert circuit.note(entries(R)) is not None


def test_who_was_cancelled_meanwhile_stays_cancelled(running: tuple[Engine, int]) -> None:
    cancel(running[0], "issue-1")

    Circuit(*running, Share(1, 1), None).note(entries(R))

    assert status(running[0], "issue-1").state is DispatchState.CANCELLED


def test_a_pause_is_no_halt(running: tuple[Engine, int]) -> None:
    pause(running[0], "issue-1")

    assert status(running[0], "issue-1").halted == ""
