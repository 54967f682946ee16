"""The ledger's three writes, its fence, and what it says after a crash between any two of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from fakes import dispatching
from fakes.dispatching import Clock, fill, names, plan, states, those_in
from fakes.providers import ScriptedProvider

from newsletter.delivery import DeliveryState, cancel, ledger, pause, recovery, status
from newsletter.delivery.control import begin
from newsletter.delivery.entries import Entry
from newsletter.delivery.ledger import Lease, LeaseLostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from newsletter.delivery import Status

NOW = datetime(2100, 4, 11, 6, 0, tzinfo=UTC)
LATER = NOW + ledger.LEASE + timedelta(seconds=1)


@pytest.fixture
def dispatch_id(engine: Engine) -> int:
    """A running dispatch with two batches of five."""
    fill(engine, 10)
    plan(engine, ScriptedProvider())
    return begin(engine, "issue-1", "smtp").id


def run(engine: Engine, provider: ScriptedProvider) -> Status:
    """Work on the dispatch when all leases have run out."""
    return dispatching.run(engine, provider, clock=Clock(LATER))


def claimed(engine: Engine, dispatch_id: int, worker: str = "first") -> Lease:
    lease = ledger.claim(engine, dispatch_id, worker, NOW)
    assert lease is not None
    return lease


def authorised(engine: Engine, dispatch_id: int, count: int, worker: str = "first") -> Lease:
    lease = claimed(engine, dispatch_id, worker)
    ahead = ledger.authorise(engine, lease, lease.untried[:count], [], NOW)
    assert ahead is not None
    return ahead


def accepted(*ids: int) -> list[Entry]:
    return [Entry(who, f"d{who}", DeliveryState.ACCEPTED) for who in ids]


def recover(engine: Engine, dispatch_id: int, **options: object) -> int:
    values = {"idempotent": False, "gone": lambda worker: worker == "first", **options}
    return recovery.recover(engine, dispatch_id, NOW, **values)


def test_a_batch_is_claimed_by_one_worker(engine: Engine, dispatch_id: int) -> None:
    first = claimed(engine, dispatch_id, "first")
    second = claimed(engine, dispatch_id, "second")

    assert {first.number, second.number} == {1, 2}
    assert ledger.claim(engine, dispatch_id, "third", NOW) is None


def test_a_dispatch_that_is_not_running_cannot_be_claimed(engine: Engine) -> None:
    fill(engine, 10)
    plan(engine, ScriptedProvider())

    assert ledger.claim(engine, 1, "first", NOW) is None


def test_a_crash_before_the_call_leaves_nobody_in_doubt(engine: Engine, dispatch_id: int) -> None:
    claimed(engine, dispatch_id)

    assert recover(engine, dispatch_id) == 0
    assert status(engine, "issue-1").pending == 10
    assert run(engine, ScriptedProvider()).accepted == 10


def test_a_crash_after_the_call_leaves_exactly_the_authorised_in_doubt(
    engine: Engine, dispatch_id: int
) -> None:
    authorised(engine, dispatch_id, 3)

    assert recover(engine, dispatch_id) == 3
    assert those_in(engine, "uncertain") == names(1, 2, 3)
    provider = ScriptedProvider()
    assert run(engine, provider).accepted == 7
    assert set(provider.taken) == names(4, 5, 6, 7, 8, 9, 10)


def test_a_crash_after_the_record_leaves_nobody_in_doubt(engine: Engine, dispatch_id: int) -> None:
    lease = authorised(engine, dispatch_id, 3)
    ledger.record(engine, lease, accepted(*lease.untried[:3]), [], NOW)

    assert recover(engine, dispatch_id) == 0
    assert (status(engine, "issue-1").accepted, status(engine, "issue-1").pending) == (3, 7)


def test_a_deferred_recipient_is_not_in_doubt_while_it_waits(engine: Engine, dispatch_id: int) -> None:
    lease = authorised(engine, dispatch_id, 3)
    ids = lease.untried
    lease = ledger.record(engine, lease, accepted(ids[0]), [ids[1], ids[2]], NOW)
    assert (lease.untried, lease.deferred) == (ids[3:], ids[1:3])
    ledger.authorise(engine, lease, ids[3:], [], NOW)

    recover(engine, dispatch_id)

    assert those_in(engine, "uncertain") == names(4, 5)
    again = ledger.claim(engine, dispatch_id, "second", NOW)
    assert again is not None
    assert (again.untried, again.tried(ids[1])) == (ids[1:3], 1)


def test_nobody_is_in_doubt_where_handing_over_again_replaces(engine: Engine, dispatch_id: int) -> None:
    authorised(engine, dispatch_id, 3)

    assert recover(engine, dispatch_id, idempotent=True) == 0
    assert status(engine, "issue-1").pending == 10


def test_a_worker_that_is_silent_for_too_long_loses_its_batch(engine: Engine, dispatch_id: int) -> None:
    lease = authorised(engine, dispatch_id, 3, "slow")

    assert recovery.recover(engine, dispatch_id, NOW, idempotent=False, gone=lambda _: False) == 0
    assert recovery.recover(engine, dispatch_id, LATER, idempotent=False, gone=lambda _: False) == 3
    with pytest.raises(LeaseLostError):
        ledger.record(engine, lease, accepted(*lease.untried[:3]), [], LATER)
    assert those_in(engine, "accepted") == set()


def test_a_worker_that_writes_at_the_last_moment_keeps_its_batch(engine: Engine, dispatch_id: int) -> None:
    """Between being seen as silent and being taken for dead it told what came of its messages."""
    lease = authorised(engine, dispatch_id, 3, "slow")

    def looked_for(_: str) -> bool:
        ledger.record(engine, lease, accepted(*lease.untried[:3]), [], LATER)
        return False

    assert recovery.recover(engine, dispatch_id, LATER, idempotent=False, gone=looked_for) == 0
    kept = ledger.authorise(engine, replace(lease, untried=lease.untried[3:]), lease.untried[3:], [], LATER)
    assert kept is not None
    assert status(engine, "issue-1").accepted == 3


@pytest.mark.parametrize("write", ["authorise", "record", "release"])
def test_whoever_lost_the_batch_can_write_nothing(engine: Engine, dispatch_id: int, write: str) -> None:
    """Also when it was claimed by somebody else since."""
    lease = claimed(engine, dispatch_id)
    recover(engine, dispatch_id)
    claimed(engine, dispatch_id, "second")
    before = states(engine)

    with pytest.raises(LeaseLostError):
        if write == "authorise":
            ledger.authorise(engine, lease, lease.untried[:1], [], NOW)
        elif write == "record":
            ledger.record(engine, lease, accepted(lease.untried[0]), [], NOW)
        else:
            recovery.release(engine, lease, NOW)

    assert states(engine) == before


def test_recovering_twice_is_recovering_once(engine: Engine, dispatch_id: int) -> None:
    authorised(engine, dispatch_id, 3)

    assert (recover(engine, dispatch_id), recover(engine, dispatch_id)) == (3, 0)


def test_a_cancelled_dispatch_is_closed_when_its_last_holder_is_gone(
    engine: Engine, dispatch_id: int
) -> None:
    authorised(engine, dispatch_id, 3)
    cancel(engine, "issue-1")
    assert status(engine, "issue-1").pending == 5

    recover(engine, dispatch_id)

    left = status(engine, "issue-1")
    assert (left.uncertain, left.skipped, left.pending) == (3, 7, 0)


def test_a_dispatch_is_finished_only_when_everybody_has_an_outcome(engine: Engine, dispatch_id: int) -> None:
    assert ledger.finish(engine, dispatch_id, NOW) is False
    run(engine, ScriptedProvider())
    assert ledger.finish(engine, dispatch_id, NOW) is True


def test_the_next_batch_is_claimed_as_one_ends(engine: Engine, dispatch_id: int) -> None:
    """In one transaction: a worker holds one batch at a time, and nobody else's."""
    lease = authorised(engine, dispatch_id, 5)

    ended = ledger.record(engine, lease, accepted(*lease.untried), [], NOW, claims=True)

    assert (ended.ids, ended.following) == ((), Lease(dispatch_id, 2, "first", 1, (6, 7, 8, 9, 10), tries={}))
    assert ledger.claim(engine, dispatch_id, "second", NOW) is None
    assert status(engine, "issue-1").accepted == 5


