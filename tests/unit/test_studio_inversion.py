"""The dark modes that mail programs make by themselves."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.studio.colours import read_colour
from newsletter.studio.inversion import fully, partly
from newsletter.studio.modes import Mode, force_mode

LIGHT = '<p style="color:#111111;background-color:#ffffff">A</p>'
DARK = '<p style="color:#eeeeee;background-color:#222222">A</p>'


def lightness(html: str, name: str) -> float:
    found = re.search(rf"(?<![\w-]){name}:\s*([^;\"}}]+)", html)
    assert found is not None
    colour = read_colour(found[1])
    assert colour is not None
    return colour.light


@pytest.mark.parametrize("change", [partly, fully])
def test_light_grounds_become_dark_and_dark_text_light(change):
    html = change(LIGHT)

    assert lightness(html, "background-color") < 0.3
    assert lightness(html, "color") > 0.7


def test_only_the_full_inversion_turns_what_is_dark_already():
    assert partly(DARK) == DARK
    assert lightness(fully(DARK), "background-color") > 0.6


def test_what_outlook_changed_bears_its_marks():
    """So `[data-ogsc] .name` rules of the mail can be looked at."""
    html = partly('<td bgcolor="#ffffff" style="color:#000000">A</td><font color="#000000">B</font><br/>')

    assert 'data-ogsb="#ffffff" data-ogsc="#000000">A' in html
    assert 'data-ogsc="#000000">B' in html
    assert "data-ogs" not in fully(LIGHT)


def test_rules_for_outlooks_marks_stay_as_the_mail_wrote_them():
    css = (
        "<style>[data-ogsc] .a{color:#123456!important}.b{color:#000000}@media print{.c{color:#000}}</style>"
    )
    html = partly(css)

    assert "[data-ogsc] .a{color:#123456!important}" in html
    assert ".b{color:#000000}" not in html
    assert ".c{color:#000}" not in html


def test_colours_of_styles_attributes_and_borders_are_changed_and_nothing_else():
    html = fully('<a href="#fff" title="color:#000" style="border:1px solid #000;width:10px">#000</a>')

    assert 'href="#fff" title="color:#000"' in html
    assert html.endswith(">#000</a>")
    assert "1px solid #f" in html
    assert "width:10px" in html


def test_an_inverted_mail_does_not_honour_what_it_asks_of_dark_mode():
    mail = "<html><head><style>@media (prefers-color-scheme:dark){.a{color:#fff}}</style></head><body></body></html>"

    assert "(max-width:0px){.a" in force_mode(mail, Mode.PARTLY)
    assert "(min-width:0px){.a" in force_mode(mail, Mode.DARK)
    assert 'content="dark"' in force_mode(mail, Mode.FULLY)


@pytest.mark.parametrize(
    ("text", "css"),
    [
        ("#abc", "#aabbcc"),
        ("#AABBCC", "#aabbcc"),
        ("white", "#ffffff"),
        ("rgb(255, 0, 0)", "#ff0000"),
        ("rgb(100% 0% 0%)", "#ff0000"),
        ("hsl(240, 100%, 50%)", "#0000ff"),
        ("#00000080", "rgba(0,0,0,0.501961)"),
    ],
)
def test_a_colour_that_was_read_is_written_as_it_was(text, css):
    colour = read_colour(text)

    assert colour is not None
    assert colour.css() == css


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
@settings(deadline=None)
def test_every_colour_survives_oklab(red, green, blue):
    written = f"#{red:02x}{green:02x}{blue:02x}"
    colour = read_colour(written)

    assert colour is not None
    assert colour.css() == written


@given(st.text())
@settings(deadline=None)
def test_any_text_can_be_inverted(text):
    assert partly(text.replace("<", "")) == text.replace("<", "")
    fully(f'<style>{text}</style><p style="{text}">')
