"""Saved segments that name each other: resolved, never in a circle, never pulled from under one another."""

from __future__ import annotations

import pytest

from subscribers import EVERYONE, FieldError, SegmentError, SubscriberStore


@pytest.fixture
def store(engine) -> SubscriberStore:
    """Three subscribers, and segments of which one names another."""
    made = SubscriberStore(engine)
    made.add("ann@example.com", tags=["builders"], attributes={"country": "DE"})
    made.add("bob@example.com", tags=["builders"], attributes={"country": "FR"})
    made.add("cho@example.com", attributes={"country": "DE"})
    made.save_segment("builders", '"builders" in tags')
    made.save_segment("germans", 'country == "DE"')
    made.save_segment("german-builders", 'segment("builders") and segment("germans")')
    return made


def emails(store: SubscriberStore, name: str) -> list[str]:
    return [person.email for person in store.list(store.segment(name))]


def test_a_segment_may_name_others(store: SubscriberStore) -> None:
    store.save_segment("rest", 'not segment("german-builders")')

    assert emails(store, "german-builders") == ["ann@example.com"]
    assert emails(store, "rest") == ["bob@example.com", "cho@example.com"]
    assert store.count(store.parse_segment('segment("rest") or segment("germans")')) == 3


def test_a_named_segment_means_what_it_means_now(store: SubscriberStore) -> None:
    store.save_segment("builders", '"nobody" in tags')

    assert emails(store, "german-builders") == []


def test_what_it_meant_is_written_out_in_the_whole(store: SubscriberStore) -> None:
    """The whole can be read without any other segment, and means the same."""
    segment = store.parse_segment('not segment( "german-builders" ) or true')

    assert segment.whole == 'not (("builders" in tags) and (country == "DE")) or true'
    assert store.count(store.parse_segment(segment.whole)) == store.count(segment) == 3
    assert "segment(" not in segment.whole


def test_leaving_out_keeps_the_whole(store: SubscriberStore) -> None:
    rest = EVERYONE.excluding(store.segment("german-builders"))

    assert store.count(store.parse_segment(rest.whole)) == store.count(store.parse_segment(rest.source)) == 2


def test_it_is_said_in_words(store: SubscriberStore) -> None:
    assert store.segment("german-builders").words() == (
        "is in the segment “builders” (has the tag “builders”) and is in the segment “germans” (country is “DE”)"
    )


@pytest.mark.parametrize(
    ("name", "expression", "path", "column"),
    [
        ("x", 'true and segment("x")', "x → x", 18),
        (
            "builders",
            '"b" in tags and segment("german-builders")',
            "builders → german-builders → builders",
            25,
        ),
        ("germans", 'segment("far")', "germans → far → german-builders → germans", 9),
    ],
)
def test_a_circle_is_refused_and_named(
    store: SubscriberStore, name: str, expression: str, path: str, column: int
) -> None:
    store.save_segment("far", 'segment("german-builders")')

    with pytest.raises(SegmentError, match=path) as caught:
        store.save_segment(name, expression)

    assert caught.value.column == column
    assert [saved.name for saved in store.segments()] == ["builders", "far", "german-builders", "germans"]
    assert emails(store, "germans") == ["ann@example.com", "cho@example.com"]


def test_an_unknown_segment_is_pointed_at_and_the_nearest_told(store: SubscriberStore) -> None:
    with pytest.raises(SegmentError, match="no segment `bilders`") as caught:
        store.save_segment("x", 'country == "DE" and segment("bilders")')

    assert (caught.value.column, caught.value.hint) == (29, "did you mean `builders`?")


def test_what_others_name_is_not_removed(store: SubscriberStore) -> None:
    store.save_segment("more", 'segment("builders")')
    assert store.segments_naming("builders") == ("german-builders", "more")

    with pytest.raises(FieldError, match="named by `german-builders`, `more`"):
        store.remove_segment("builders")

    for name in ("more", "german-builders", "builders"):
        store.remove_segment(name)
    assert [saved.name for saved in store.segments()] == ["germans"]


def test_a_tower_of_segments_is_refused_before_it_falls(store: SubscriberStore) -> None:
    """Each names the one below twice: without a limit, the twentieth would ask a million questions."""
    store.save_segment("s0", 'country == "DE"')
    with pytest.raises(SegmentError, match=r"with the segments that it names, (asks|is longer)"):
        for floor in range(1, 20):
            store.save_segment(f"s{floor}", f'segment("s{floor - 1}") or segment("s{floor - 1}")')


def test_a_long_chain_of_segments_is_refused(store: SubscriberStore) -> None:
    store.save_segment("s0", 'country == "DE"')
    with pytest.raises(SegmentError, match="nested too deeply"):
        for floor in range(1, 100):
            store.save_segment(f"s{floor}", f'not segment("s{floor - 1}")')


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ('"builder" in tags', "nobody has the tag `builder`; did you mean `builders`?"),
        ('not "Builders" in tags', "nobody has the tag `Builders`; did you mean `builders`?"),
        ('"x" in topics', "nobody has the topic `x`"),
        ('country == "de"', 'nobody\'s `country` is "de"; did you mean `DE`?'),
        ('country in ["fr", "DE"]', 'nobody\'s `country` is "fr"; did you mean `FR`?'),
        ("country == 5", '`country` is text, and 5 a number; write "5"'),
        ('score >= "5"', '`score` is a number, and "5" text; write it without quotes'),
        ('pro == "yes"', '`pro` is true or false, and "yes" text; write `pro == true`'),
        ('segment("builders") or "pros" in tags', "nobody has the tag `pros`"),
        ("first_name == 1", '`first_name` is text, and 1 a number; write "1"'),
    ],
)
def test_what_can_be_true_of_nobody_is_told(store: SubscriberStore, expression: str, told: str) -> None:
    store.add("dee@example.com", attributes={"score": 5, "pro": True})
    with store.engine.connect() as connection:
        assert store.parse_segment(expression).misses(connection) == [told]


@pytest.mark.parametrize(
    "expression",
    ['"builders" in tags', 'country == "DE"', "score > 5", "pro == true", 'country | lower == "de"', "true"],
)
def test_of_what_may_be_true_nothing_is_told(store: SubscriberStore, expression: str) -> None:
    store.add("dee@example.com", attributes={"score": 5, "pro": True})
    with store.engine.connect() as connection:
        assert store.parse_segment(expression).misses(connection) == []


def test_a_time_zone_is_asked_for_like_any_field(store: SubscriberStore) -> None:
    """In SQL, and in the conditions of issues, which are answered in memory."""
    store.add("eve@example.com", time_zone="Europe/Berlin")
    segment = store.parse_segment('time_zone == "Europe/Berlin"', set())
    (person,) = store.list(segment)
    with store.engine.connect() as connection:
        fields = {
            each.email: each.fields for each in store.addressees(connection, [1, 2, 3, person.id]).values()
        }

    assert person.email == "eve@example.com"
    assert [email for email, known in fields.items() if segment.matches(known)] == ["eve@example.com"]
