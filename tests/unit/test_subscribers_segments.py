"""The language of segments: what it means, what it refuses, and how it reads in English."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers import EVERYONE, SegmentError, parse_segment

TODAY = date(2026, 4, 11)
ANN = {
    "email": "ann@example.com",
    "first_name": "Ann",
    "name": "Ann Lee",
    "status": "active",
    "joined": date(2026, 4, 1),
    "tags": ["builders", "pro"],
    "topics": [],
    "country": "DE",
    "score": 7,
    "ratio": 0.5,
    "premium": True,
    "lapsed": False,
    "zero": 0,
    "renewal": "2026-05-01",
}


@pytest.mark.parametrize(
    "expression",
    [
        'country == "DE" and "builders" in tags',
        '"DE" == country',
        'country in ["AT", "DE"]',
        'country in ("AT", "DE")',
        'country not in ["AT", "CH"]',
        "score in [1, 7]",
        "score == 7.0",
        "5 < score <= 7",
        "7 >= score",
        "score > -1",
        "ratio < 0.75",
        "premium",
        "premium == true",
        "not lapsed",
        "lapsed == false",
        "not zero",
        "not unknown",
        '"@example.com" in email',
        '"ab" not in country',
        'name == "Ann Lee"',
        'status == "active"',
        "last_name is not defined",
        "last_name is none",
        "last_name == none",
        "first_name is defined",
        "first_name != none",
        'joined >= "2026-04-01"',
        "joined >= days_ago(10)",
        "joined < days_ago(9)",
        "renewal < days_ago(-30)",
        'renewal > "2026-04-30"',
        '"news" not in topics',
        "not topics",
        "tags",
        'unknown != "x"',
        'not (unknown == "x" or unknown < "y")',
        'country == "AT" or (country == "DE" and score > 5)',
        "true",
        'country\n  == "DE"',
    ],
)
def test_it_holds_of_ann(expression: str) -> None:
    assert parse_segment(expression).matches(ANN, TODAY)


@pytest.mark.parametrize(
    "expression",
    [
        'country == "de"',
        'country == "DE" and "builders" not in tags',
        'score == "7"',
        "country > 5",
        "premium == 1",
        "score == true",
        'unknown == "x"',
        "unknown < 5",
        "unknown",
        "lapsed",
        "country in []",
        'premium in ["true"]',
        '"7" in score',
        "false",
    ],
)
def test_it_does_not_hold_of_ann(expression: str) -> None:
    assert not parse_segment(expression).matches(ANN, TODAY)


@pytest.mark.parametrize(
    ("expression", "column", "says"),
    [
        ("", 1, "empty"),
        ("   ", 1, "empty"),
        ('contry == "DE"', 1, "`contry` is not known"),
        ('country == "DE" and contry == "AT"', 21, "`contry` is not known"),
        ('country == "DE" and\n  contry == "AT"', 3, "`contry` is not known"),
        ('country == "DE" or', 19, "too early"),
        ('country = "DE"', 9, "and"),
        ('country == "DE', 12, "unexpected char"),
        ('(country == "DE"', 17, "too early"),
        ('country == "DE")', 16, "unexpected"),
        ("country | upper", 11, "filters"),
        ("country.upper()", 8, "no parts"),
        ("country.x == 1", 8, "no parts"),
        ('country["x"] == 1', 8, "no parts"),
        ('lipsum() == "x"', 7, "`lipsum` is not known"),
        ("score + 1 > 2", 1, "calculate"),
        ("5", 1, "neither true nor false"),
        ('"text"', 1, "neither true nor false"),
        ("country == first_name", 12, "a field with a value"),
        ('tags == "pro"', 1, "cannot be compared"),
        ('tags in ["pro"]', 1, "in a list"),
        ("5 in tags", 1, "only text"),
        ('country == ""', 12, "empty text"),
        ("score > 1e999", 9, "too large"),
        ("score > 99999999999999999999", 9, "too large"),
        ("premium < true", 11, "neither more nor less"),
        ('joined > "yesterday"', 10, "compared with a day"),
        ("joined > 5", 10, "compared with a day"),
        ("joined > days_ago()", 18, "number of days"),
        ("joined > days_ago(1.5)", 18, "number of days"),
        ('status == "actve"', 11, "no status"),
        ("country is string", 9, "`is string`"),
        ("{{ country }}", 1, "without braces"),
        ('country == "DE" }} x {{ country', 17, ""),
        ("country if true else false", 1, ""),
        ("country == 'a\\ud800'", 12, "character"),
        ("(" * 3000 + "true" + ")" * 3000, 1, "too deeply"),
        ("true and " * 2000 + "true", 1, "longer than"),
        ("__class__ == 1", 1, "not known"),
        ("email is defined(1)", 7, "test"),
        ("country in [first_name]", 13, "a value is expected"),
        ("namespace == 1", 1, "not known"),
    ],
)
def test_what_it_refuses_it_points_at(expression: str, column: int, says: str) -> None:
    known = {"country", "score", "premium"}

    with pytest.raises(SegmentError) as caught:
        parse_segment(expression, known)

    assert says in caught.value.what
    assert caught.value.column == column
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(SegmentError) as caught:
        parse_segment('contry == "DE"', {"country", "city"})

    assert caught.value.hint == "did you mean `country`?"
    assert caught.value.where == "segment:1:1"


def test_the_second_line_is_told() -> None:
    with pytest.raises(SegmentError) as caught:
        parse_segment('country == "DE"\nand nobody == 1', {"country"})

    assert (caught.value.line, caught.value.column) == (2, 5)


def test_without_a_list_of_attributes_any_name_is_one() -> None:
    assert parse_segment('shoe_size == 43 and "x" in colour').matches({"shoe_size": 43, "colour": "xyz"})


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ('country == "DE" and "pro" in tags', "country is “DE” and has the tag “pro”"),
        ('a == 1 and (b == 2 or "x" not in topics)', "a is 1 and (b is 2 or did not choose the topic “x”)"),
        ('country in ["DE", "AT"]', "country is “DE” or “AT”"),
        ('country not in ["DE", "AT"]', "country is neither “DE” nor “AT”"),
        ('"@example.com" in email', "email contains “@example.com”"),
        ("first_name is not defined", "first name is not known"),
        ("joined >= days_ago(30)", "joined on or after 30 days ago"),
        ('joined < "2026-01-01"', "joined before 2026-01-01"),
        ("premium and not lapsed", "premium is set and lapsed is not set"),
        ("5 <= score < 9", "score is at least 5 and score is below 9"),
        ("premium == true", "premium is true"),
        ("not (a == 1 and b == 2)", "not (a is 1 and b is 2)"),
        ("true", "everyone"),
    ],
)
def test_it_can_be_said_in_english(expression: str, words: str) -> None:
    assert parse_segment(expression).words() == words


def test_segments_can_be_left_out_of_a_segment() -> None:
    builders, germans = parse_segment('"builders" in tags'), parse_segment('country == "DE"')

    rest = EVERYONE.excluding(builders, germans)

    assert not rest.matches(ANN)
    assert rest.matches({"country": "AT", "tags": []})
    assert parse_segment(rest.source).node == rest.node


@given(st.text(max_size=40) | st.text("country=<>\"'()[]{}%in and or not tags.|,01 \n", max_size=60))
@settings(deadline=None, max_examples=300)
def test_whatever_is_written_is_understood_or_refused(text: str) -> None:
    """No text makes anything but a segment or one clean error."""
    try:
        segment, place = parse_segment(text), (1, 1)
    except SegmentError as error:
        segment, place = EVERYONE, (error.line, error.column)

    assert min(place) >= 1
    assert segment.matches(ANN, TODAY) in (True, False)
    assert segment.words()
