"""Light and dark in the frames of the studio."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.studio.modes import Mode, force_mode

MAIL = """<!doctype html><html><head><meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<style>:root{color-scheme:light dark;supported-color-schemes:light dark}
@media (prefers-color-scheme: dark){.a{color:#fff}}
@media screen and (PREFERS-COLOR-SCHEME:light) , print{.b{color:#000}}</style></head>
<body><p>We write @media (prefers-color-scheme: dark) in our CSS.</p>
<picture><source media="(prefers-color-scheme:dark)" srcset="d.png"></picture></body></html>"""


def test_dark_makes_dark_queries_hold_and_light_ones_fail():
    html = force_mode(MAIL, Mode.DARK)

    assert "@media (min-width:0px){.a{color:#fff}}" in html
    assert "@media screen and (max-width:0px) , print" in html
    assert '<source media="(min-width:0px)"' in html


def test_light_makes_light_queries_hold_and_dark_ones_fail():
    html = force_mode(MAIL, Mode.LIGHT)

    assert "@media (max-width:0px){.a{color:#fff}}" in html
    assert "@media screen and (min-width:0px) , print" in html


@pytest.mark.parametrize("mode", [Mode.LIGHT, Mode.DARK])
def test_the_mail_prefers_one_scheme_only(mode):
    """Else the browser's own preference would colour what the mail leaves to it."""
    html = force_mode(MAIL, mode)

    assert f":root{{color-scheme:{mode};supported-color-schemes:light dark}}" in html
    assert html.count("<meta") == 1
    assert f'<meta name="color-scheme" content="{mode}">' in html


def test_text_that_speaks_of_a_query_is_left_alone():
    assert "<p>We write @media (prefers-color-scheme: dark) in our CSS.</p>" in force_mode(MAIL, Mode.DARK)


@given(st.text(), st.sampled_from([Mode.LIGHT, Mode.DARK]))
@settings(deadline=None, max_examples=50)
def test_html_without_styles_only_gains_its_scheme(text, mode):
    html = force_mode(text.replace("<", ""), mode)

    assert html == f'<meta name="color-scheme" content="{mode}">' + text.replace("<", "")
