"""Subscribers into files, from which an import makes the same ones again."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from fakes.lists import counts, exported, forget_everybody, known, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from subscribers import (
    Consent,
    Status,
    SubscriberStore,
    import_file,
)
from subscribers.attributes import is_attribute_name
from subscribers.models import TrackingConsent
from subscribers.tracking import set_tracking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Engine

    from subscribers import Profile


class TestExport:
    def test_a_spreadsheet_finds_no_formula(self, store: SubscriberStore) -> None:
        store.add(
            "=cmd@example.com", first_name="@SUM(1)", attributes={"a": "=1+1", "b": -5, "c": "'+1", "d": "-x"}
        )

        (row,) = csv.DictReader(rows(exported(store)))

        assert (row["email"], row["first_name"]) == ("'=cmd@example.com", "'@SUM(1)")
        assert (row["a"], row["b"], row["c"], row["d"]) == ("'=1+1", "-5", "''+1", "'-x")

    def test_a_topic_that_was_left_is_nobodys_and_a_time_zone_goes_along(
        self, store: SubscriberStore
    ) -> None:
        ann, _ = store.add("ann@example.com", topics=["ai", "web"], time_zone="Asia/Tokyo")
        set_tracking(store, ann.id, TrackingConsent.DENIED, Consent())
        store.unsubscribe("ann@example.com", source="page", topic="web")
        written = exported(store)
        forget_everybody(store.engine)

        import_file(store, rows(written))

        ann = known(store, "ann@example.com")
        assert (ann.topics, ann.time_zone, ann.tracking) == (("ai",), "Asia/Tokyo", "denied")

    def test_a_time_zone_that_is_none_is_told(self, store: SubscriberStore) -> None:
        report = import_file(store, rows("email,timezone\nann@example.com,Nowhere\nbob@example.com,UTC\n"))

        assert counts(report) == (2, 0, 0, 0, 0)
        assert report.odd_zones == {"Nowhere": 1}
        assert {each.email: each.time_zone for each in store.list()} == {
            "ann@example.com": "",
            "bob@example.com": "UTC",
        }

    def test_a_segment_alone_can_be_exported(self, store: SubscriberStore) -> None:
        store.add("ann@example.com", tags=["x"], attributes={"a": 1})
        store.add("bob@example.com", attributes={"b": 1})

        lines = exported(store, '"x" in tags').splitlines()

        assert len(lines) == 2
        assert lines[0].endswith("joined,a")

    def test_the_erased_are_left_out(self, store: SubscriberStore) -> None:
        store.add("ann@example.com")
        store.erase("ann@example.com")

        assert len(exported(store).splitlines()) == 1

    def test_types_that_would_be_read_differently_are_named(self, store: SubscriberStore) -> None:
        store.add("ann@example.com", attributes={"zip": "5", "mixed": 5, "lang": "de", "n": 5, "tag": 1})
        store.add("bob@example.com", attributes={"zip": "007", "mixed": "5", "n": 1.5})

        header = exported(store).splitlines()[0].split(",")[10:]

        assert header == ["lang:text", "mixed:json", "n", "tag:json", "zip:text"]

    def test_more_than_a_page_is_exported_in_order(self, sqlite_engine: Engine) -> None:
        store = SubscriberStore(sqlite_engine)
        import_file(store, rows("email\n" + "".join(f"r{number}@example.com\n" for number in range(2_500))))

        emails = [row["email"] for row in csv.DictReader(rows(exported(store)))]

        assert emails == [f"r{number}@example.com" for number in range(2_500)]


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0,;|"), max_size=12)
NAMES = st.from_regex(r"[a-z][a-z_0-9]{0,8}", fullmatch=True).filter(is_attribute_name) | st.sampled_from(
    ["mail", "lang", "tag", "created", "state", "a_", "a__b"]
)
VALUES = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
    st.sampled_from(["5", "-0", "007", "true", "'=1", "=1", "1e5", " 5 ", "a\r\nb", '"', "-1.50"]),
    st.integers(-(2**53), 2**53),
    st.floats(-1e9, 1e9),
    st.booleans(),
)
PEOPLE = st.fixed_dictionaries(
    {
        "first_name": WORDS,
        "last_name": WORDS,
        "locale": st.sampled_from(["", "de", "pt-BR"]),
        "tags": st.lists(WORDS, max_size=3),
        "topics": st.lists(WORDS, max_size=2),
        "attributes": st.dictionaries(NAMES, VALUES, max_size=4),
        "status": st.sampled_from([Status.ACTIVE, Status.PENDING, Status.UNSUBSCRIBED, Status.BOUNCED]),
    }
)


def told(profile: Profile) -> Mapping[str, object]:
    return {
        "email": profile.email,
        "names": (profile.first_name, profile.last_name, profile.locale),
        "words": (profile.tags, profile.topics),
        "attributes": {name: (type(value), value) for name, value in profile.attributes.items()},
        "status": profile.status,
        "created_at": profile.created_at,
    }


@given(st.lists(PEOPLE, min_size=1, max_size=4))
@settings(
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def check_round_trip(store: SubscriberStore, people: list[dict[str, object]]) -> None:
    forget_everybody(store.engine)
    for number, person in enumerate(people):
        store.add(f"'+r{number}@example.com", **person)  # type: ignore[arg-type]
    before, file = [told(profile) for profile in store.list()], exported(store)
    assert import_file(store, rows(file)).created == 0
    assert [told(profile) for profile in store.list()] == before

    forget_everybody(store.engine)
    report = import_file(store, rows(file))

    assert (report.created, report.invalid) == (len(people), 0)
    assert [told(profile) for profile in store.list()] == before


def test_what_was_exported_is_imported_the_same(store: SubscriberStore) -> None:
    """Any list, exported and imported into an empty database, is the same list again."""
    check_round_trip(store)
