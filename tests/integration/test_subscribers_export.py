"""Subscribers into files, from which an import makes the same ones again."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from fakes.lists import MOMENT, counts, exported, forget_everybody, known, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from subscribers import (
    Consent,
    ConsentKind,
    Status,
    SubscriberStore,
    SuppressionReason,
    import_file,
    writing,
)
from subscribers.attributes import is_attribute_name
from subscribers.consent import GONE
from subscribers.models import SubscriptionState, TrackingConsent
from subscribers.tables import SUBSCRIBER, SUPPRESSION, TOPICS
from subscribers.topics import choose
from subscribers.tracking import set_tracking
from subscribers.words import word_ids

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
        assert ann.left_topics == ("web",)

    def test_the_report_on_an_export_of_ours_takes_nobody_as_gone_but_by_the_status(
        self, store: SubscriberStore
    ) -> None:
        store.add("ann@example.com")
        store.add("bob@example.com", status=Status.BOUNCED)
        written = exported(store)
        forget_everybody(store.engine)

        report = import_file(store, rows(written))

        assert (report.left, report.consent, report.kinds) == (1, (), {})

    def test_whoever_gives_a_topic_to_all_of_an_export_gives_it_to_nobody_who_left_it(
        self, store: SubscriberStore
    ) -> None:
        """And the log of the new list tells that they left it."""
        store.add("ann@example.com", topics=["web"])
        store.add("bob@example.com", topics=["web"])
        store.unsubscribe("ann@example.com", source="page", topic="web")
        written = exported(store)
        forget_everybody(store.engine)

        import_file(store, rows(written), topics=["web"])

        ann = known(store, "ann@example.com")
        assert (ann.topics, known(store, "bob@example.com").topics) == ((), ("web",))
        assert [line.topic for line in ann.consent if line.kind is ConsentKind.OPTED_OUT] == ["web"]

    def test_who_is_suppressed_by_hand_or_paused_is_not_mailed_by_the_next_list(
        self, store: SubscriberStore
    ) -> None:
        until = store.clock() + timedelta(days=30)
        expected = {"ann": "suppressed", "bob": "suppressed", "cho": "paused", "dan": None}
        for name in expected:
            store.add(f"{name}@example.com", topics=["web"])
        store.suppress("ann@example.com", SuppressionReason.MANUAL)
        store.suppress("bob@example.com", SuppressionReason.MANUAL, topic="web")
        store.pause("cho@example.com", until, source="page")
        written = exported(store)
        forget_everybody(store.engine)

        import_file(store, rows(written))

        with store.engine.connect() as connection:
            barriers = dict(store.candidates(connection, None, topic="web"))
        why = {known(store, f"{name}@example.com").id: barrier for name, barrier in expected.items()}
        assert barriers == why
        assert known(store, "cho@example.com").paused_until == until
        assert not store.permit("dan@example.com")
        assert store.permit("ann@example.com")

    def test_a_file_takes_off_a_topic_whom_the_list_still_has_on_it(self, store: SubscriberStore) -> None:
        """As by a status; and who asked for nothing more since is changed by it only once."""
        store.add("ann@example.com", topics=["ai", "web"])
        file = "email,left_topics,suppressed\nann@example.com,web,no\n"

        assert counts(import_file(store, rows(file))) == (0, 1, 0, 0, 0)
        assert counts(import_file(store, rows(file))) == (0, 0, 1, 0, 0)

        ann = known(store, "ann@example.com")
        assert (ann.topics, ann.left_topics) == (("ai",), ("web",))

    def test_a_suppression_on_several_rows_of_one_person_is_told_once(self, store: SubscriberStore) -> None:
        import_file(store, rows("email,suppressed\nann@example.com,manual\nann@example.com,manual\n"))

        log = known(store, "ann@example.com").consent
        assert sum(line.kind == ConsentKind.SUPPRESSED for line in log) == 1

    def test_a_suppression_that_is_none_is_refused_with_its_row(self, store: SubscriberStore) -> None:
        """Rather not on the list than mailed although something was forbidden."""
        report = import_file(store, rows("email,suppressed\nann@example.com,perhaps\nbob@example.com,yes\n"))

        assert counts(report) == (1, 0, 0, 0, 1)
        assert store.permit("bob@example.com")

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
        assert lines[0].endswith("suppressed,a")

    def test_the_erased_are_left_out(self, store: SubscriberStore) -> None:
        store.add("ann@example.com")
        store.erase("ann@example.com")

        assert len(exported(store).splitlines()) == 1

    def test_types_that_would_be_read_differently_are_named(self, store: SubscriberStore) -> None:
        store.add("ann@example.com", attributes={"zip": "5", "mixed": 5, "lang": "de", "n": 5, "tag": 1})
        store.add("bob@example.com", attributes={"zip": "007", "mixed": "5", "n": 1.5})

        header = exported(store).splitlines()[0].split(",")[15:]

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
#: As `clean_words` would leave them.
TOPIC_NAMES = st.sampled_from(["ai", "web", "Ü 1", '"q"', "=1+1", "all", "topic:x", "manual"])
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
#: What holds mail back: topics left, topics not confirmed, days of a pause, suppressions of topics or, "", of all.
RESTRAINTS = st.fixed_dictionaries(
    {
        "left": st.lists(TOPIC_NAMES, max_size=2, unique=True),
        "pending": st.lists(TOPIC_NAMES, max_size=2, unique=True),
        "days": st.integers(0, 40),
        "suppressed": st.dictionaries(
            TOPIC_NAMES | st.just(""),
            st.sampled_from(
                [SuppressionReason.MANUAL, SuppressionReason.BOUNCED, SuppressionReason.COMPLAINED]
            ),
            max_size=2,
        ),
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
        "left": (profile.left_topics, _left_at(profile)),
        "paused_until": profile.paused_until,
    }


def _left_at(profile: Profile) -> datetime | None:
    """When somebody left who is gone."""
    moments = [line.at for line in profile.consent if line.at and line.status == profile.status]
    return moments[-1] if profile.status in GONE else None


def held_back(store: SubscriberStore) -> list[tuple[object, ...]]:
    """Topics to be confirmed, and suppressions."""
    topics = (
        select(SUBSCRIBER.c.email, TOPICS.words.c.slug)
        .join(TOPICS.pairs, TOPICS.pairs.c.subscriber_id == SUBSCRIBER.c.id)
        .join(TOPICS.words, TOPICS.words.c.id == TOPICS.pairs.c.topic_id)
        .where(TOPICS.pairs.c.state == SubscriptionState.PENDING)
    )
    suppressions = select(SUPPRESSION.c.key, SUPPRESSION.c.scope, SUPPRESSION.c.reason)
    with store.engine.connect() as connection:
        return [
            tuple(map(str, row))
            for query in (topics, suppressions)
            for row in sorted(connection.execute(query))
        ]


def hold_back(store: SubscriberStore, email: str, restraints: dict[str, Any], later: datetime) -> None:
    """Let somebody leave topics, ask for some, pause, and be suppressed, as commands and pages do it."""
    profile = known(store, email)
    for topic in {*restraints["left"], *restraints["pending"], *restraints["suppressed"]} - {""}:
        with writing(store.engine) as connection:
            word_ids(connection, TOPICS, [topic])
    with writing(store.engine) as connection:
        choose(connection, profile.id, restraints["pending"], later, confirmed=False)
    for topic in restraints["left"]:
        store.unsubscribe(email, source="test", topic=topic)
    if restraints["days"]:
        store.pause(email, later + timedelta(days=restraints["days"]), source="test")
    for topic, reason in restraints["suppressed"].items():
        store.suppress(email, reason, topic=topic)


@given(st.lists(st.tuples(PEOPLE, RESTRAINTS), min_size=1, max_size=4))
@settings(
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def check_round_trip(store: SubscriberStore, people: list[tuple[dict[str, object], dict[str, Any]]]) -> None:
    forget_everybody(store.engine)
    earlier = SubscriberStore(store.engine, clock=lambda: MOMENT - timedelta(days=7))
    for number, (person, restraints) in enumerate(people):
        earlier.add(f"'+r{number}@example.com", **person)  # type: ignore[arg-type]
        hold_back(earlier, f"'+r{number}@example.com", restraints, MOMENT)
    before, file = [told(profile) for profile in store.list()], exported(store)
    held = held_back(store)
    assert import_file(store, rows(file)).created == 0
    assert [told(profile) for profile in store.list()] == before
    assert held_back(store) == held

    forget_everybody(store.engine)
    report = import_file(store, rows(file))

    assert (report.created, report.invalid) == (len(people), 0)
    assert [told(profile) for profile in store.list()] == before
    assert held_back(store) == held


def test_what_was_exported_is_imported_the_same(store: SubscriberStore) -> None:
    """Any list, exported and imported into an empty database, is the same list again."""
    check_round_trip(store)
