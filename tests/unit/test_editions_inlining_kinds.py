"""Asking premailer once for each kind of element gives what it gives for the whole document."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from newsletter.editions import inlining
from newsletter.editions.inlining import inline, stylesheet
from newsletter.editions.kinds import Kind, UnusualError, walk

CSS = """
p { margin: 0 0 18px; color: #111111; }
.copy p { color: #222222; }
.copy .lead { font-size: 20px !important; color: #333333; }
td > p { padding: 1px; }
a { color: blue; }
.copy a { color: red !important; text-decoration: underline; }
.minor, h2 { font-weight: bold; }
/* p:first-child { color: none } */
ul li ul { margin: 8px 0; }
"""

NAMES = st.sampled_from(["p", "a", "h2", "b", "ul", "li", "td", "table", "tr", "div", "span"])
CLASSES = st.sampled_from(["", ' class="copy"', ' class="lead minor"', ' class="a&amp;b minor"'])
STYLES = st.sampled_from(
    ["", ' style="color:green"', ' style="font-size:9px; margin:0"', " style=\"font-family:'A B', serif\""]
)
LEAVES = st.sampled_from(
    [
        "text",
        "&nbsp;",
        "<br />",
        '<img src="i.png" alt="" class="minor" />',
        "<!--[if mso]><p><![endif]-->",
        "",
    ]
)


@st.composite
def elements(draw, depth: int = 4) -> str:
    name, attributes = draw(NAMES), draw(CLASSES) + draw(STYLES)
    inside = draw(st.lists(elements(depth=depth - 1) if depth else LEAVES, max_size=3))
    return f"<{name}{attributes}>{draw(LEAVES)}{''.join(inside)}</{name}>"


def document(inside: str) -> str:
    return f"<!doctype html>\n<html><head></head><body>{inside}</body></html>"


def seen(html: str) -> list[tuple[str, dict[str, str]]]:
    """Each element as XML tells it, which moves nothing: its name, attributes and declarations."""
    text = re.sub(r"&nbsp;", "&#160;", html.partition("\n")[2])
    tree = etree.fromstring(re.sub(r"<(br|img)((?: [^<>]*[^/<>])?)>", r"<\1\2/>", text))
    found = []
    for element in tree.iter(etree.Element):
        attributes = dict(element.attrib)
        if "style" in attributes:
            attributes["style"] = [part.strip() for part in attributes["style"].split(";") if part.strip()]
        found.append((element.tag, attributes))
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(elements(), max_size=3).map("".join))
def test_every_element_gets_what_it_gets_in_the_whole_document(inside):
    tree = etree.fromstring(document(inside).partition("\n")[2].replace("&nbsp;", "&#160;"))
    inlining._transformed(tree, CSS)  # as a tree: the HTML parser would move what stands in wrong places
    by_document = etree.tostring(tree, encoding="unicode")
    by_kind = stylesheet(CSS).within(stylesheet(CSS).root, document(inside))
    assert seen(by_kind) == [
        (name, {**attributes, **({"style": settled(attributes["style"])} if "style" in attributes else {})})
        for name, attributes in seen("\n" + by_document)
    ]


def settled(declarations: list[str]) -> list[str]:
    if not any(each.startswith("x-important-") for each in declarations):
        return declarations
    return [part.strip() for part in inlining._settled(";".join(declarations)).split(";") if part.strip()]


@pytest.mark.parametrize("selector", ["p:first-child", "a[href]", "p + p", "p ~ p", "#top", "* p"])
def test_selectors_that_ask_for_more_are_left_to_premailer_whole(selector):
    assert not stylesheet(f"{selector} {{ color: red }}").simple


def test_a_first_child_is_told_from_others():
    html = inline(document("<div><p>1</p><p>2</p></div>"), "p:first-child { color: red }")
    assert html.count("color:red") == 1


@pytest.mark.parametrize(
    "html",
    [
        "<p>",
        "</p>",
        "<p></b>",
        "<P></P>",
        "<p a='1'></p>",
        "<p/>",
        "a < b",
        '<p a="1" a="2"></p>',
        "<x-y></x-y>",
    ],
)
def test_what_is_not_plain_is_not_walked_through(html):
    with pytest.raises(UnusualError):
        walk(html, Kind("", "", None, None), set())


def test_what_is_not_plain_gets_its_styles_all_the_same():
    assert '<p style="color:red">' in inline(document("<P>x<p/>"), "p { color: red }")


def test_so_many_kinds_are_remembered_and_no_more(monkeypatch):
    monkeypatch.setattr(inlining, "_KINDS", 5)
    first = stylesheet("p { color: teal }")
    first.document(document("".join(f'<p class="c{number}">x</p>' for number in range(9))))
    assert stylesheet("p { color: teal }") is not first
