"""Slots at run time: where a value stands decides how it is written, and it can never leave its place."""

from __future__ import annotations

from datetime import date
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.editions.cutting import Choice, Context, Literal, Value, split
from newsletter.editions.edition import Edition, Slot
from newsletter.editions.merge import Evaluator, MissingValue, render
from newsletter.errors import IssueError

NAME = Slot("LP00m0z", "value", "subscriber.name", "{{ subscriber.name }}", 3)
SITE = Slot("LP00m1z", "value", "subscriber.site", "{{ subscriber.site }}", 4)
PRO = Slot("LP00m2z", "if", '"pro" in subscriber.tags', "{% if … %}", 5)
GERMAN = Slot("LP00m3z", "elif", 'subscriber.locale == "de"', "{% elif … %}", 6)
ELSE = Slot("LP00c0z", "else", "", "{% else %}")
END = Slot("LP00c1z", "endif", "", "{% endif %}")
SLOTS = (NAME, SITE, PRO, GERMAN, ELSE, END)


def edition(html: str = "", text: str = "", *, subject: str = "", language: str = "en") -> Edition:
    return Edition(
        slug="x",
        title="x",
        subject=subject,
        preheader="",
        html=html,
        text=text,
        language=language,
        direction="ltr",
        date=None,
        nonce="00",
        slots=SLOTS,
    )


def personal(html: str, **fields: object) -> str:
    issue = edition(html)
    values = Evaluator(issue).values(fields, {}, missing="")
    return render(split(html, issue, Context.HTML), values)


def contexts(html: str) -> list[Context]:
    return [piece.context for piece in split(html, edition(), Context.HTML) if isinstance(piece, Value)]


def test_a_text_without_slots_is_one_literal():
    assert split("<p>plain</p>", edition(), Context.HTML) == (Literal("<p>plain</p>"),)


def test_the_context_of_a_slot_is_that_of_its_place():
    html = (
        '<a title=\'> LP00m0z\' href="LP00m1z">LP00m0z</a><a href="https://a.example/?q=LP00m0z">x</a>'
        '<img src="LP00m1z" alt="of LP00m0z"><!--[if mso]><v:fill src="LP00m1z"/><![endif]-->'
    )
    html_, url, part = Context.HTML, Context.URL, Context.URL_PART
    assert contexts(html) == [html_, url, html_, part, url, html_, url]


def test_apostrophes_and_angle_brackets_in_text_do_not_confuse_the_places():
    html = "it's 3 &gt; 2 <b>isn't</b> <a href='https://x.example/LP00m0z'>a > b</a> LP00m0z"
    assert contexts(html) == [Context.URL_PART, Context.HTML]


@pytest.mark.parametrize(
    "html", ['<p style="color:LP00m0z">x</p>', "<style>p{color:LP00m0z}</style>", '<p onclick="LP00m0z">']
)
def test_a_value_within_a_style_or_script_is_refused(html):
    with pytest.raises(IssueError, match="within a style"):
        split(html, edition(), Context.HTML)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("https://x.example/?a=1&b=2", "https://x.example/?a=1&amp;b=2"),
        ("mailto:a@example.com", "mailto:a@example.com"),
        ("javascript:alert(1)", "#"),
        (" data:text/html,x", "#"),
        ("//x.example", "#"),
    ],
)
def test_a_whole_url_is_a_web_or_mail_address_or_nothing(value, written):
    assert personal('<a href="LP00m1z">x</a>', site=value) == f'<a href="{written}">x</a>'


def test_a_value_further_on_in_a_url_is_percent_encoded():
    assert personal('<a href="https://x.example/?q=LP00m0z">', name="ä&b c/\"'") == (
        '<a href="https://x.example/?q=%C3%A4%26b%20c%2F%22%27">'
    )


class _Shape(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs)))


def shape(html: str) -> list[tuple[str, tuple[str, ...]]]:
    parser = _Shape()
    parser.feed(html)
    parser.close()
    return parser.tags


@given(st.text() | st.sampled_from(['"><script>alert(1)</script>', "' onclick=x '", "--><b>", "</title><b>"]))
@settings(max_examples=100, deadline=None)
def test_no_value_can_add_an_element_or_an_attribute(value):
    html = (
        '<title>LP00m0z</title><p title="LP00m0z" lang=\'LP00m0z\'>LP00m0z</p><a href="LP00m0z">x</a>'
        "<a href='https://x.example/LP00m0z'>y</a><!--[if mso]><b>LP00m0z</b><![endif]-->"
    )
    assert shape(personal(html, name=value)) == shape(html)


