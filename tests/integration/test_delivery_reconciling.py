"""What evidence and decisions would come to is told before, by what would then be done, and nothing is written."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import fill, leave_in_doubt, lose_a_worker, names, plan, states, those_in
from fakes.feedback import ids
from fakes.providers import ScriptedProvider
from sqlalchemy import select

from newsletter.delivery import status
from newsletter.delivery.models import BATCH, DELIVERY, DISPATCH, SETTLEMENT
from newsletter.delivery.reconciling import Bearing, Decisions, Reconciled, bearings, reconcile
from newsletter.errors import UsageError

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Engine

LISTED = {"reader1@example.com": "listed", "reader5@example.com": "listed", "zoe@example.com": "listed"}


def everything(engine: Engine) -> list[list[Any]]:
    tables = (DISPATCH, BATCH, DELIVERY, SETTLEMENT)
    with engine.connect() as connection:
        return [sorted(map(tuple, connection.execute(select(table))), key=str) for table in tables]


def test_a_dry_run_tells_what_is_then_done(engine: Engine) -> None:
    leave_in_doubt(engine)
    before = everything(engine)
    decisions = Decisions([LISTED], accepted=["reader2@example.com"], again=["reader3@example.com"])

    foreseen = reconcile(engine, "issue-1", decisions, dry_run=True)

    assert everything(engine) == before
    assert foreseen == Reconciled(proved=1, accepted=1, resent=1, doubtful=1)
    assert reconcile(engine, "issue-1", decisions) == foreseen
    assert those_in(engine, "uncertain") == names(4)
    assert those_in(engine, "pending") == names(3)


def test_of_a_worker_that_died_it_is_foreseen_too(engine: Engine) -> None:
    """Its window is in doubt; everybody else in its batch is pending, and may be taken out."""
    fill(engine, 4)
    lose_a_worker(engine)
    decisions = Decisions([{"reader1@example.com": "listed", "reader3@example.com": "listed"}])
    before = everything(engine)

    foreseen = reconcile(engine, "issue-1", decisions, dry_run=True)

    assert everything(engine) == before
    assert foreseen == Reconciled(proved=1, taken_out=1, recovered=2, doubtful=1)
    assert reconcile(engine, "issue-1", decisions) == foreseen


def test_a_name_that_is_not_in_doubt_undoes_what_evidence_settled(engine: Engine) -> None:
    leave_in_doubt(engine)
    before = everything(engine)

    with pytest.raises(UsageError, match=r"`reader5@example\.com` has no delivery here"):
        reconcile(engine, "issue-1", Decisions([LISTED], failed=["reader5@example.com"]))

    assert everything(engine) == before


def test_who_is_tried_again_leaves_a_finished_dispatch_open(engine: Engine) -> None:
    """Also if the same command took out the last who were pending, which would end it."""
    leave_in_doubt(engine)
    reconcile(engine, "issue-1", Decisions(again=["reader1@example.com"]))

    done = reconcile(engine, "issue-1", Decisions([LISTED], again=["reader2@example.com"]))

    assert done == Reconciled(taken_out=1, resent=1, doubtful=2)
    assert (status(engine, "issue-1").state, status(engine, "issue-1").pending) == ("paused", 1)


def test_how_much_of_the_evidence_is_about_the_dispatch_is_counted(engine: Engine) -> None:
    leave_in_doubt(engine)
    provider = ScriptedProvider()
    plan(engine, provider, again=True)
    others = dict.fromkeys(ids(engine, "issue-2").values(), "queued")

    found, settled = bearings(engine, "issue-1", [LISTED, {**others, "a" * 24: "queued"}])

    assert found[0] == Bearing(3, 2)
    assert settled == {"accepted": 1}
    assert (found[1].names, found[1].here, found[1].strange) == (6, 0, True)
    assert found[1].elsewhere == Counter(), "nobody of the other has an outcome yet"
    assert not found[0].strange
    assert len(states(engine, "issue-2")) == 5


def test_who_is_named_twice_is_one_recipient(engine: Engine) -> None:
    leave_in_doubt(engine)
    twice = {"reader5@example.com": "listed", ids(engine)["reader5@example.com"]: "listed"}

    found, settled = bearings(engine, "issue-1", [twice, twice])

    assert found == [Bearing(2, 2)] * 2
    assert settled == {"accepted": 1}
