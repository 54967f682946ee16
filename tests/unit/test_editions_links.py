"""The links of an edition that can be tracked, and those that never are."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape

import pytest
from fakes.editions import edition
from hypothesis import given
from hypothesis import strategies as st
from mailings import ISSUES, THEMES

from newsletter.config import PublicationSettings
from newsletter.editions import Context, Slot, compile_issue, load_theme, render, split
from newsletter.editions.links import find_links, track
from newsletter.issues import load_issue, parse_issue

BASE = "https://news.example.com"
MADE = edition()
PUBLICATION = PublicationSettings(name="N", sender="N <n@example.com>", url=BASE)


def with_html(html: str, text: str = "", **changes):
    return replace(MADE, html=f"<html><body>{html}</body></html>", text=text, **changes)


def urls(html: str, text: str = "", **changes) -> list[str]:
    return [link.url for link in find_links(with_html(html, text, **changes), BASE)]


def test_a_link_of_the_web_is_found_with_its_entities_resolved():
    assert urls('<a class="x" href="https://e.com/?a=1&amp;b=2">x</a>') == ["https://e.com/?a=1&b=2"]
    assert urls("<A HREF='HTTP://E.com/a b'>x</A>") == []
    assert urls("<a href='http://e.com/x'>x</a>") == ["http://e.com/x"]


@pytest.mark.parametrize(
    "url",
    [
        "mailto:ann@example.com",
        "tel:+49301234",
        "#source-1",
        "cid:image",
        "/relative",
        "//example.com/x",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https://[broken/",
        "https://e.com\\@evil.example/",
        "https://e.com/&#10;set-cookie:a",
        "https://e.com/&#x20;x",
        "https://exämple.com/",
        f"{BASE}/unsubscribe/abc",
        f"{BASE}/preferences/abc",
        f"{BASE}/Confirm/abc",
        f"{BASE}/issues/2026-04-11",
        f"{BASE}/c/abc",
        f"{BASE}/o/abc.gif",
        "https://e.com/LP0m0z",
    ],
)
def test_these_are_never_tracked(url):
    """Neither what belongs to a reader, nor what differs between them, nor what no header could say."""
    assert urls(f'<a href="{url}">x</a>') == []


def test_other_pages_of_the_publication_and_of_its_neighbours_are_tracked():
    html = f'<a href="{BASE}/shop">1</a><a href="{BASE}munity.example/unsubscribe">2</a>'

    assert urls(html) == [f"{BASE}/shop", f"{BASE}munity.example/unsubscribe"]


@pytest.mark.parametrize("said", ['data-track="no"', "data-track='NO'", 'data-track="off"'])
def test_a_link_can_decline_and_so_does_its_address_in_the_text(said):
    html = f'<a {said} href="https://e.com/x">x</a><a href="https://e.com/y">y</a>'

    assert urls(html, "x https://e.com/x y https://e.com/y.") == ["https://e.com/y", "https://e.com/y"]


def test_the_text_has_the_addresses_of_the_html_up_to_their_punctuation():
    html = '<a href="https://e.com/x">x</a><a href="https://e.com/(y)">y</a>'
    text = "x (https://e.com/x), <https://e.com/(y)> https://e.com/x/z https://other.example\n"

    assert urls(html, text)[2:] == ["https://e.com/x", "https://e.com/(y)"]


def test_a_markdown_link_declines_with_track_no():
    body = (
        "## A\n\n### B\n\nSee [one](https://e.com/1){track=no} and [two](https://e.com/2).\n\n"
        '<p>Raw <a href="https://e.com/3" data-track="no">three</a></p>\n\n[Four](https://e.com/4){track=no}\n'
    )
    made = compile_issue(parse_issue(f"---\ntitle: T\n---\n\n{body}"), load_theme("letter"), PUBLICATION)

    assert {link.url for link in find_links(made, BASE)} == {"https://e.com/2"}
    assert "{track" not in made.html + made.text


def test_the_picture_is_last_and_says_nothing_to_a_screen_reader():
    made = with_html("<p>Hello</p>")
    tracked = track(made, BASE, (), opens=True)
    (token,) = tracked.marks
    html = render(tracked.html, {token: "MARK"})

    assert html.endswith(
        '<img src="https://news.example.com/o/MARK.gif" alt="" width="1" height="1" role="presentation"'
        ' aria-hidden="true" style="display:block;width:1px;height:1px;border:0;" /></body></html>'
    )


def test_links_within_conditions_are_tracked():
    slots = (
        Slot("LP0m0z", "if", "subscriber.first_name", "{% if %}"),
        Slot("LP0c1z", "endif", "", "{% endif %}"),
    )
    made = with_html('LP0m0z<a href="https://e.com/x">x</a>LP0c1z', slots=slots)
    tracked = track(made, BASE, find_links(made, BASE), opens=False)

    assert 'href="https://news.example.com/c/M"' in render(tracked.html, {"LP0m0z": True, "LP0k1z": "M"})
    assert "href" not in render(tracked.html, {"LP0m0z": False, "LP0k1z": "M"})


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("issue", sorted(ISSUES))
def test_in_every_theme_a_tracked_edition_with_its_addresses_put_back_is_the_edition(theme, issue):
    """Of the example, the designers' samples and the hard cases; none of a reader's own links is touched."""
    made = compile_issue(load_issue(ISSUES[issue]), load_theme(theme), PUBLICATION)
    links = find_links(made, BASE)
    tracked = track(made, BASE, links, opens=True)
    values = dict.fromkeys((slot.token for slot in made.slots), "v")
    marks = {token: f"{number:022}" for token, number in tracked.marks.items()}
    html, text = render(tracked.html, values | marks), render(tracked.text, values | marks)
    plain = render(split(made.html, made, Context.HTML), values)
    for number, link in enumerate(links, 1):
        mark, part = f"{BASE}/c/{number:022}", getattr(made, link.part)
        html = html.replace(mark, part[link.start : link.end])
        text = text.replace(mark, part[link.start : link.end])
    html = re.sub(r'<img src="https://news\.example\.com/o/0{22}\.gif"[^>]*>', "", html)

    assert html == plain
    assert text == render(split(made.text, made, Context.TEXT), values)
    assert not any(link.url.startswith((f"{BASE}/unsubscribe", "mailto:")) for link in links)


hosts = st.from_regex(r"[a-z]{1,8}\.(com|example|org)", fullmatch=True)
paths = st.text(st.sampled_from("abcXYZ019/?&=%;#~.,-_()'\"<>!*+[]{}|^`$@:"), max_size=30)


@given(st.lists(st.tuples(st.sampled_from(["http://", "https://"]), hosts, paths), max_size=8))
def test_a_tracked_edition_with_its_addresses_put_back_is_the_edition(parts):
    """For any edition: only addresses are replaced, each by exactly one mark, and all else is the same."""
    wanted = [f"{scheme}{host}/{path}" for scheme, host, path in parts]
    html = "".join(f'<p><a href="{escape(url)}">{escape(url)}</a></p>' for url in wanted)
    made = with_html(html, "\n".join(wanted))
    links = find_links(made, BASE)
    tracked = track(made, BASE, links, opens=False)
    back = {token: f"<{number}>" for token, number in tracked.marks.items()}
    found_html, found_text = render(tracked.html, back), render(tracked.text, back)
    for number, link in enumerate(links, 1):
        url = escape(link.url) if link.part == "html" else link.url
        found_html = found_html.replace(f"{BASE}/c/<{number}>", url)
        found_text = found_text.replace(f"{BASE}/c/<{number}>", url)

    assert [link.url for link in links if link.part == "html"] == wanted
    assert found_html == render(split(made.html, made, Context.HTML), {})
    assert found_text == made.text
