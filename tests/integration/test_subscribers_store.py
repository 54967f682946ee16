"""The list on real databases: who comes on it, who leaves, and who must not be mailed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import TYPE_CHECKING

import pytest
from fakes.lists import MOMENT
from sqlalchemy import select

from subscribers import (
    AddressError,
    Consent,
    ConsentError,
    ConsentKind,
    FieldError,
    SegmentError,
    Status,
    SubscriberStore,
    SuppressionReason,
    mailable,
    parse_segment,
)
from subscribers.database import writing
from subscribers.tables import SUBSCRIBER, SUPPRESSION

if TYPE_CHECKING:
    from sqlalchemy import Engine

ASKED = Consent(ConsentKind.OPT_IN, "form", "Send me the digest", "192.0.2.1", "Browser/1")


def kinds(store: SubscriberStore, email: str = "ann@example.com") -> list[str]:
    profile = store.find(email)
    assert profile is not None
    return [line.kind for line in profile.consent]


def barriers(store: SubscriberStore) -> dict[str, str | None]:
    with store.engine.connect() as connection:
        barriers = dict(store.candidates(connection, None))
        keys = connection.execute(select(SUBSCRIBER.c.id, SUBSCRIBER.c.email_key))
        return {row.email_key: barriers[row.id] for row in keys}


class TestAdding:
    def test_a_new_subscriber_is_recorded_whole(self, store: SubscriberStore) -> None:
        profile, created = store.add(
            " Ann@Example.COM ",
            first_name="  Ann  Marie ",
            last_name="Lee",
            locale="en",
            tags=["pro", "builders", "pro"],
            topics=["ai"],
            attributes={"country": "DE", "score": 7, "premium": True, "nothing": None, "empty": " "},
            consent=ASKED,
        )

        assert created
        assert profile == store.find("ann@EXAMPLE.com") == store.find_public(profile.public_id)
        assert (profile.email, profile.name, profile.locale) == ("Ann@example.com", "Ann Marie Lee", "en")
        assert (profile.tags, profile.topics) == (("builders", "pro"), ("ai",))
        assert profile.attributes == {"country": "DE", "score": 7, "premium": True}
        assert profile.joined == date(2026, 4, 11)
        assert profile.consent[0].to_dict() == {
            "kind": "opt_in",
            "source": "form",
            "text": "Send me the digest",
            "ip": "192.0.2.1",
            "user_agent": "Browser/1",
            "text_version": "",
            "topic": "",
            "status": "active",
            "at": "2026-04-11T09:30:00+00:00",
        }
        assert store.attribute_names() == {"country", "score", "premium"}

    def test_adding_again_completes_and_takes_nothing_away(self, store: SubscriberStore) -> None:
        first, _ = store.add("ann@example.com", first_name="Ann", tags=["a"], attributes={"x": 1, "y": 1})

        second, created = store.add("ANN@example.com", last_name="Lee", tags=["b"], attributes={"y": "2"})

        assert not created
        assert second.public_id == first.public_id
        assert (second.name, second.tags, second.attributes) == ("Ann Lee", ("a", "b"), {"x": 1, "y": "2"})
        assert kinds(store) == ["added"]

    @pytest.mark.parametrize("name", ["Email", "email", "tags", "1st", "a-b", "a'b", "", "x" * 64, "status"])
    def test_an_attribute_must_have_a_plain_name_of_its_own(self, store: SubscriberStore, name: str) -> None:
        with pytest.raises(FieldError):
            store.add("ann@example.com", attributes={name: 1})

        assert store.count() == 0

    @pytest.mark.parametrize("value", [[1], {"a": 1}, float("nan"), float("inf"), 2**60, "a\0b", "\ud800"])
    def test_an_attribute_must_be_plain(self, store: SubscriberStore, value: object) -> None:
        with pytest.raises(FieldError):
            store.add("ann@example.com", attributes={"x": value})

    def test_what_is_no_address_is_refused(self, store: SubscriberStore) -> None:
        with pytest.raises(AddressError):
            store.add("ann at example.com")

        assert store.find("ann at example.com") is None

    def test_two_processes_adding_one_person_add_one(self, engine: Engine) -> None:
        def add(number: int) -> bool:
            store = SubscriberStore(engine)
            return store.add("ann@example.com", tags=[f"t{number}"])[1]

        SubscriberStore(engine).add("bob@example.com")
        with ThreadPoolExecutor(4) as pool:
            created = list(pool.map(add, range(8)))

        store = SubscriberStore(engine)
        assert store.count() == 2
        assert sum(created) == 1
        ann = store.find("ann@example.com")
        assert ann is not None
        assert len(ann.tags) == 8


class TestLeaving:
    def test_leaving_is_recorded_once_and_holds(self, store: SubscriberStore) -> None:
        profile, _ = store.add("ann@example.com")

        answers = [store.unsubscribe(profile.public_id, source="one-click", ip="192.0.2.1") for _ in range(2)]

        assert answers == [True, False]
        assert kinds(store) == ["added", "opted_out"]
        assert barriers(store) == {"ann@example.com": "unsubscribed"}

    def test_leaving_by_address_works_in_any_spelling(self, store: SubscriberStore) -> None:
        store.add("ann@example.com")

        assert store.unsubscribe("ANN@Example.com", source="command line")

    def test_a_stranger_cannot_leave(self, store: SubscriberStore) -> None:
        assert not store.unsubscribe("x" * 22, source="one-click")

    @pytest.mark.parametrize("kind", [ConsentKind.ADDED, ConsentKind.IMPORTED])
    def test_who_left_is_not_brought_back_by_others(self, store: SubscriberStore, kind: ConsentKind) -> None:
        store.add("ann@example.com")
        store.unsubscribe("ann@example.com", source="page")

        with pytest.raises(ConsentError, match="unsubscribed"):
            store.add("ann@example.com", tags=["new"], consent=Consent(kind))

        ann = store.find("ann@example.com")
        assert ann is not None
        assert (ann.status, ann.tags) == (Status.UNSUBSCRIBED, ())

    def test_who_left_can_ask_to_be_back(self, store: SubscriberStore) -> None:
        store.add("ann@example.com")
        store.unsubscribe("ann@example.com", source="page")

        profile, created = store.add("ann@example.com", consent=ASKED, status=Status.PENDING)

        assert (profile.status, created) == (Status.PENDING, False)
        assert kinds(store) == ["added", "opted_out", "opt_in"]
        assert barriers(store) == {"ann@example.com": "pending"}

    def test_being_added_by_the_publication_does_not_confirm_a_sign_up(self, store: SubscriberStore) -> None:
        store.add("ann@example.com", consent=ASKED, status=Status.PENDING)

        profile, _ = store.add("ann@example.com")

        assert profile.status is Status.PENDING


class TestSuppression:
    @pytest.mark.parametrize("reason", list(SuppressionReason))
    def test_a_suppressed_address_cannot_be_added(
        self, store: SubscriberStore, reason: SuppressionReason
    ) -> None:
        store.suppress("Ann@example.com", reason)

        with pytest.raises(ConsentError, match=str(reason)) as caught:
            store.add("ann@EXAMPLE.com")

        assert store.count() == 0
        assert ("--asked" in caught.value.hint) is (reason is not SuppressionReason.MANUAL)

    def test_what_is_kept_of_a_suppressed_address_is_a_hash(self, store: SubscriberStore) -> None:
        store.suppress("ann@example.com", SuppressionReason.MANUAL)

        with store.engine.connect() as connection:
            row = connection.execute(select(SUPPRESSION)).one()
        assert len(row.key) == 32
        assert "ann" not in str(row)

    def test_a_subscriber_who_is_suppressed_is_not_mailed(self, store: SubscriberStore) -> None:
        store.add("ann@example.com")
        store.suppress("ann@example.com", SuppressionReason.MANUAL)

        assert barriers(store) == {"ann@example.com": "suppressed"}
        assert kinds(store) == ["added", "suppressed"]

    def test_a_bounce_changes_the_status(self, store: SubscriberStore) -> None:
        store.add("ann@example.com")
        store.suppress("ann@example.com", SuppressionReason.BOUNCED, source="smtp", text="550 5.1.1")

        assert barriers(store) == {"ann@example.com": "bounced"}

    def test_asking_to_be_back_lifts_all_but_what_the_publication_forbade(
        self, store: SubscriberStore
    ) -> None:
        store.suppress("ann@example.com", SuppressionReason.COMPLAINED)
        store.suppress("bob@example.com", SuppressionReason.MANUAL)
        store.suppress("bob@example.com", SuppressionReason.BOUNCED)

        store.add("ann@example.com", consent=ASKED)
        with pytest.raises(ConsentError, match="manual"):
            store.add("bob@example.com", consent=ASKED)

        assert barriers(store) == {"ann@example.com": None}

    def test_who_is_erased_is_forgotten_and_never_mailed_again(self, store: SubscriberStore) -> None:
        profile, _ = store.add("ann@example.com", first_name="Ann", tags=["a"], consent=ASKED)

        assert store.erase("ann@example.com", source="command line")

        assert not store.erase(profile.public_id)
        assert store.find("ann@example.com") is None
        assert store.find_public(profile.public_id) is None
        with store.engine.connect() as connection:
            row = connection.execute(select(SUBSCRIBER)).one()
            assert list(barriers(store).values()) == ["erased"]
            assert store.addressees(connection, [profile.id])[profile.id].barrier == "erased"
        assert "ann" not in str(row).lower()
        (left,) = store.list()
        assert [(line.kind, line.text, line.ip) for line in left.consent] == [
            ("opt_in", "", ""),
            ("erased", "", ""),
        ]
        with pytest.raises(ConsentError, match="erased"):
            store.add("ann@example.com")


class TestPreferences:
    def test_a_subscriber_changes_what_they_say_of_themselves(self, store: SubscriberStore) -> None:
        profile, _ = store.add("ann@example.com", first_name="Ann", last_name="Lee", topics=["ai", "web"])

        changed = store.update(profile.public_id, last_name="", locale="de", topics=["web", "new"])

        assert changed is not None
        assert (changed.first_name, changed.last_name, changed.locale) == ("Ann", "", "de")
        assert changed.topics == ("new", "web")

    def test_a_stranger_changes_nothing(self, store: SubscriberStore) -> None:
        assert store.update("x" * 22, first_name="Eve") is None

    def test_tags_are_put_on_and_taken_away(self, store: SubscriberStore) -> None:
        store.add("ann@example.com", tags=["a", "b"])

        profile = store.tag("ann@example.com", add=["c"], remove=["a", "unknown"])

        assert profile is not None
        assert profile.tags == ("b", "c")
        assert store.tag("nobody@example.com", add=["c"]) is None


class TestSegments:
    def test_pages_follow_each_other(self, store: SubscriberStore) -> None:
        for number in range(5):
            store.add(f"r{number}@example.com", tags=["x"] if number != 2 else [])
        segment = parse_segment('"x" in tags')

        first = store.list(segment, limit=2)
        second = store.list(segment, limit=9, after=first[-1].id)

        assert [p.email[:2] for p in (*first, *second)] == ["r0", "r1", "r3", "r4"]
        assert (store.count(segment), store.count()) == (4, 5)
        assert store.sample(segment, 3) == store.sample(segment, 3)

    def test_a_saved_segment_is_found_by_its_name(self, store: SubscriberStore) -> None:
        store.add("ann@example.com", attributes={"country": "DE"})

        store.save_segment("germans", 'country == "AT"')
        store.save_segment("germans", 'country == "DE"')

        assert [(s.name, s.expression) for s in store.segments()] == [("germans", 'country == "DE"')]
        segment = store.segment("germans")
        assert (segment.name, segment.source, store.count(segment)) == ("germans", 'country == "DE"', 1)
        store.remove_segment("germans")
        assert store.segments() == ()

    def test_a_segment_of_what_nobody_has_is_not_saved(self, store: SubscriberStore) -> None:
        store.add("ann@example.com", attributes={"country": "DE"})

        with pytest.raises(SegmentError) as caught:
            store.save_segment("germans", 'contry == "DE"')

        assert caught.value.hint == "did you mean `country`?"
        assert store.segments() == ()
        assert store.save_segment("later", "plan == 1", attributes=["plan"])

    def test_a_missing_segment_is_answered_with_the_nearest(self, store: SubscriberStore) -> None:
        store.save_segment("germans", "true")

        with pytest.raises(FieldError) as caught:
            store.segment("german")

        assert (caught.value.exit_code, caught.value.hint) == (2, "did you mean `germans`?")
        with pytest.raises(FieldError):
            store.remove_segment("german")

    @pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x" * 64])
    def test_a_segment_needs_a_plain_name(self, store: SubscriberStore, name: str) -> None:
        with pytest.raises(FieldError):
            store.save_segment(name, "true")


class TestDelivery:
    def test_candidates_come_in_order_while_others_are_written(self, store: SubscriberStore) -> None:
        """Planning writes batches on the connection on which it reads."""
        for number in range(30):
            store.add(f"r{number}@example.com")
        seen = []
        with writing(store.engine) as connection:
            for subscriber_id, _ in store.candidates(connection, parse_segment("true")):
                seen.append(subscriber_id)
                row = {"key": bytes([subscriber_id]), "scope": "", "reason": "", "at": MOMENT}
                connection.execute(SUPPRESSION.insert(), row)

        assert seen == sorted(seen)
        assert len(seen) == 30

    @pytest.mark.parametrize("people", [0, 6, 7, 8, 20])
    def test_candidates_come_once_each_however_they_are_fetched(
        self, store: SubscriberStore, monkeypatch: pytest.MonkeyPatch, people: int
    ) -> None:
        """An answer that is fetched in parts is as whole as one that is not."""
        monkeypatch.setattr(mailable, "_ANSWER_AT_ONCE", 7)
        monkeypatch.setattr(mailable, "_ROWS_AT_A_TIME", 3)
        ids = [store.add(f"r{number}@example.com")[0].id for number in range(people)]

        with store.engine.connect() as connection:
            found = list(
                store.candidates(connection, parse_segment('"@" in email and joined >= "2020-01-01"'))
            )

        assert found == [(number, None) for number in ids]

    def test_an_addressee_has_what_is_known_and_nothing_else(self, store: SubscriberStore) -> None:
        profile, _ = store.add(
            "ann@example.com", first_name="Ann", tags=["b", "a"], attributes={"country": "DE"}
        )
        with store.engine.connect() as connection:
            people = store.addressees(connection, [profile.id, 999])
            assert store.addressees(connection, []) == {}

        assert list(people) == [profile.id]
        assert people[profile.id].fields == {
            "email": "ann@example.com",
            "first_name": "Ann",
            "name": "Ann",
            "status": "active",
            "joined": date(2026, 4, 11),
            "tags": ["a", "b"],
            "topics": [],
            "country": "DE",
        }
        assert (people[profile.id].barrier, people[profile.id].public_id) == (None, profile.public_id)
