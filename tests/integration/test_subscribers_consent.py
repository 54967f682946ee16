"""Consent on real databases: a log that can only be added to, double opt-in, coming back."""

from __future__ import annotations

import io
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING

import pytest
from fakes.lists import MOMENT
from fakes.one_reader import ANN, ASKED, CONFIRMED, barrier, bring_in, log, topics
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from subscribers import (
    Consent,
    ConsentError,
    ConsentKind,
    Status,
    SubscriberStore,
    SuppressionReason,
)
from subscribers.consent import change_status
from subscribers.database import writing
from subscribers.tables import CONSENT_EVENT, SUBSCRIBER, SUPPRESSION
from subscribers.transfer import import_file

if TYPE_CHECKING:
    from sqlalchemy import Engine


class TestTheLog:
    def test_a_line_tells_all_that_was_said(self, store: SubscriberStore) -> None:
        store.add(ANN, consent=ASKED, status=Status.PENDING)

        profile = store.find(ANN)
        assert profile is not None
        (line,) = profile.consent
        assert (line.kind, line.source, line.text, line.ip, line.user_agent, line.text_version) == (
            ConsentKind.OPT_IN,
            "form",
            "Send me the digest",
            "192.0.2.1",
            "Browser/1",
            "form-3",
        )
        assert (line.status, line.at) == ("pending", MOMENT)

    @pytest.mark.parametrize(
        "column", ["kind", "text", "ip", "at", "status", "subscriber_id", "text_version"]
    )
    def test_no_line_is_changed(self, store: SubscriberStore, column: str) -> None:
        store.add(ANN, consent=ASKED)
        store.add("bob@example.com")
        value = MOMENT + timedelta(1) if column == "at" else 2 if column == "subscriber_id" else "x"
        before = log(store)

        with pytest.raises(DBAPIError, match="only added to"), writing(store.engine) as connection:
            connection.execute(update(CONSENT_EVENT).values({column: value}))

        assert log(store) == before

    def test_no_line_of_who_is_not_erased_is_emptied(self, store: SubscriberStore) -> None:
        store.add(ANN, consent=ASKED)

        with pytest.raises(DBAPIError, match="only added to"), writing(store.engine) as connection:
            connection.execute(update(CONSENT_EVENT).values(source="", text="", ip="", user_agent=""))

    @pytest.mark.parametrize("table", [CONSENT_EVENT, SUBSCRIBER], ids=["the line", "its subscriber"])
    def test_no_line_goes(self, store: SubscriberStore, table: object) -> None:
        """Nor does a subscriber who has one: an erased one is an empty row."""
        store.add(ANN)

        with pytest.raises(DBAPIError, match="only added to"), writing(store.engine) as connection:
            connection.execute(delete(table))  # type: ignore[arg-type]

        assert log(store) == [("added", "", "active")]

    def test_the_log_cannot_be_emptied_at_once(self, postgres_engine: Engine) -> None:
        SubscriberStore(postgres_engine).add(ANN)

        with pytest.raises(DBAPIError, match="only added to"), writing(postgres_engine) as connection:
            connection.execute(text("TRUNCATE consent_event"))

    @pytest.mark.parametrize("told", [None, Status.PENDING], ids=["no line", "another line"])
    def test_no_status_changes_without_a_line_that_tells_it(
        self, store: SubscriberStore, told: Status | None
    ) -> None:
        store.add(ANN)
        if told is not None:
            with writing(store.engine) as connection:
                change_status(connection, 1, told, Consent(), MOMENT)

        with (
            pytest.raises(DBAPIError, match="no line of the consent log"),
            writing(store.engine) as connection,
        ):
            connection.execute(update(SUBSCRIBER).values(status="unsubscribed"))

    def test_after_erasure_the_lines_stay_without_what_they_said(self, store: SubscriberStore) -> None:
        """The one lawful change: what happened, when, and to which text, stays; who it was does not."""
        store.add(ANN, consent=ASKED)
        store.erase(ANN, source="page")

        with store.engine.connect() as connection:
            rows = connection.execute(select(CONSENT_EVENT).order_by(CONSENT_EVENT.c.id)).all()
        assert [(row.kind, row.status, row.text_version, row.at) for row in rows] == [
            ("opt_in", "active", "form-3", MOMENT),
            ("erased", "erased", "", MOMENT),
        ]
        assert {value for row in rows for value in (row.source, row.text, row.ip, row.user_agent)} == {""}