def test_no_batch_is_claimed_while_somebody_is_left_in_one(engine: Engine, dispatch_id: int) -> None:
    lease = authorised(engine, dispatch_id, 3)

    left = ledger.record(engine, lease, accepted(*lease.untried[:3]), [], NOW, claims=True)

    assert (len(left.ids), left.following) == (2, None)


@pytest.mark.parametrize("halt", [pause, cancel])
def test_no_batch_is_claimed_as_one_ends_of_a_dispatch_that_was_halted(
    engine: Engine, dispatch_id: int, halt: Callable[..., None]
) -> None:
    lease = authorised(engine, dispatch_id, 5)
    halt(engine, "issue-1")

    ended = ledger.record(engine, lease, accepted(*lease.untried), [], NOW, claims=True)

    assert (ended.ids, ended.following) == ((), None)
    assert status(engine, "issue-1").accepted == 5


def test_who_lost_a_batch_claims_no_other_with_its_record(engine: Engine, dispatch_id: int) -> None:
    lease = authorised(engine, dispatch_id, 5)
    recover(engine, dispatch_id)

    with pytest.raises(LeaseLostError):
        ledger.record(engine, lease, accepted(*lease.untried), [], NOW, claims=True)

    held = ledger.claim(engine, dispatch_id, "second", NOW)
    assert held is not None
    assert held.number == 2
