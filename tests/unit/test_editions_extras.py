"""What MJML has and our compiler does not know is done to its HTML."""

from __future__ import annotations

import re

import pytest

from newsletter.editions.inlining import inline
from newsletter.editions.mjml import MjmlError, to_html

HERO = (
    '<mj-hero mode="fluid-height" background-width="600px" background-height="469px" css-class="top"'
    ' background-url="https://x.example/i.jpg" background-color="#2a3448">'
    "<mj-text><table><tr><td>in</td></tr></table></mj-text></mj-hero>"
)
ATTRIBUTES = (
    '<mj-html-attributes><mj-selector path=".kind p"><mj-html-attribute name="data-id">4 &amp; "2"'
    "</mj-html-attribute></mj-selector></mj-html-attributes>"
)


def document(body: str = "", head: str = "", before: str = "") -> str:
    text = '<mj-section><mj-column><mj-text css-class="kind"><p>x</p></mj-text></mj-column></mj-section>'
    return f"<mjml>{before}<mj-head>{head}</mj-head><mj-body>{body or text}</mj-body></mjml>"


def test_a_fluid_hero_keeps_its_proportion_by_a_cell_on_each_side():
    html = to_html(document(HERO)).document
    row = html[html.index('<div class="top"') :]
    sides = re.findall(r'<td style="width:0.01%;padding-bottom:78%;mso-padding-bottom-alt:0;"></td>', row)
    assert len(sides) == 2
    assert re.search(r"</td><td style=\"width:0.01%[^>]*></td></tr></tbody></table></div>", row)
    assert "height" not in re.search(r"<td background=[^>]*>", row)[0]
    assert "LQ" not in html


def test_a_hero_of_fixed_height_stays_as_it_is():
    html = to_html(document(HERO.replace("fluid-height", "fixed-height"))).document
    assert "padding-bottom:78%" not in html


def test_a_hero_takes_its_mode_from_the_defaults_too():
    head = '<mj-attributes><mj-hero mode="fluid-height" /></mj-attributes>'
    defaults = document(HERO.replace('mode="fluid-height" ', ""), head)
    with pytest.raises(MjmlError, match="has no `background-width`"):
        to_html(defaults)
    sized = head.replace("<mj-hero ", '<mj-hero background-width="600px" background-height="469px" ')
    assert to_html(document(HERO.replace('mode="fluid-height" ', ""), sized)).document.count("0.01%") == 2


def test_two_fluid_heroes_get_their_cells_each():
    assert to_html(document(HERO + HERO.replace("469", "300"))).document.count("padding-bottom:50%") == 2


def test_a_fluid_hero_without_a_size_is_refused():
    with pytest.raises(MjmlError, match="<mj-hero> has no `background-height`"):
        to_html(document(HERO.replace('background-height="469px"', "")))


def test_attributes_for_html_reach_what_their_selector_selects():
    html = to_html(document(head=ATTRIBUTES)).document
    assert """<p data-id='4 &amp; "2"'>x</p>""" in html
    assert html.startswith("<!doctype html>\n<html")
    assert html.count("data-id") == 1


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (".kind p", "p[", "selects nothing"),
        (".kind p", "", "selects nothing"),
        ("data-id", "1 x", "is no name of an attribute"),
        ("mj-selector", "mj-selectr", "is no component of MJML"),
    ],
)
def test_attributes_that_cannot_be_are_refused(old, new, what):
    with pytest.raises(MjmlError, match=what):
        to_html(document(head=ATTRIBUTES.replace(old, new)))


def test_raw_text_for_the_beginning_stands_before_the_doctype():
    before = '<mj-raw position="file-start">{% load x %} <!-- a --></mj-raw>'
    html = inline(to_html(document(before=before)).document, "p { color: red }")
    assert html.startswith("{% load x %} <!-- a -->\n<!doctype html>\n<html")
    assert '<p style="color:red">' in html
    demanding = inline(to_html(document(before=before)).document, "p:first-child { color: red }")
    assert demanding.startswith("{% load x %} <!-- a -->\n<!doctype html>\n<html")


def test_a_less_than_sign_that_begins_no_tag_is_text():
    html = to_html(document("<mj-raw>{% if foo < 5 %}</mj-raw>")).document
    assert "{% if foo &lt; 5 %}" in html


def test_css_has_no_less_than_sign():
    with pytest.raises(MjmlError, match="CSS for mails has no `<`"):
        to_html(document(head="<mj-style>@media (width < 600px) { p { color: red } }</mj-style>"))