class TestDoubleOptIn:
    def test_nobody_is_mailed_before_they_confirm(self, store: SubscriberStore) -> None:
        profile, _ = store.add(ANN, topics=["ai"], consent=ASKED, status=Status.PENDING)
        assert (barrier(store), topics(store)) == ("pending", ((), ()))

        confirmed = store.confirm(profile.public_id, CONFIRMED)

        assert confirmed is not None
        assert (confirmed.status, confirmed.topics) == (Status.ACTIVE, ("ai",))
        assert (barrier(store), barrier(store, "ai")) == (None, None)
        assert log(store) == [("opt_in", "", "pending"), ("confirmed", "", "active")]

    def test_confirming_again_says_the_same_and_is_recorded_once(self, store: SubscriberStore) -> None:
        profile, _ = store.add(ANN, consent=ASKED, status=Status.PENDING)

        answers = [store.confirm(profile.public_id, CONFIRMED) for _ in range(3)]

        assert [answer and answer.status for answer in answers] == [Status.ACTIVE] * 3
        assert len(log(store)) == 2

    def test_an_old_link_does_not_undo_leaving(self, store: SubscriberStore) -> None:
        profile, _ = store.add(ANN, consent=ASKED, status=Status.PENDING)
        store.unsubscribe(ANN, source="page")

        assert store.confirm(profile.public_id, CONFIRMED) is None
        assert store.confirm("x" * 22, CONFIRMED) is None
        assert barrier(store) == "unsubscribed"

    def test_a_sign_up_that_nobody_confirmed_changes_nothing_of_who_is_mailed(
        self, store: SubscriberStore
    ) -> None:
        """It may be a stranger who typed the address."""
        store.add(ANN, first_name="Ann", tags=["pro"], topics=["ai", "web"], attributes={"a": 1})
        store.unsubscribe(ANN, source="page", topic="web")

        profile, created = store.add(
            ANN,
            first_name="Buy now!",
            tags=["x"],
            topics=["web", "shop"],
            attributes={"a": 2},
            consent=ASKED,
            status=Status.PENDING,
        )

        assert not created
        assert (profile.first_name, profile.tags, profile.attributes) == ("Ann", ("pro",), {"a": 1})
        assert (profile.status, profile.topics) == (Status.ACTIVE, ("ai",))
        assert barrier(store, "shop") == "did not choose the topic"
        confirmed = store.confirm(profile.public_id, CONFIRMED)
        assert confirmed is not None
        assert confirmed.topics == ("ai", "shop", "web")

    def test_an_unconfirmed_sign_up_lifts_no_suppression(self, store: SubscriberStore) -> None:
        """Else anybody could make an erased or complaining address mailable to an import."""
        store.suppress(ANN, SuppressionReason.COMPLAINED)
        profile, _ = store.add(ANN, consent=ASKED, status=Status.PENDING)

        with store.engine.connect() as connection:
            assert connection.scalar(select(SUPPRESSION.c.reason)) == "complained"
        with pytest.raises(ConsentError):
            store.add(ANN)
        store.confirm(profile.public_id, CONFIRMED)
        assert barrier(store) is None

    def test_what_the_publication_forbade_cannot_be_confirmed(self, store: SubscriberStore) -> None:
        profile, _ = store.add(ANN, consent=ASKED, status=Status.PENDING)
        store.suppress(ANN, SuppressionReason.MANUAL)

        with pytest.raises(ConsentError, match="manual"):
            store.confirm(profile.public_id, CONFIRMED)

        assert store.permit(ANN)
        assert not store.permit(ANN)
        assert store.confirm(profile.public_id, CONFIRMED) is not None


def gone(store: SubscriberStore, how: str) -> None:
    store.add(ANN)
    match how:
        case "unsubscribed":
            store.unsubscribe(ANN, source="page")
        case "erased":
            store.erase(ANN)
        case _:
            store.suppress(ANN, SuppressionReason(how))


