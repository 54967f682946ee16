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
