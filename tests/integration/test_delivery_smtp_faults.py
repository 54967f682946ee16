"""Faults of an SMTP server at every step of a dispatch: nobody is lost or mailed twice, and all doubt is named.

The mark that the ledger writes before a window leaves covers what was handed over also when the next envelope
is said together with a body.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import Clock, fill, means, names, plan, run, those_in
from fakes.smtp import HANG_UP, SILENCE, smtp_server

from newsletter.config import SmtpSettings
from newsletter.delivery import DispatchState, run_dispatch, status
from newsletter.providers.smtp import SmtpProvider

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

EVERYBODY = names(*range(1, 11))
REFUSALS = ("421 4.3.2 going down", "450 4.2.1 later", "452 4.3.1 full", "550 5.1.1 no", "554 5.6.0 no")


def the_third(step: str, reply: str) -> Callable[[str, str], str | None]:
    """A script that gives *reply* when *step* comes for the third time: to the third message of the first window."""
    seen = 0

    def script(now: str, _: str) -> str | None:
        nonlocal seen
        seen += now == step
        return reply if now == step and seen == 3 else None

    return script


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelining", "step by step"])
@pytest.mark.parametrize(
    ("step", "fault"),
    [("body", HANG_UP), *product(("MAIL", "RCPT", "DATA", "."), (HANG_UP, SILENCE, *REFUSALS))],
)
def test_a_fault_concerns_one_recipient_at_most(
    engine: Engine, step: str, fault: str, pipelining: bool
) -> None:
    """Lost after the dot: that one is in doubt. Refused for good: rejected. Anything else: tried again.

    A small message has left with its dot before a server hangs up in the middle of it, so that is a doubt, too.
    """
    fill(engine, 10)
    with smtp_server(the_third(step, fault), pipelining=pipelining) as server:
        settings = SmtpSettings(
            port=server.port, connections=1, window=4, timeout=1.5 if fault == SILENCE else 60
        )
        provider = SmtpProvider(settings, sender="news@example.com")
        plan(engine, provider)
        run(engine, provider)

    doubtful = fault in (HANG_UP, SILENCE) and step in ("body", ".")
    assert those_in(engine, "uncertain") == (names(3) if doubtful else set())
    # A sender refused at MAIL is trouble of ours, of which no recipient bears the mark.
    for_good = fault.startswith("5") and step in ("RCPT", "DATA", ".")
    assert those_in(engine, "rejected") == (names(3) if for_good else set())
    assert those_in(engine, "accepted") == (EVERYBODY - names(3) if doubtful or for_good else EVERYBODY)
    assert status(engine, "issue-1").state is DispatchState.FINISHED
    assert those_in(engine, "accepted") <= server.taken.keys() <= EVERYBODY - those_in(engine, "rejected")
    assert max(server.taken.values()) == 1


@pytest.mark.parametrize("fault", [HANG_UP, SILENCE])
def test_a_server_that_never_answers_a_dot_leaves_all_in_doubt_and_each_once(
    engine: Engine, fault: str
) -> None:
    """Each message costs a connection, and none is said a second time."""
    fill(engine, 5)
    with smtp_server(lambda step, _: fault if step == "." else None) as server:
        settings = SmtpSettings(
            port=server.port, connections=2, window=2, timeout=1 if fault == SILENCE else 60
        )
        provider = SmtpProvider(settings, sender="news@example.com")
        plan(engine, provider)
        run(engine, provider)

    assert those_in(engine, "uncertain") == names(1, 2, 3, 4, 5) == set(server.taken)
    assert max(server.taken.values()) == 1


def test_greylisting_is_waited_out(engine: Engine) -> None:
    """A server that wants to be asked again after minutes is asked after minutes, and nobody fails."""
    fill(engine, 2)
    known: set[str] = set()

    def script(step: str, argument: str) -> str | None:
        if step != "RCPT" or argument in known:
            return None
        known.add(argument)
        return "450 4.7.1 Greylisted, come back later"

    clock = Clock()
    begun = clock.now = datetime.now(UTC) + timedelta(hours=1)
    with smtp_server(script) as server:
        provider = SmtpProvider(SmtpSettings(port=server.port, connections=1), sender="news@example.com")
        plan(engine, provider)
        run_dispatch(means(engine, provider, clock=clock), "issue-1", pause=clock.wait)

    assert those_in(engine, "accepted") == names(1, 2)
    assert clock.now - begun >= timedelta(minutes=5)


def test_refusals_of_policy_stop_their_domain(engine: Engine) -> None:
    """After five in a row nobody else there is tried: they have failed, and a person may have them tried again.

    The sixth envelope was said behind the fifth message already.
    """
    fill(engine, 9)
    with smtp_server(lambda step, _: "554 5.7.1 blocked" if step == "." else None) as server:
        provider = SmtpProvider(SmtpSettings(port=server.port, connections=1), sender="news@example.com")
        plan(engine, provider)
        run(engine, provider)

    assert those_in(engine, "rejected") == names(1, 2, 3, 4, 5, 6)
    assert those_in(engine, "failed") == names(7, 8, 9)
    assert len(server.messages) == 6
