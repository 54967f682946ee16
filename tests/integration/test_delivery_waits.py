"""Who has to wait, waits as long as they must and keeps nobody else waiting; who is cancelled is told."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

from fakes.dispatching import Clock, fill, means, plan, those_in
from fakes.providers import ScriptedProvider

from newsletter.delivery import Backoff, DispatchState, Limits, cancel, ledger, pause, run_dispatch, status
from newsletter.delivery.control import begin
from newsletter.delivery.lanes import sort_out
from newsletter.providers import Verdict

if TYPE_CHECKING:
    from sqlalchemy import Engine

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