@pytest.mark.parametrize("how", ["unsubscribed", "bounced", "complained", "erased"])
class TestComingBack:
    @pytest.mark.parametrize("kind", [ConsentKind.ADDED, ConsentKind.IMPORTED])
    def test_nobody_else_brings_them_back(self, store: SubscriberStore, how: str, kind: ConsentKind) -> None:
        gone(store, how)

        with pytest.raises(ConsentError):
            store.add(ANN, consent=Consent(kind))
        bring_in(store, f"{ANN},ai")

        assert barrier(store) == how

    def test_their_own_word_does(self, store: SubscriberStore, how: str) -> None:
        gone(store, how)

        profile, _ = store.add(ANN, consent=ASKED)

        assert profile.status is Status.ACTIVE
        with store.engine.connect() as connection:
            person = store.addressees(connection, [profile.id])[profile.id]
            assert connection.execute(select(SUPPRESSION)).all() == []
        assert person.barrier is None

    def test_manual_suppression_holds_against_it(self, store: SubscriberStore, how: str) -> None:
        gone(store, how)
        store.suppress(ANN, SuppressionReason.MANUAL)

        for status in (Status.ACTIVE, Status.PENDING):
            with pytest.raises(ConsentError, match="manual"):
                store.add(ANN, consent=ASKED, status=status)

        assert barrier(store) == how


OPERATIONS = st.sampled_from(
    [
        "add",
        "ask",
        "sign up",
        "confirm",
        "leave",
        "leave a topic",
        "bounce",
        "complain",
        "forbid",
        "permit",
        "pause",
        "import",
        "import as left",
        "erase",
    ]
)


def perform(store: SubscriberStore, operation: str) -> None:
    profile = store.find(ANN)
    public_id = profile.public_id if profile else "x" * 22
    match operation:
        case "add":
            store.add(ANN, topics=["ai"])
        case "ask":
            store.add(ANN, topics=["ai"], consent=ASKED)
        case "sign up":
            store.add(ANN, topics=["ai"], consent=ASKED, status=Status.PENDING)
        case "confirm":
            store.confirm(public_id, CONFIRMED)
        case "leave":
            store.unsubscribe(public_id, source="page")
        case "leave a topic":
            store.unsubscribe(public_id, source="page", topic="ai")
        case "bounce" | "complain" | "forbid":
            reasons = {"bounce": "bounced", "complain": "complained", "forbid": "manual"}
            store.suppress(ANN, SuppressionReason(reasons[operation]))
        case "permit":
            store.permit(ANN)
        case "pause":
            store.pause(ANN, MOMENT + timedelta(days=1), source="page")
        case "import":
            bring_in(store, f"{ANN},ai")
        case "import as left":
            import_file(store, io.BytesIO(f"email,status\n{ANN},unsubscribed\n".encode()))
        case "erase":
            store.erase(ANN)


@given(st.lists(OPERATIONS, min_size=1, max_size=12))
@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def check_every_change_is_told(store: SubscriberStore, operations: list[str]) -> None:
    seen: dict[int, list[str]] = {}
    with store.engine.connect() as connection:
        known = set(connection.scalars(select(SUBSCRIBER.c.id)))
    store.permit(ANN)
    if store.find(ANN):
        store.erase(ANN)
    for operation in operations:
        before = store.find(ANN)
        own = operation in {"ask", "sign up", "confirm"}
        try:
            perform(store, operation)
        except ConsentError:
            assert operation in {"add", "ask", "sign up", "confirm"}
        after = store.find(ANN)
        if before and before.status is not Status.ACTIVE and after and after.status is Status.ACTIVE:
            assert own, f"{operation} made somebody active who was {before.status}"
        with store.engine.connect() as connection:
            for row in connection.execute(select(SUBSCRIBER.c.id, SUBSCRIBER.c.status)):
                if row.id not in known:
                    seen.setdefault(row.id, []).append(row.status)
    with store.engine.connect() as connection:
        for who, statuses in seen.items():
            told = connection.scalars(
                select(CONSENT_EVENT.c.status)
                .where(CONSENT_EVENT.c.subscriber_id == who, CONSENT_EVENT.c.status != "")
                .order_by(CONSENT_EVENT.c.id)
            )
            assert [key for key, _ in groupby(told)] == [key for key, _ in groupby(statuses)]


def test_the_log_tells_every_change_of_status_and_no_other(store: SubscriberStore) -> None:
    """Whatever happens in whatever order: the statuses that were had are those that the log tells.

    And whoever is not mailed comes to be mailed by their own word alone.
    """
    check_every_change_is_told(store)
