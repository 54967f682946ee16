"""What the links of a frozen edition say, and where they stand."""

from __future__ import annotations

from dataclasses import replace

from newsletter.config import PublicationSettings
from newsletter.delivery import Extent
from newsletter.editions import compile_issue, load_theme
from newsletter.editions.links import find_links
from newsletter.issues import parse_issue
from newsletter.studio.clicked import Spot, spots_of

BASE = "https://news.example.com"
PUBLICATION = PublicationSettings(name="N", sender="n@example.com", url=BASE)
TEXT = """\
---
title: News
---

A deck.

## On the ridge

See [the **first** report](https://a.example/?x=1&y=2) of {{ subscriber.first_name | default("you") }}.

## In the valley

[Again for {{ subscriber.first_name | default("you") }}](https://a.example/?x=1&y=2).
[![A map of it](https://p.example/map.png)](https://b.example/)
"""


def edition():
    return compile_issue(parse_issue(TEXT, None, "news"), load_theme("digest"), PUBLICATION)


def test_links_of_one_address_are_told_apart_by_their_place():
    """With the heading above them, merge tags as an ellipsis, and pictures by their alternative text."""
    what = edition()
    extent = Extent(True, True, False, tuple(link.frozen for link in find_links(what, BASE)))
    spots = spots_of(what, extent, BASE)
    places = [place for place, (url, part) in enumerate(extent.links, 1) if part == "html"]

    assert [spots[place] for place in places] == [
        Spot("the first report", "On the ridge"),
        Spot("Again for …", "In the valley"),
        Spot("A map of it", "In the valley"),
    ]
    assert spots["https://a.example/?x=1&y=2"] == Spot("the first report", "On the ridge")


def test_an_edition_whose_links_are_not_those_that_were_frozen_is_known_by_addresses_alone():
    what = edition()
    other = replace(what, html=what.html.replace("https://b.example/", "https://c.example/"))
    extent = Extent(True, True, False, tuple(link.frozen for link in find_links(what, BASE)))
    spots = spots_of(other, extent, BASE)

    assert 1 not in spots
    assert spots["https://c.example/"].text == "A map of it"
    assert spots_of(what, None, BASE)["https://b.example/"].below == "In the valley"