def test_a_value_is_never_read_again_for_slots():
    assert personal("<p>LP00m0z</p>", name="LP00m1z", site="no") == "<p>LP00m1z</p>"


CONDITIONAL = "aLP00m2zpro LP00m0zLP00m3zdeutschLP00c0zrestLP00c1zb"


def test_a_conditional_becomes_a_choice_of_pieces():
    pieces = split(CONDITIONAL, edition(), Context.HTML)
    assert pieces == (
        Literal("a"),
        Choice(
            (
                ("LP00m2z", (Literal("pro "), Value("LP00m0z", Context.HTML))),
                ("LP00m3z", (Literal("deutsch"),)),
                (None, (Literal("rest"),)),
            )
        ),
        Literal("b"),
    )


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"tags": ["pro"], "locale": "de", "name": "Ann"}, "apro Annb"),
        ({"tags": ["x"], "locale": "de"}, "adeutschb"),
        ({"tags": [], "locale": "fr"}, "arestb"),
        ({}, "arestb"),
    ],
)
def test_the_first_branch_whose_condition_holds_is_taken(fields, text):
    assert personal(CONDITIONAL, **fields) == text


def test_conditionals_nest():
    html = "LP00m2z[LP00m2zinLP00c0zoutLP00c1z]LP00c1z."
    assert personal(html, tags=["pro"]) == "[in]."
    assert personal(html) == "."


@pytest.mark.parametrize("html", ["LP00m2z never closed", "closed LP00c1z", "LP00c0z", "LP00m3z"])
def test_conditions_that_do_not_pair_are_refused(html):
    with pytest.raises(IssueError):
        split(html, edition(), Context.HTML)


def test_in_plain_text_a_control_token_takes_its_whole_line_with_it():
    text = "one\n\nLP00m2z\ntwo\n\nLP00c0z\nthree\n\nLP00c1z\nfour LP00m0z\n"
    issue = edition(text=text)
    for tags, middle in ((["pro"], "two"), ([], "three")):
        values = Evaluator(issue).values({"tags": tags, "name": "x"}, {})
        assert render(split(text, issue), values) == f"one\n\n{middle}\n\nfour x\n"


def test_a_control_token_within_a_quotation_or_a_list_takes_the_marks_of_its_line_too():
    text = "> a\n> LP00m2z\n> b\n> LP00c1z\n"
    issue = edition(text=text)
    assert render(split(text, issue), Evaluator(issue).values({}, {})) == "> a\n"


def test_a_missing_value_without_a_default_is_an_error_that_names_its_source():
    issue = edition("<p>LP00m0z</p>")
    with pytest.raises(MissingValue) as raised:
        Evaluator(issue).values({"name": "", "site": None}, {})
    error = raised.value
    assert (error.expression, error.source, error.line) == ("subscriber.name", "{{ subscriber.name }}", 3)
    assert "default" in error.hint


def test_a_missing_value_in_a_branch_that_is_not_taken_is_no_error():
    issue = edition("LP00m2zLP00m0zLP00c1z")
    assert Evaluator(issue).values({}, {})["LP00m2z"] is False
    with pytest.raises(MissingValue):
        Evaluator(issue).values({"tags": ["pro"]}, {})


def test_a_missing_value_in_the_subject_is_an_error():
    with pytest.raises(MissingValue):
        Evaluator(edition(subject="For LP00m0z")).values({}, {})


def test_a_preview_may_say_what_to_write_for_a_missing_value():
    values = Evaluator(edition("LP00m0z")).values({}, {}, missing="[no value]")
    assert values["LP00m0z"] == "[no value]"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["a", "b"], "a, b"),
        (frozenset("ba"), "a, b"),
        (date(2026, 4, 11), "11. April 2026"),
        (0, "0"),
        (False, "False"),
        ("two\r\nlines\x00", "two lines"),
    ],
)
def test_a_value_is_written_on_one_line(value, text):
    assert (
        Evaluator(edition("LP00m0z", language="de")).values({"name": value}, {}, missing="")["LP00m0z"]
        == text
    )


@given(
    st.dictionaries(
        st.sampled_from(["name", "site", "tags", "locale"]), st.text() | st.integers() | st.none()
    )
)
@settings(max_examples=100, deadline=None)
def test_conditions_are_true_or_false_whatever_the_fields_are(fields):
    values = Evaluator(edition(CONDITIONAL)).values(fields, {}, missing="")
    assert {type(values[token]) for token in ("LP00m2z", "LP00m3z")} == {bool}
