"""Who has to wait, waits as long as they must and keeps nobody else waiting; who is cancelled is told."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import Clock, fill, means, plan, those_in
from fakes.providers import ScriptedProvider
from sqlalchemy import select

from newsletter.delivery import (
    Backoff,
    DispatchState,
    Limits,
    cancel,
    ledger,
    log,
    pause,
    run_dispatch,
    status,
)
from newsletter.delivery.control import begin
from newsletter.delivery.lanes import sort_out
from newsletter.delivery.models import BATCH
from newsletter.errors import BusyError
from newsletter.providers import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from newsletter.delivery import Progress
    from newsletter.messages import Message


def test_who_is_cancelled_while_their_batch_is_sorted_into_lanes_is_skipped(engine: Engine) -> None:
    """The cancellation saw no free batch, and the lanes were made after it: still everybody has an outcome."""
    fill(engine, 4)
    plan(engine, ScriptedProvider())
    row = begin(engine, "issue-1", "smtp")
    now = datetime.now(UTC) + timedelta(minutes=1)
    lease = ledger.claim(engine, row.id, "worker", now)
    assert lease is not None
    cancel(engine, "issue-1")

    sort_out(engine, lease, {"example.com"}, now)

    standing = status(engine, "issue-1")
    assert (standing.state, standing.skipped, standing.pending) == (DispatchState.CANCELLED, 4, 0)


def test_a_deferred_recipient_is_not_tried_early_because_others_have_to_wait_for_the_rate(
    engine: Engine,
) -> None:
    """Each wait is at least three quarters of what it should be, although the batch is given back often."""
    clock = Clock()
    clock.now = datetime.now(UTC) + timedelta(hours=1)
    tries: defaultdict[str, list[datetime]] = defaultdict(list)

    def judge(message: Message) -> Verdict:
        tries[message.email].append(clock.now)
        return Verdict.DEFERRED if len(tries[message.email]) < 3 else Verdict.ACCEPTED

    fill(engine, 4)
    provider = ScriptedProvider(judge, window=1)
    plan(engine, provider)
    backoff = Backoff(tries=5, first=300, factor=1)
    ways = means(engine, provider, limits=Limits(rate=0.1), backoff=backoff, clock=clock, random=Random(1))

    ended = run_dispatch(ways, "issue-1", pause=clock.wait)

    assert (ended.state, ended.accepted) == (DispatchState.FINISHED, 4)
    waits = [later - earlier for when in tries.values() for earlier, later in pairwise(when)]
    assert len(waits) == 8
    assert min(waits) >= timedelta(seconds=225)


def test_a_dispatch_that_is_paused_in_its_last_window_is_finished(engine: Engine) -> None:
    """Nobody is left to go on with, so nothing has to be resumed."""
    fill(engine, 2)
    provider = ScriptedProvider(lambda message: (pause(engine, "issue-1") and None) or Verdict.ACCEPTED)
    plan(engine, provider)
    clock = Clock()
    clock.now = datetime.now(UTC) + timedelta(hours=1)

    ended = run_dispatch(means(engine, provider, clock=clock), "issue-1", pause=clock.wait)

    assert (ended.state, ended.pending) == (DispatchState.FINISHED, 0)
    assert those_in(engine, "accepted") == {"reader1@example.com", "reader2@example.com"}


def busy(times: int, wait: float = 30.0) -> Callable[[Message], Verdict | Exception]:
    """A provider that asks so often to wait, and accepts everything otherwise."""
    left = [times]

    def judge(_message: Message) -> Verdict | Exception:
        left[0] -= 1
        return BusyError("it takes no more", wait=wait) if left[0] >= 0 else Verdict.ACCEPTED

    return judge


def held(engine: Engine) -> list[tuple[str, int]]:
    """State and mark of each batch that is not done."""
    with engine.connect() as connection:
        rows = connection.execute(select(BATCH.c.state, BATCH.c.called).where(BATCH.c.state != "done"))
        return [tuple(row) for row in rows]


def test_a_provider_that_is_busy_is_asked_again_when_it_said(engine: Engine) -> None:
    """Meanwhile nobody is in doubt or held, it is told why, and it counts as nobody's try."""
    fill(engine, 6)
    provider = ScriptedProvider(busy(2), concurrency=2)
    plan(engine, provider)
    clock = Clock(datetime.now(UTC) + timedelta(hours=1))
    told: list[Progress] = []
    marks: list[tuple[str, int]] = []

    def pause(seconds: float) -> None:
        marks.extend(held(engine))
        clock.wait(seconds)

    ways = means(engine, provider, clock=clock)
    ended = run_dispatch(ways, "issue-1", pause=pause, progress=told.append)

    assert (ended.state, ended.accepted) == (DispatchState.FINISHED, 6)
    assert {line.attempts for line in log(engine, "issue-1")} == {1}
    assert set(marks) == {("ready", 0)}
    assert "it takes no more" in {each.why for each in told if each.waits_until}
    assert 30 <= sum(clock.waits) <= 62
    assert max(clock.waits) <= 1.0


@pytest.mark.parametrize("end", [pause, cancel])
def test_a_wait_for_a_busy_provider_ends_when_somebody_pauses_or_cancels(
    engine: Engine, end: Callable[[Engine, str], None]
) -> None:
    fill(engine, 6)
    provider = ScriptedProvider(busy(99, wait=60.0))
    plan(engine, provider)
    clock = Clock(datetime.now(UTC) + timedelta(hours=1))

    def wait(seconds: float) -> None:
        clock.wait(seconds)
        if len(clock.waits) == 3:
            end(engine, "issue-1")

    ended = run_dispatch(means(engine, provider, clock=clock), "issue-1", pause=wait)

    assert (len(clock.waits), max(clock.waits) <= 1.0) == (3, True)
    assert ended.uncertain == ended.accepted == 0


def test_a_provider_that_says_not_how_long_it_is_busy_is_asked_less_and_less(engine: Engine) -> None:
    """Else the tries would be over within seconds."""
    fill(engine, 2)
    provider = ScriptedProvider(busy(4, wait=0.0))
    plan(engine, provider)
    clock = Clock(datetime.now(UTC) + timedelta(hours=1))

    ended = run_dispatch(means(engine, provider, clock=clock, backoff=Backoff()), "issue-1", pause=clock.wait)

    assert ended.accepted == 2
    assert 0.75 * 85 <= sum(clock.waits) <= 85


def test_a_provider_that_stays_busy_ends_the_run_and_nobody(engine: Engine) -> None:
    fill(engine, 6)
    provider = ScriptedProvider(busy(99, wait=60.0))
    plan(engine, provider)
    clock = Clock(datetime.now(UTC) + timedelta(hours=1))

    with pytest.raises(BusyError):
        run_dispatch(means(engine, provider, clock=clock), "issue-1", pause=clock.wait)

    standing = status(engine, "issue-1")
    assert (standing.pending, standing.failed, sum(clock.waits)) == (6, 0, 120.0)
