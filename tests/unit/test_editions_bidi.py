"""Text of both directions: which way it runs, and the marks that plain text needs for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import PublicationSettings
from newsletter.editions import compile_issue, load_theme
from newsletter.editions.bidi import marked, turned, turning
from newsletter.editions.language import direction_of, has_italics, may_be_spaced, script_of
from newsletter.issues import parse_issue

RLM, RLI, PDI = "\u200f", "\u2067", "\u2069"
MARKS = dict.fromkeys(map(ord, RLM + RLI + PDI))
PUBLICATION = PublicationSettings(name="News", sender="News <n@example.com>", url="https://n.example.com")
LINES = st.text(st.sampled_from("ab שלو1 .!()[]>-→\u0652"), max_size=30)


def html_of(language: str, body: str) -> str:
    issue = parse_issue(f"---\ntitle: T\nlanguage: {language}\n---\n\n{body}\n")
    return compile_issue(issue, load_theme("letter"), PUBLICATION).html


@pytest.mark.parametrize(
    ("language", "script", "direction"),
    [
        ("en", "Latn", "ltr"),
        ("ar-EG", "Arab", "rtl"),
        ("dv", "Thaa", "rtl"),
        ("az-Arab", "Arab", "rtl"),
        ("zh-TW", "Hant", "ltr"),
        ("hi", "Deva", "ltr"),
        ("tlh", "Latn", "ltr"),
    ],
)
def test_a_language_has_a_script_and_a_direction(language, script, direction):
    assert (script_of(language), direction_of(language)) == (script, direction)


@pytest.mark.parametrize("language", ["zh", "ja", "ko", "ar", "he", "hi", "th"])
def test_scripts_without_italics_are_not_slanted(language):
    assert not has_italics(language)
    assert "font-style:italic" not in html_of(language, "> x").replace(": ", ":")


def test_quotations_are_in_italics_where_the_script_has_them():
    assert "font-style:italic" in html_of("ru", "> x").replace(": ", ":")


@pytest.mark.parametrize("language", ["hi", "bn", "ar"])
def test_letters_that_join_get_no_space_between_them(language):
    assert not may_be_spaced(language)
    html = html_of(language, "## x\n\n**Label:** x")
    assert "letter-spacing:0.4px" not in html.replace(": ", ":")


@pytest.mark.parametrize(
    ("line", "direction", "expected"),
    [
        ("Hello, world!", "ltr", "Hello, world!"),
        ("Hello, שלום!", "ltr", "Hello, שלום!"),
        ("שלום!", "ltr", f"שלום!{RLM}"),
        ("> - שלום!", "ltr", f"> - שלום!{RLM}"),
        ("שלום לכולם, English ועוד.", "ltr", f"{RLM}{RLI}שלום לכולם, English ועוד.{PDI}"),
        ("السلام", "rtl", "السلام"),
        ("ANSI هي منظمة.", "rtl", f"{RLM}{RLI}ANSI هي منظمة.{PDI}"),
        ("[12] 41 سم،", "rtl", f"[12] {RLM}41 سم،{RLM}"),
        ("- [x] منجز", "rtl", "- [x] منجز"),
        ("========", "rtl", f"{RLM}========"),
        (">", "rtl", ">"),
        ("", "rtl", ""),
        ("https://example.com/report", "rtl", "https://example.com/report"),
    ],
)
def test_a_line_gets_the_marks_that_it_needs_and_no_others(line, direction, expected):
    assert marked(line, direction) == expected


@given(LINES, st.sampled_from(["ltr", "rtl"]))
def test_marks_change_no_character_and_every_isolate_ends_on_its_line(line, direction):
    result = marked(line, direction)
    assert result.translate(MARKS) == line
    assert result.count(RLI) == result.count(PDI)


def test_a_paragraph_that_runs_the_other_way_says_so():
    assert turned("שלום לכולם", "ltr") == "rtl"
    assert turned("Hello all", "rtl") == "ltr"
    assert turned("שלום, English", "ltr") is None
    assert turned("שלום לכולם, English", "ltr") == "rtl"
    assert turned("ANSI هي منظمة أمريكية", "rtl") is None
    assert turned("LP0123abcdm0z שלום", "ltr") == "rtl"
    assert turning("ltr", "שלום") == ' dir="rtl" align="right"'
    assert turning("ltr", "Hello") == ""


def test_code_runs_from_left_to_right_in_an_arabic_issue():
    html = html_of("ar", 'راجع `git -m "x"` ثم\n\n```\ncode\n```')
    assert '<code dir="ltr" ' in html
    pre = html[html.index("<pre") :].split(">")[0]
    assert 'dir="ltr"' in pre
    assert "text-align:left" in pre.replace(": ", ":")
