"""Erasure and retention: what is left of a person is a hash, in the tables and in the bytes of the file."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import fill, plan, run, where
from sqlalchemy import inspect, text, update

from newsletter.delivery import files_of, forget_recipient
from newsletter.delivery.models import DELIVERY, SETTLEMENT
from newsletter.providers.outbox import OutboxProvider
from subscribers import Consent, ConsentError, ConsentKind, Status, SubscriberStore, SuppressionReason
from subscribers.database import writing
from subscribers.retention import Expired, Policy, due, expire
from subscribers.statistics import statistics
from subscribers.transfer import import_file

if TYPE_CHECKING:
    from sqlalchemy import Engine

MOMENT = datetime(2026, 4, 11, 9, 30, tzinfo=UTC)
ASKED = Consent(ConsentKind.OPT_IN, "form by ann.lee", "I, Annabel Lee, agree", "203.0.113.77", "Lynx/9.9")
ANN = "Annabel.Lee@Example.com"
#: Whatever tells who she is, in any spelling.
TRACES = ("annabel", "ann.lee", "203.0.113.77", "lynx/9.9", "kingdom-by-the-sea", "europe/lisbon")


class Calendar:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = MOMENT

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def store(engine: Engine, calendar: Calendar) -> SubscriberStore:
    return SubscriberStore(engine, clock=calendar)


def add_ann(store: SubscriberStore) -> int:
    profile, _ = store.add(
        ANN,
        first_name="Annabel",
        last_name="Lee",
        time_zone="Europe/Lisbon",
        tags=["poems"],
        topics=["ai"],
        attributes={"home": "kingdom-by-the-sea"},
        consent=ASKED,
    )
    return profile.id


def told(engine: Engine) -> str:
    """Every value of every table, as one text in small letters."""
    with engine.connect() as connection:
        return "\n".join(
            str(tuple(row)).lower()
            for table in inspect(connection).get_table_names()
            for row in connection.execute(text(f"SELECT * FROM {table}"))
        )


def erase(store: SubscriberStore, who: str = ANN) -> bool:
    return store.erase(who, source="page of annabel", along=forget_recipient)


def test_no_table_tells_who_was_erased(store: SubscriberStore, tmp_path: Path) -> None:
    """Not even the ledger: servers write addresses into their answers, editors into segments."""
    who = add_ann(store)
    store.add("bob@example.com")
    store.pause(ANN, MOMENT, source="annabel", text="annabel wants a rest")
    store.save_segment("her", f'email == "{ANN.lower()}" or email == "bob@example.com"')
    plan(store.engine, OutboxProvider(tmp_path / "outbox"), where(f'email == "{ANN.lower()}" or true'))
    run(store.engine, OutboxProvider(tmp_path / "outbox"))
    with writing(store.engine) as connection:
        said = f"550 5.1.1 <{ANN}>: Recipient address rejected: annabel.lee@xn--exmple-cua.com unknown"
        connection.execute(update(DELIVERY).where(DELIVERY.c.subscriber_id == who).values(reason=said))
        note = {
            "dispatch_id": 1,
            "subscriber_id": who,
            "before": "uncertain",
            "after": "accepted",
            "reason": f"{ANN} told us",
            "at": MOMENT,
        }
        connection.execute(SETTLEMENT.insert(), note)
    assert all(trace in told(store.engine) for trace in TRACES)

    assert erase(store)

    left = told(store.engine)
    assert [trace for trace in TRACES if trace in left] == []
    assert "550 5.1.1 <(erased)>: recipient address rejected" in left
    assert store.count(store.segment("her")) == 1


def test_the_messages_of_who_was_erased_leave_the_outbox(store: SubscriberStore, tmp_path: Path) -> None:
    who, outbox = add_ann(store), tmp_path / "outbox"
    store.add("bob@example.com")
    plan(store.engine, OutboxProvider(outbox))
    run(store.engine, OutboxProvider(outbox))

    with store.engine.connect() as connection:
        files = files_of(connection, who, outbox)

    assert [b"annabel.lee" in file.read_bytes().lower() for file in files] == [True]
    assert len(list(outbox.rglob("*.eml"))) == 2


@pytest.mark.parametrize("people", [1, 400])
def test_the_file_does_not_hold_who_was_erased(sqlite_engine: Engine, tmp_path: Path, people: int) -> None:
    """`secure_delete` overwrites what is freed, and the write-ahead log is cut off."""
    store = SubscriberStore(sqlite_engine)
    rows = "".join(f"reader{number}@example.com,Reader {number}\n" for number in range(people))
    import_file(store, io.BytesIO(f"email,first_name\n{rows}".encode()))
    add_ann(store)
    import_file(store, io.BytesIO(f"email,first_name\n{rows.replace('reader', 'another')}".encode()))
    store.update(store.find(ANN).public_id, first_name="Annabel " * 40)  # type: ignore[union-attr]
    assert any(b"annabel" in file.read_bytes().lower() for file in tmp_path.glob("newsletter.db*"))

    assert erase(store)

    found = {
        (file.name, trace)
        for file in tmp_path.glob("newsletter.db*")
        for trace in TRACES
        if trace.encode() in file.read_bytes().lower()
    }
    assert found == set()


def test_whoever_was_erased_can_only_come_back_by_themselves(store: SubscriberStore) -> None:
    add_ann(store)
    erase(store)

    with pytest.raises(ConsentError, match="erased"):
        store.add(ANN)
    assert store.add(ANN, consent=ASKED)[1]
    assert not erase(store, "nobody@example.com")


class TestRetention:
    def test_an_unconfirmed_sign_up_is_forgotten_in_time(
        self, store: SubscriberStore, calendar: Calendar
    ) -> None:
        store.add(ANN, consent=ASKED, status=Status.PENDING)
        store.add("bob@example.com")
        calendar.now += timedelta(days=30)
        late, _ = store.add("cho@example.com", consent=ASKED, status=Status.PENDING)

        assert due(store, Policy(pending_days=30)) == Expired(pending=1)
        assert expire(store, Policy(pending_days=30)) == Expired(pending=1)

        assert expire(store, Policy(pending_days=30)) == Expired()
        assert ANN.lower() not in told(store.engine)
        assert {profile.status for profile in store.list()} == {"erased", "active", "pending"}
        assert store.find(late.email) is not None
        # Nobody asked never to be mailed, so nothing stands in the way of another sign-up.
        assert store.add(ANN)[1]

    def test_who_had_left_before_a_sign_up_has_left_again(
        self, store: SubscriberStore, calendar: Calendar
    ) -> None:
        """Else a sign-up by a stranger would be a way to make somebody importable."""
        store.add(ANN)
        store.unsubscribe(ANN, source="page")
        store.add(ANN, consent=ASKED, status=Status.PENDING)
        calendar.now += timedelta(days=31)

        expire(store, Policy(pending_days=30))

        profile = store.find(ANN)
        assert profile is not None
        assert [line.kind for line in profile.consent] == ["added", "opted_out", "opt_in", "expired"]
        assert profile.status is Status.UNSUBSCRIBED

    @pytest.mark.parametrize("reason", ["left", "bounced", "complained"])
    def test_who_left_long_ago_is_erased_and_stays_away(
        self, store: SubscriberStore, calendar: Calendar, reason: str
    ) -> None:
        add_ann(store)
        if reason == "left":
            store.unsubscribe(ANN, source="page")
        else:
            store.suppress(ANN, SuppressionReason(reason))
        calendar.now += timedelta(days=364)
        assert due(store, Policy(left_days=365)).total == 0
        calendar.now += timedelta(days=1)

        assert due(store, Policy(left_days=None)).total == 0
        assert expire(store, Policy(left_days=365), along=forget_recipient) == Expired(left=1)

        assert "annabel" not in told(store.engine)
        with pytest.raises(ConsentError):
            store.add(ANN)

    def test_a_topic_that_was_never_confirmed_is_taken_for_left(
        self, store: SubscriberStore, calendar: Calendar
    ) -> None:
        store.add(ANN, topics=["web"])
        store.add(ANN, topics=["ai"], consent=ASKED, status=Status.PENDING)
        calendar.now += timedelta(days=30)

        assert expire(store, Policy(pending_days=30)) == Expired(topics=1)

        profile = store.find(ANN)
        assert profile is not None
        assert (profile.topics, profile.left_topics) == (("web",), ("ai",))

    def test_more_than_one_transaction_of_them(self, engine: Engine) -> None:
        fill(engine, 450, status="unsubscribed")
        store = SubscriberStore(engine)

        assert expire(store, Policy(left_days=1)) == Expired(left=450)
        assert "reader" not in told(engine)


def test_statistics_tell_growth_and_churn_by_month(store: SubscriberStore, calendar: Calendar) -> None:
    calendar.now = datetime(2026, 1, 10, tzinfo=UTC)
    for name in ("a", "b", "c", "d", "e"):
        store.add(f"{name}@example.com", consent=Consent(source="command line"))
    store.add("never@example.com", consent=ASKED, status=Status.PENDING)
    import_file(
        store, io.BytesIO(b"email,joined,status\nold@example.com,2025-12-24,\ngone@example.com,,no\n")
    )
    calendar.now = datetime(2026, 2, 10, tzinfo=UTC)
    store.unsubscribe("a@example.com", source="page")
    store.suppress("b@example.com", SuppressionReason.BOUNCED)
    store.suppress("c@example.com", SuppressionReason.COMPLAINED)
    store.erase("d@example.com")
    expire(store, Policy(pending_days=30))
    calendar.now = datetime(2026, 3, 10, tzinfo=UTC)
    store.add("a@example.com", consent=ASKED)
    store.erase("b@example.com")
    store.add("f@example.com", consent=ASKED)
    store.add("wait@example.com", consent=ASKED, status=Status.PENDING)

    found = statistics(store.engine, calendar.now, months=4)

    assert found.statuses == {
        "active": 4, "pending": 1, "unsubscribed": 1, "bounced": 0, "complained": 1, "erased": 3
    }  # fmt: skip
    assert found.sources == {"command line": 2, "form by ann.lee": 2, "import": 1}
    assert [
        (month.month, month.active, month.joined, month.returned, month.lost, month.net)
        for month in found.months
    ] == [
        ("2025-12", 1, 1, 0, 0, 1),
        ("2026-01", 6, 5, 0, 0, 5),
        ("2026-02", 2, 0, 0, 4, -4),
        ("2026-03", 4, 1, 1, 0, 2),
    ]
    february = found.months[2]
    assert (february.unsubscribed, february.bounced, february.complained, february.erased) == (1, 1, 1, 1)
    assert february.churn == pytest.approx(4 / 6)


def test_who_had_left_before_the_import_is_lost_when_they_left_or_never(
    store: SubscriberStore, calendar: Calendar
) -> None:
    """Where the file says when, that month counts; else they were never here. Who leaves now is lost now."""
    calendar.now = datetime(2026, 1, 10, tzinfo=UTC)
    store.add("here@example.com")
    calendar.now = datetime(2026, 3, 10, tzinfo=UTC)
    file = b"""email,joined,unsub_time,opted_out
timed@example.com,2025-12-24,2026-02-01 10:00:00,
untold@example.com,,2026-02-02,
never@example.com,2025-12-01,,yes
here@example.com,,,yes
"""
    import_file(store, io.BytesIO(file))

    found = statistics(store.engine, calendar.now, months=4)

    assert [(month.month, month.active, month.joined, month.lost, month.net) for month in found.months] == [
        ("2025-12", 1, 1, 0, 1),
        ("2026-01", 2, 1, 0, 1),
        ("2026-02", 1, 1, 2, -1),
        ("2026-03", 0, 0, 1, -1),
    ]
    timed = store.find("timed@example.com")
    assert timed is not None
    assert [(line.kind, f"{line.at:%Y-%m-%d}") for line in timed.consent] == [
        ("opted_out", "2026-02-01"),
        ("imported", "2026-03-10"),
    ]
