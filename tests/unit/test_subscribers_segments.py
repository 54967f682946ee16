"""The language of segments: what it means, what it refuses, and how it reads in English."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from subscribers import EVERYONE, Event, EventKind, SegmentError, parse_segment
from subscribers.segments.parsing import DEEPEST, MOST_QUESTIONS

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
        'email is endswith("@example.com")',
        'email is startswith "ann"',
        'country is not startswith("A")',
        'country | lower == "de"',
        'country | lower in ["at", "de"]',
        '"ann" in name | lower',
        'first_name | lower is endswith("nn")',
        'subscriber.country == "DE" and "pro" in subscriber.tags and not subscriber.lapsed',
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
        'score is startswith("7")',
        'unknown is endswith("x")',
        'email is endswith("@EXAMPLE.com")',
        "opened_within(36500)",
        'received("2026-04-11")',
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
        ('country = "DE"', 9, "of another language"),
        ("score => 5", 7, "`=>` is of another language"),
        ('country == "DE', 12, "unexpected char"),
        ('(country == "DE"', 17, "too early"),
        ('country == "DE")', 16, "unexpected"),
        ("country | upper", 11, "filters"),
        ('country | lower == "De"', 20, "no capitals"),
        ("country | lower", 11, "compared with a text"),
        ('"x" in tags | lower', 8, "no text"),
        ('country | lower("x") == "de"', 11, "compared with a text"),
        ('country | lower < "de"', 11, "neither more nor less"),
        ("country is lower", 9, "not known"),
        ('email.endswith("x")', 6, "no parts"),
        ("email is endswith", 7, "one text"),
        ("email is endswith(5)", 19, "needs a text"),
        ('tags is endswith("x")', 6, "one text"),
        ("opened_within()", 14, "number of days"),
        ("opened_within(-1)", 14, "number of days"),
        ("opened_within(36501)", 14, "number of days"),
        ("opened(5)", 7, "needs the slug"),
        ("opened()", 7, "needs the slug"),
        ("open_within(5)", 12, "`open_within` is not known"),
        ('segment("builders")', 1, "no other segment"),
        ("segment(builders)", 9, "a value is expected"),
        ("segment()", 8, "name of a segment"),
        ('opened("x") == true', 7, "a comparison"),
        ("subscriber == 1", 1, "not known"),
        ("subscriber.contry == 1", 11, "`contry` is not known"),
        ("subscriber.tags.x", 16, "no parts"),
        ("other.country == 1", 6, "no parts"),
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
        ("opened_within(90)", "opened a message within the last 90 days"),
        ("not clicked_within(1)", "clicked a link in no message within the last day"),
        ("opened_within(0)", "opened a message today"),
        ('received("a")', "received the issue “a”"),
        ('not clicked("a")', "did not click a link in the issue “a”"),
        ('email is endswith("@x.org")', "email ends with “@x.org”"),
        ('email is not startswith("a")', "email does not begin with “a”"),
        ('country | lower == "de"', "country, in small letters, is “de”"),
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


def test_engagement_is_answered_from_the_events_of_the_subscriber() -> None:
    opened = Event("smtp", "1", EventKind.OPENED, 1, datetime(2026, 4, 1, tzinfo=UTC), issue="spring")

    def holds(expression: str) -> bool:
        return parse_segment(expression).matches(ANN, TODAY, [opened])

    assert holds('opened("spring") and received("spring") and opened_within(10)')
    assert not holds('clicked("spring") or opened("summer") or opened_within(9)')


#: What somebody would try who wants more than an answer about subscribers.
HOSTILE = [
    'country == "x\'; DROP TABLE subscriber; --"',
    "(select secret from signing_key)",
    "suppression_key == 1",
    "public_id == 'x'",
    "id == 1",
    "subscriber.attributes == 1",
    "subscriber.__class__.__mro__",
    "subscriber.__class__ == 1",
    "country.__class__.__mro__[1].__subclasses__()",
    "self._TemplateReference__context",
    "cycler.__init__.__globals__.os.popen('id').read()",
    "range(999999999)",
    "[x for x in range(9)]",
    "country in range(9)",
    "{% for x in y %}{% endfor %}",
    "{{ 1 }}",
    "lipsum()",
    "country | map('upper')",
    "country | attr('x')",
    "country is callable",
    "country ~ country",
    "'a' * 999999999 in country",
    "9 ** 9 ** 9 == score",
    "score == 1_000_000_000_000_000_000_000",
    "segment(segment('x'))",
    "opened(opened('x'))",
    "days_ago(days_ago(1))",
    "joined > days_ago(9999999999)",
    "country in [[1]]",
    "country in {'a': 1}",
    "country[0] == 'D'",
    "country if country else country",
    "subscriber['country'] == 1",
    "not " * 2_400 + "true",
    "(" * 4_000 + "true" + ")" * 4_000,
    "[" * 4_000,
    "true or " * 1_200 + "true",
    " or ".join(f"country == 'a{number}'" for number in range(MOST_QUESTIONS + 1)),
    "not (" * (DEEPEST + 1) + "country" + ")" * (DEEPEST + 1),
    "country in [" + "1," * 1_001 + "1]",
    "country == '" + "x" * 10_000 + "'",
]


@pytest.mark.parametrize("expression", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_but_questions_about_subscribers_is_taken(expression: str) -> None:
    """All are refused at once and in one line, but the first, which is an ordinary text to the database."""
    known = {"country", "score"}
    if "DROP" in expression:
        sql = parse_segment(expression, known).clause(TODAY).compile(dialect=sqlite.dialect())
        assert "DROP" not in str(sql)
        return

    with pytest.raises(SegmentError) as caught:
        parse_segment(expression, known)

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


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


@pytest.mark.parametrize(
    ("expression", "column", "hint"),
    [
        ('country = "DE"', 9, "write `==`"),
        ('country == "DE" && plan == "pro"', 17, "write `and`"),
        ('country == "DE" AND plan == "pro"', 17, "write `and`"),
        ('country <> "DE"', 9, "write `!=`"),
        ('status == "paused"', 11, "who pauses stays `active`"),
    ],
)
def test_what_other_languages_write_is_told_in_ours(expression: str, column: int, hint: str) -> None:
    with pytest.raises(SegmentError) as caught:
        parse_segment(expression)

    assert caught.value.hint.startswith(hint)
    assert caught.value.column == column
