"""What SendGrid tells: kept once, in any order, with the same consequences, on both databases."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from fakes.dispatching import fill, leave_in_doubt, names, plan, run, states, those_in
from fakes.feedback import events, standing
from fakes.providers import ScriptedProvider
from fakes.sendgrid_hook import BEGAN, as_sent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from newsletter.delivery import log, settle
from newsletter.delivery.models import SETTLEMENT, DeliveryState
from newsletter.feedback.consequences import Rules
from newsletter.feedback.sendgrid import read_body, take_body
from newsletter.feedback.taking_in import take_in
from newsletter.providers import Verdict
from subscribers import Consent, ConsentKind, Status, SubscriberStore, SuppressionReason
from subscribers.database import rehearsing
from subscribers.engagement import EVENT
from subscribers.tables import SUPPRESSION

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from newsletter.feedback.taking_in import Taken

RULES = Rules()
FULL = {"status": "5.2.2", "reason": "552 5.2.2 mailbox full"}


def take(engine: Engine, told: list[dict[str, Any]], rules: Rules = RULES) -> Taken:
    return take_body(engine, json.dumps(told).encode(), rules)


@pytest.fixture
def handed_over(engine: Engine) -> Engine:
    """An issue that five readers were sent."""
    fill(engine, 5)
    provider = ScriptedProvider()
    plan(engine, provider)
    run(engine, provider)
    return engine


@pytest.fixture
def doubt(engine: Engine) -> Engine:
    """An issue of which nobody knows whether four of the five readers were sent it."""
    leave_in_doubt(engine)
    return engine


@pytest.fixture
def several(engine: Engine) -> Engine:
    """One reader, and four issues that they were sent."""
    fill(engine, 1)
    for number in range(1, 5):
        provider = ScriptedProvider()
        plan(engine, provider, again=True)
        run(engine, provider, f"issue-{number}")
    return engine


def status(engine: Engine, number: int = 1) -> str:
    found = SubscriberStore(engine).find(f"reader{number}@example.com")
    assert found is not None
    return found.status


def suppressed(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(select(SUPPRESSION.c.reason)))


class TestConsequences:
    def test_a_hard_bounce_suppresses_at_once(self, handed_over: Engine) -> None:
        taken = take(handed_over, events(handed_over, ["processed", "bounce"]))

        assert (taken.new, taken.effects) == (2, {"bounced": 1})
        assert status(handed_over) == Status.BOUNCED
        assert suppressed(handed_over) == [SuppressionReason.BOUNCED]

    def test_a_complaint_suppresses_at_once(self, handed_over: Engine) -> None:
        take(handed_over, events(handed_over, ["delivered", "spamreport"]))

        assert status(handed_over) == Status.COMPLAINED
        assert suppressed(handed_over) == [SuppressionReason.COMPLAINED]

    @pytest.mark.parametrize("word", ["unsubscribe", "group_unsubscribe"])
    def test_who_leaves_at_the_provider_leaves_here(self, handed_over: Engine, word: str) -> None:
        take(handed_over, events(handed_over, [word]))

        assert status(handed_over) == Status.UNSUBSCRIBED

    @pytest.mark.parametrize(
        ("reason", "expected"),
        [
            ("550 5.7.1 Message rejected as spam by policy", "policy"),
            ("554 5.7.1 Service unavailable; client host blocked using zen.example", "policy"),
            ("552 5.2.2 mailbox full", "soft"),
            ("421 4.4.1 timed out", "soft"),
        ],
    )
    def test_other_refusals_suppress_nobody(self, handed_over: Engine, reason: str, expected: str) -> None:
        taken = take(handed_over, events(handed_over, ["bounce"], reason=reason, status=""))

        assert taken.bounces == {expected: 1}
        assert (status(handed_over), suppressed(handed_over)) == (Status.ACTIVE, [])

    def test_what_was_blocked_is_never_hard(self, handed_over: Engine) -> None:
        taken = take(handed_over, events(handed_over, ["bounce"], type="blocked"))

        assert taken.bounces == {"soft": 1}
        assert status(handed_over) == Status.ACTIVE

    @pytest.mark.parametrize(
        ("reason", "expected"),
        [
            ("Bounced Address", Status.BOUNCED),
            ("Invalid", Status.BOUNCED),
            ("Spam Reporting Address", Status.COMPLAINED),
            ("Unsubscribed Address", Status.UNSUBSCRIBED),
            ("Recipient List over Package Quota", Status.ACTIVE),
            ("Invalid SMTPAPI header", Status.ACTIVE),
        ],
    )
    def test_why_a_message_was_dropped_decides(self, handed_over: Engine, reason: str, expected: str) -> None:
        take(handed_over, events(handed_over, ["dropped"], reason=reason))

        assert status(handed_over) == expected

    def test_soft_bounces_of_several_issues_suppress(self, engine: Engine) -> None:
        """Three deliveries within fourteen days, of two issues or more."""
        fill(engine, 1)
        for number in (1, 2, 3):
            provider = ScriptedProvider()
            plan(engine, provider, again=True)
            run(engine, provider, f"issue-{number}")
        later = {"status": "5.2.2", "reason": "552 5.2.2 mailbox full"}
        for number in (1, 2, 3):
            told = events(engine, ["bounce"], name=f"issue-{number}", **later)
            taken = take(engine, told, Rules(issues=1))
            assert status(engine) == (Status.BOUNCED if number == 3 else Status.ACTIVE)
        assert taken.effects == {"bounced": 1}

    def test_soft_bounces_of_one_issue_or_over_a_long_time_suppress_nobody(self, engine: Engine) -> None:
        fill(engine, 1)
        for number in (1, 2, 3):
            provider = ScriptedProvider()
            plan(engine, provider, again=True)
            run(engine, provider, f"issue-{number}")
        for number in (1, 2, 3):
            full = {"status": "5.2.2", "reason": "552 full", "timestamp": BEGAN + number * 8 * 86_400}
            take(engine, events(engine, ["bounce"], name=f"issue-{number}", **full), Rules(issues=1))

        assert status(engine) == Status.ACTIVE
        take(engine, events(engine, ["bounce"], timestamp=BEGAN + 8 * 86_400, status="5.2.2"), RULES)
        assert status(engine) == Status.ACTIVE

    def test_who_came_back_since_stays(self, handed_over: Engine) -> None:
        """An old event, told late, undoes nothing that the person asked for later."""
        store = SubscriberStore(handed_over)
        store.unsubscribe("reader1@example.com", source="test")
        store.add("reader1@example.com", consent=Consent(ConsentKind.OPT_IN, "form"))

        taken = take(handed_over, events(handed_over, ["spamreport", "bounce", "unsubscribe"]))

        assert (taken.new, taken.effects) == (3, {})
        assert (status(handed_over), suppressed(handed_over)) == (Status.ACTIVE, [])
        late = int((datetime.now(UTC) + timedelta(hours=1)).timestamp())
        take(handed_over, events(handed_over, ["spamreport"], timestamp=late, sg_event_id="later"))
        assert status(handed_over) == Status.COMPLAINED

    def test_the_forgotten_stay_forgotten(self, handed_over: Engine) -> None:
        told = events(handed_over, ["delivered", "bounce"])
        SubscriberStore(handed_over).erase("reader1@example.com")

        assert take(handed_over, told).new == 0
        assert suppressed(handed_over) == [SuppressionReason.ERASED]

    def test_what_the_server_said_goes_with_the_person(self, handed_over: Engine) -> None:
        """Servers write the address into their answers."""
        store = SubscriberStore(handed_over)
        take(handed_over, events(handed_over, ["bounce"], reason="550 5.1.1 <reader1@example.com> unknown"))
        store.erase("reader1@example.com")

        with handed_over.connect() as connection:
            assert connection.scalars(select(EVENT.c.reason)).all() == []


class TestDoubt:
    def test_one_event_settles_the_whole_request(self, engine: Engine) -> None:
        """SendGrid takes a request as a whole, or not at all."""
        fill(engine, 5)
        provider = ScriptedProvider(lambda message: Verdict.UNCERTAIN)
        plan(engine, provider)
        run(engine, provider)

        taken = take(engine, events(engine, ["processed"]))

        assert taken.settled == 5
        assert set(states(engine).values()) == {"accepted"}
        reasons = {line.email: line.reason for line in log(engine, "issue-1")}
        assert reasons["reader1@example.com"] == "sendgrid: processed"
        assert reasons["reader2@example.com"].endswith("(of another recipient of the same request)")
        with engine.connect() as connection:
            assert connection.scalars(select(SETTLEMENT.c.before)).all() == ["uncertain"] * 5

    def test_an_event_of_another_request_settles_only_its_own(self, doubt: Engine) -> None:
        """The name that came back is not that of those in doubt, so that they went together is not sure."""
        taken = take(doubt, events(doubt, ["deferred"], newsletter_request="0123456789abcdef"))

        assert taken.settled == 1
        assert those_in(doubt, "uncertain") == names(2, 3, 4)

    def test_what_the_operator_settled_stays(self, doubt: Engine) -> None:
        settle(doubt, "issue-1", DeliveryState.FAILED, who=["reader1@example.com"])

        assert take(doubt, events(doubt, ["delivered"], newsletter_request="x")).settled == 0
        assert states(doubt)["reader1@example.com"] == "failed"

    def test_a_resubscription_there_proves_and_changes_nothing_else(self, doubt: Engine) -> None:
        taken = take(doubt, events(doubt, ["group_resubscribe"], newsletter_request="x"))

        assert (taken.new, taken.settled) == (0, 1)
        assert status(doubt) == Status.ACTIVE

    def test_an_event_may_come_before_the_outcome(self, engine: Engine) -> None:
        """The delivery is still in its batch; then the answer is lost, and there is no doubt all the same."""
        fill(engine, 3)

        def script(message: Any) -> Verdict:
            if message.email == "reader2@example.com":
                told = events(engine, ["processed", "bounce"], "reader2@example.com")
                assert take(engine, told).new == 2
            return Verdict.UNCERTAIN

        provider = ScriptedProvider(script)
        plan(engine, provider)
        run(engine, provider)

        assert states(engine)["reader2@example.com"] == "accepted"
        assert those_in(engine, "uncertain") == names(1, 3)
        assert status(engine, 2) == Status.BOUNCED


class TestOnce:
    def test_the_same_event_under_other_names_is_one(self, handed_over: Engine) -> None:
        told = events(handed_over, ["delivered", "click"])
        again = [{**each, "sg_event_id": f"again-{number}"} for number, each in enumerate(told)]

        assert take(handed_over, told).new == 2
        assert (take(handed_over, again).new, take(handed_over, told).known) == (0, 2)

    def test_events_without_a_name_are_told_apart_by_what_they_say(self, handed_over: Engine) -> None:
        told = events(handed_over, ["delivered", "click", "click"])
        for each in told:
            del each["sg_event_id"]

        assert take(handed_over, [*told, *told]).new == 3

    def test_events_of_other_mail_are_left(self, handed_over: Engine) -> None:
        """An account may send more than newsletters."""
        other = {"event": "bounce", "email": "reader1@example.com", "timestamp": BEGAN, "sg_event_id": "x"}
        strange = events(handed_over, ["bounce"], newsletter_delivery="a" * 24)
        account = {"event": "account_status_change", "timestamp": BEGAN}

        taken = take(handed_over, [other, *strange, account])

        assert (taken.new, taken.unknown) == (0, 1)
        assert status(handed_over) == Status.ACTIVE

    @settings(
        max_examples=15,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        seed=st.integers(0, 2**32),
        copies=st.integers(1, 4),
        size=st.integers(1, 40),
        words=st.lists(
            st.sampled_from(
                ["processed", "deferred", "delivered", "bounce", "click", "spamreport", "unsubscribe"]
            ),
            min_size=1,
            max_size=5,
        ),
    )
    def test_order_copies_and_parts_change_nothing(
        self, handed_over: Engine, seed: int, copies: int, size: int, words: list[str]
    ) -> None:
        """Shuffled, doubled, under other names and in other requests: the same rows and the same people."""
        told = [
            each
            for number in (1, 2, 3)
            for each in events(
                handed_over, words[number - 1 :] or ["delivered"], f"reader{number}@example.com"
            )
        ]
        parted = as_sent(told, Random(seed), copies=copies, size=size)
        seen = []
        for bodies in (as_sent(told, Random(0)), parted):
            with rehearsing(handed_over) as connection:
                for body in bodies:
                    take_in(connection, read_body(body).occurrences, RULES, datetime.now(UTC))
                seen.append(standing(connection))

        assert seen[0] == seen[1]

    @settings(
        max_examples=15,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        days=st.lists(st.integers(0, 40), min_size=4, max_size=4), random=st.randoms(use_true_random=False)
    )
    def test_soft_bounces_add_up_in_any_order(self, several: Engine, days: list[int], random: Random) -> None:
        """Whether somebody is suppressed depends on the moments of the bounces, not on when they are told."""
        told = [
            each
            for number, day in enumerate(days, 1)
            for each in events(
                several, ["bounce"], name=f"issue-{number}", timestamp=BEGAN + day * 86_400, **FULL
            )
        ]
        days.sort()
        expected = any(later - first <= 14 for first, later in zip(days, days[2:], strict=False))
        random.shuffle(told)
        with rehearsing(several) as connection:
            for each in told:
                found = read_body(json.dumps([each]).encode())
                take_in(connection, found.occurrences, Rules(issues=1), datetime.now(UTC))
            statuses = dict(standing(connection)["statuses"])

        assert (statuses["reader1@example.com"] == Status.BOUNCED) is expected

    def test_requests_at_the_same_time_wait_and_count_once(self, handed_over: Engine) -> None:
        """SendGrid posts from several servers; the same people are in all of them, each time in another order."""
        told = [
            each
            for number in range(1, 6)
            for each in events(
                handed_over, ["delivered", "bounce", "spamreport"], f"reader{number}@example.com"
            )
        ]
        bodies = [body for seed in range(4) for body in as_sent(told, Random(seed), copies=2, size=7)]
        with ThreadPoolExecutor(4) as pool:
            taken = list(pool.map(lambda body: take_body(handed_over, body, RULES), bodies))

        assert sum(each.new for each in taken) == 15
        with handed_over.connect() as connection:
            assert {state for _, state in standing(connection)["statuses"]} == {Status.COMPLAINED}
