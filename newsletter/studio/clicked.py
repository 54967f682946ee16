"""The links of a dispatch as people know them: by what they say, and where in the edition they stand."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING

from newsletter.editions import inner_text, read_elements
from newsletter.editions.links import find_links

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from newsletter.delivery import Extent, LinkClicks
    from newsletter.editions import Edition, Element

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
#: Longer texts are cut, in characters.
_LONGEST = 80


@dataclass(frozen=True)
class Spot:
    """What a link says, and below which heading it stands; empty where that is not known.

    A link of a picture says its alternative text.
    """

    text: str = ""
    below: str = ""


def spots_of(edition: Edition, extent: Extent | None, base: str) -> Mapping[object, Spot]:
    """The spots of the links of an edition's HTML, by their place; by their address, the first of each.

    Those by place are left out if the links are not those that were frozen in *extent*, which is None for a
    dispatch that is not tracked. *base* is where readers reach the publication.
    """
    frozen = extent.links if extent else ()
    links = find_links(edition, base)[: len(frozen)]
    if tuple(link.frozen for link in links) != frozen:
        links = ()
    return _spots(edition, {link.start: place for place, link in enumerate(links, 1) if link.part == "html"})


def spot_of(spots: Mapping[object, Spot], link: LinkClicks) -> Spot:
    """The spot of a link that was followed; for one of the plain text, that of the same address."""
    return spots.get(link.place) or spots.get(link.url) or Spot()


def _spots(edition: Edition, places: Mapping[int, int]) -> dict[object, Spot]:
    html = edition.html
    slot = re.compile("|".join(re.escape(each.token) for each in edition.slots) or "(?!)")
    elements = read_elements(html)
    headings = [each for each in elements if each.name in _HEADINGS]
    starts = [each.start for each in headings]
    addresses = sorted(places)
    found: dict[object, Spot] = {}
    for number, element in enumerate(elements):
        href = element.attributes.get("href")
        if element.name not in {"a", "area"} or href is None:
            continue
        above = bisect_right(starts, element.start) - 1
        below = _said(html, elements, headings[above], slot) if above >= 0 else ""
        spot = Spot(_said(html, elements[number:], element, slot), below)
        index = bisect_right(addresses, element.start)
        if index < len(addresses) and addresses[index] < element.inner:
            found[places[addresses[index]]] = spot
        found.setdefault(unescape(href), spot)
    return found


def _said(html: str, elements: Sequence[Element], element: Element, slot: re.Pattern[str]) -> str:
    """What an element says, with … for what differs between readers."""
    text = inner_text(html, element)
    if not text:
        inside = (each for each in elements if element.start <= each.start < element.end)
        text = next((each.attributes.get("alt", "") for each in inside if each.name == "img"), "")
    text = " ".join(slot.sub("…", text or element.attributes.get("aria-label", "")).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
