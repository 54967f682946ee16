"""What a person may do to a dispatch, and the note that it leaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import Clock, fill, names, plan, run, statements, those_in, where
from fakes.providers import ScriptedProvider
from sqlalchemy import event, insert, select

from newsletter.delivery import (
    DeliveryState,
    DispatchState,
    cancel,
    ledger,
    log,
    pause,
    resend,
    settle,
    status,
    statuses,
)
from newsletter.delivery.control import begin
from newsletter.delivery.identity import worker_name
from newsletter.delivery.models import DISPATCH, SETTLEMENT
from newsletter.errors import DeliveryError, UsageError
from newsletter.providers import Verdict
from subscribers import now, writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

#: Later than what is planned now is ready.
NOW = datetime(2100, 4, 11, 6, 0, tzinfo=UTC)
VERDICTS = {
    "reader1@example.com": Verdict.UNCERTAIN,
    "reader2@example.com": Verdict.UNCERTAIN,
    "reader3@example.com": Verdict.DEFERRED,
}


@pytest.fixture
def ended(engine: Engine) -> Engine:
    """A finished dispatch: readers 1 and 2 in doubt, 3 failed, 4 and 5 accepted."""
    fill(engine, 5)
    provider = ScriptedProvider(lambda message: VERDICTS.get(message.email, Verdict.ACCEPTED))
    plan(engine, provider)
    run(engine, provider)
    return engine


def notes(engine: Engine) -> list[tuple[str, str, str]]:
    columns = (SETTLEMENT.c.before, SETTLEMENT.c.after, SETTLEMENT.c.reason)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(SETTLEMENT.c.id))]


def test_doubt_is_settled_by_address_with_a_reason(ended: Engine) -> None:
    count = settle(
        ended, "issue-1", DeliveryState.ACCEPTED, who=["Reader1@example.com"], reason="in the relay's log"
    )

    assert count == 1
    assert those_in(ended, "uncertain") == names(2)
    (line,) = [line for line in log(ended, "issue-1") if line.email == "reader1@example.com"]
    assert (line.state, line.reason) == ("accepted", "in the relay's log")
    assert notes(ended) == [("uncertain", "accepted", "in the relay's log")]


def test_doubt_is_settled_by_delivery_id_too(ended: Engine) -> None:
    (line, _) = log(ended, "issue-1", "uncertain")

    assert settle(ended, "issue-1", DeliveryState.FAILED, who=[line.message_id[1:].partition("@")[0]]) == 1


def test_all_doubt_is_settled_at_once(ended: Engine) -> None:
    assert settle(ended, "issue-1", DeliveryState.FAILED) == 2
    assert status(ended, "issue-1").failed == 3


def test_what_is_known_is_not_settled_otherwise(ended: Engine) -> None:
    """A name that is not in doubt is an error, and nothing is written for the others."""
    with pytest.raises(UsageError, match=r"`reader4@example\.com` has no delivery here that is uncertain"):
        settle(ended, "issue-1", DeliveryState.FAILED, who=["reader1@example.com", "reader4@example.com"])

    assert those_in(ended, "uncertain") == names(1, 2)
    with pytest.raises(UsageError, match="cannot become `skipped`"):
        settle(ended, "issue-1", DeliveryState.SKIPPED)


def test_failed_recipients_can_be_tried_again(ended: Engine) -> None:
    assert resend(ended, "issue-1", DeliveryState.FAILED).put_back == 1
    waiting = status(ended, "issue-1")
    provider = ScriptedProvider()

    done = run(ended, provider)

    assert (waiting.state, waiting.pending, waiting.failed) == (DispatchState.PAUSED, 1, 0)
    assert set(provider.taken) == names(3)
    assert (done.state, done.accepted) == (DispatchState.FINISHED, 3)
    assert notes(ended) == [("failed", "pending", "to be tried again, by the operator")]


def test_who_gets_the_issue_from_another_dispatch_is_not_tried_again(ended: Engine) -> None:
    """They had failed, so the next audience had them in it, and both mailed them."""
    provider = ScriptedProvider()
    assert plan(ended, provider, where('email != "reader5@example.com"')).planned == 1
    about_to = resend(ended, "issue-1", DeliveryState.FAILED)
    run(ended, provider, "issue-2")

    since = resend(ended, "issue-1", DeliveryState.FAILED)

    assert (about_to, since) == ((0, 1), (0, 1))
    assert provider.taken == {"reader3@example.com": 1}
    assert those_in(ended, "failed") == names(3)
    assert status(ended, "issue-1").state is DispatchState.FINISHED


def test_to_foresee_who_is_tried_again_nothing_is_written(ended: Engine) -> None:
    """Not even to be undone: that took as long as the real run, under the write lock."""
    with statements(ended) as asked:
        assert resend(ended, "issue-1", DeliveryState.FAILED, dry_run=True).put_back == 1

    assert {statement.split()[0] for statement in asked} <= {"BEGIN", "LOCK", "SELECT"}


def test_who_is_mailed_anew_on_purpose_and_failed_is_tried_again(ended: Engine) -> None:
    """That an earlier dispatch of the issue had reached them was known when it was asked for."""
    failing = ScriptedProvider(lambda _: Verdict.DEFERRED)
    plan(ended, failing, again=True, clock=lambda: now() + timedelta(hours=2))  # the first was run in an hour
    run(ended, failing, "issue-2", clock=Clock(now() + timedelta(hours=2)))

    assert resend(ended, "issue-2", DeliveryState.FAILED).put_back == 5


def test_who_is_in_doubt_is_mailed_again_only_by_name_of_a_person(ended: Engine) -> None:
    """With the Message-ID that it had the first time."""
    before = {line.email: line.message_id for line in log(ended, "issue-1")}
    resend(ended, "issue-1", DeliveryState.UNCERTAIN, who=["reader2@example.com"])
    provider = ScriptedProvider()

    run(ended, provider)

    assert set(provider.taken) == names(2)
    assert {line.email: line.message_id for line in log(ended, "issue-1")} == before


def test_the_accepted_are_never_tried_again(ended: Engine) -> None:
    with pytest.raises(UsageError, match="are not tried again"):
        resend(ended, "issue-1", DeliveryState.ACCEPTED)


@pytest.mark.parametrize("act", [pause, cancel])
def test_a_finished_dispatch_is_neither_paused_nor_cancelled(ended: Engine, act: object) -> None:
    with pytest.raises(DeliveryError, match="is finished already"):
        act(ended, "issue-1")


def died(engine: Engine, worker: str, count: int) -> None:
    """Let a worker claim a batch, begin to hand *count* messages over, and be heard of no more."""
    lease = ledger.claim(engine, 1, worker, NOW)
    assert lease is not None
    ledger.authorise(engine, lease, lease.untried[:count], [], NOW)


def test_cancelling_names_who_is_in_doubt_after_a_crash(engine: Engine) -> None:
    """Nobody goes on with a cancelled dispatch: whom it left pending would stay so for ever."""
    fill(engine, 12)
    plan(engine, ScriptedProvider())
    begin(engine, "issue-1", "smtp")
    dead = worker_name().rsplit(":", 2)[0] + ":1:dead"
    died(engine, dead, 2)

    cancel(engine, "issue-1", NOW)

    left = status(engine, "issue-1")
    assert (left.state, left.uncertain, left.skipped) == (DispatchState.CANCELLED, 2, 10)
    assert (left.pending, those_in(engine, "uncertain")) == (0, names(1, 2))
    with pytest.raises(DeliveryError, match="is cancelled already"):
        cancel(engine, "issue-1", NOW)


def test_what_another_machine_had_in_hand_can_be_cancelled_when_its_lease_has_run_out(engine: Engine) -> None:
    """Before, it may live, and record what it has in flight."""
    fill(engine, 12)
    plan(engine, ScriptedProvider())
    begin(engine, "issue-1", "smtp")
    died(engine, "elsewhere:1:1:dead", 2)

    cancel(engine, "issue-1", NOW)
    before = status(engine, "issue-1")
    cancel(engine, "issue-1", NOW + timedelta(hours=1))
    after = status(engine, "issue-1")

    assert (before.pending, before.uncertain) == (5, 0)
    assert (after.pending, after.uncertain, after.skipped) == (0, 2, 10)
    assert after.finished_at == before.finished_at == NOW


def test_cancelling_skips_everybody_who_waits(engine: Engine) -> None:
    fill(engine, 12)
    plan(engine, ScriptedProvider())

    cancel(engine, "issue-1")

    left = status(engine, "issue-1")
    assert (left.state, left.skipped, left.pending) == (DispatchState.CANCELLED, 12, 0)
    assert {line.reason for line in log(engine, "issue-1")} == {"cancelled"}


def test_many_dispatches_take_no_more_questions_than_one(ended: Engine) -> None:
    """And nobody reads their editions, which are large."""

    def asked() -> list[str]:
        told: list[str] = []

        def note(connection: object, cursor: object, statement: str, *_: object) -> None:
            told.append(statement)

        event.listen(ended, "before_cursor_execute", note)
        try:
            statuses(ended)
        finally:
            event.remove(ended, "before_cursor_execute", note)
        return told

    few = asked()
    with writing(ended) as connection:
        row = dict(connection.execute(select(DISPATCH)).first()._mapping)
        connection.execute(
            insert(DISPATCH),
            [{**row, "id": 100 + n, "name": f"other-{n}", "state": "paused"} for n in range(50)],
        )

    many = asked()
    assert len(many) == len(few)
    assert not any("dispatch.edition" in statement for statement in many)
    assert [each.dispatch for each in statuses(ended, state="paused", most=2)] == ["other-49", "other-48"]
    assert statuses(ended, since=now() + timedelta(hours=1)) == []


def test_dispatches_are_listed_the_newest_first(ended: Engine) -> None:
    plan(ended, ScriptedProvider(), again=True)

    assert [each.dispatch for each in statuses(ended)] == ["issue-2", "issue-1"]
    assert [each.dispatch for each in statuses(ended, "other")] == []


def test_a_state_that_is_none_gets_a_suggestion(ended: Engine) -> None:
    with pytest.raises(UsageError) as caught:
        list(log(ended, "issue-1", "acepted"))

    assert caught.value.hint == "did you mean `accepted`?"
