"""What evidence and decisions would come to is told before, by what would then be done, and nothing is written."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import (
    fill,
    leave_in_doubt,
    lose_a_worker,
    names,
    plan,
    run,
    statements,
    states,
    those_in,
    where,
)
from fakes.feedback import ids
from fakes.providers import ScriptedProvider
from sqlalchemy import select

from newsletter.delivery import status
from newsletter.delivery.models import BATCH, DELIVERY, DISPATCH, SETTLEMENT
from newsletter.delivery.reconciling import Bearing, Decisions, Reconciled, bearings, reconcile
from newsletter.errors import DeliveryError, UsageError
from subscribers import Event, EventKind, SubscriberStore, now, record_events, writing

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Engine

LISTED = {"reader1@example.com": "listed", "reader5@example.com": "listed", "zoe@example.com": "listed"}


def everything(engine: Engine) -> list[list[Any]]:
    tables = (DISPATCH, BATCH, DELIVERY, SETTLEMENT)
    with engine.connect() as connection:
        return [sorted(map(tuple, connection.execute(select(table))), key=str) for table in tables]


def prove(engine: Engine, email: str) -> None:
    """An event came while the doubt was not on record yet."""
    person = SubscriberStore(engine).find(email)
    assert person is not None
    name = ids(engine)[email]
    with writing(engine) as connection:
        record_events(
            connection, [Event("sendgrid", name, EventKind.DELIVERED, person.id, now(), delivery_id=name)]
        )


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


@pytest.mark.parametrize(
    ("decisions", "expected", "doubtful"),
    [
        (Decisions(again=None), Reconciled(proved=1, resent=3), ()),
        (Decisions(again=["Reader1@example.com"]), Reconciled(proved=1, doubtful=3), (2, 3, 4)),
        (Decisions(accepted=["reader1@example.com"]), Reconciled(proved=1, doubtful=3), (2, 3, 4)),
        (Decisions(failed=["reader1@example.com"]), Reconciled(proved=1, doubtful=3), (2, 3, 4)),
        (Decisions([LISTED]), Reconciled(proved=1, doubtful=3), (2, 3, 4)),
    ],
)
def test_who_is_proved_by_an_event_of_before_is_settled_by_it(
    engine: Engine, decisions: Decisions, expected: Reconciled, doubtful: tuple[int, ...]
) -> None:
    """A process died when it had written down the doubt, and before it looked for events."""
    leave_in_doubt(engine)
    prove(engine, "reader1@example.com")

    foreseen = reconcile(engine, "issue-1", decisions, dry_run=True)

    assert (foreseen, foreseen.changes) == (expected, True)
    assert reconcile(engine, "issue-1", decisions) == expected
    assert those_in(engine, "accepted") == names(1, 5)
    assert those_in(engine, "uncertain") == names(*doubtful)


def test_all_who_are_in_doubt_may_be_proved_by_events_of_before(engine: Engine) -> None:
    """It was said that nobody is in doubt, and nothing was written."""
    leave_in_doubt(engine)
    for email in names(1, 2, 3, 4):
        prove(engine, email)

    foreseen = reconcile(engine, "issue-1", Decisions(again=None), dry_run=True)

    assert (foreseen, foreseen.changes) == (Reconciled(proved=4), True)
    assert reconcile(engine, "issue-1", Decisions(again=None)) == foreseen
    assert those_in(engine, "accepted") == names(1, 2, 3, 4, 5)
    assert status(engine, "issue-1").state == "finished"


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


def test_without_evidence_nobody_is_looked_for(engine: Engine) -> None:
    """All deliveries of the dispatch were read, to find nothing in nothing."""
    leave_in_doubt(engine)
    with statements(engine) as asked:
        assert bearings(engine, "issue-1", []) == ([], Counter())
        with pytest.raises(DeliveryError, match="there is no such dispatch"):
            bearings(engine, "issue-7", [])

    assert not [each for each in asked if "delivery" in each or "batch" in each]


def test_who_got_the_issue_from_another_dispatch_is_left_alone_and_counted(engine: Engine) -> None:
    leave_in_doubt(engine)
    provider = ScriptedProvider()
    plan(engine, provider, where('email != "reader2@example.com"'), again=True)
    run(engine, provider, "issue-2")

    named = reconcile(engine, "issue-1", Decisions(again=["reader1@example.com"]), dry_run=True)
    everybody = reconcile(engine, "issue-1", Decisions(again=None))

    assert (named, named.changes) == (Reconciled(left_alone=1, doubtful=4), False)
    assert everybody == Reconciled(resent=1, left_alone=3, doubtful=3)
    assert those_in(engine, "pending") == names(2)
