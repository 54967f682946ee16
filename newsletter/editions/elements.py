"""The elements of HTML or MJML as written, each with its place, attributes and what it stands in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import TYPE_CHECKING

from newsletter.editions.kinds import VOID

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TOKEN = re.compile(
    r"<!--(?:\[if[^\]]*\]><!)?-->|<!--.*?-->|<![^>]*>"
    r"|<(?P<raw>style|script)(?P<raw_inside>(?:\"[^\"]*\"|'[^']*'|[^<>\"'])*)>(?P<content>.*?)</(?P=raw)\s*>"
    r"|<(?P<name>[A-Za-z][\w:.-]*)(?P<inside>(?:\"[^\"]*\"|'[^']*'|[^<>\"'])*)>"
    r"|</(?P<close>[A-Za-z][\w:.-]*)\s*>",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"([^\s\"'<>/=]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'<>=`]+)))?")
_MARKUP = re.compile(r"<!--.*?-->|<[^>]*>", re.DOTALL)


@dataclass(eq=False, slots=True)
class Element:
    """One element; all offsets are in characters of the text that was read.

    Attributes:
        name: in lower case.
        start: where its start tag begins.
        inner: where its content begins.
        end: where its content ends.
        attributes: by name in lower case, references resolved; one without a value is the empty string.
        parent: what it stands in.
        number: how many elements begin before it.
    """

    name: str
    start: int
    inner: int
    end: int
    attributes: Mapping[str, str]
    parent: Element | None
    number: int

    def ancestors(self) -> Iterator[Element]:
        """What it stands in, from the inside out."""
        above = self.parent
        while above is not None:
            yield above
            above = above.parent

    def inherited(self, name: str) -> str | None:
        """The value of the attribute *name* here, or of the nearest ancestor that has it."""
        for each in (self, *self.ancestors()):
            if name in each.attributes:
                return each.attributes[name]
        return None


def read_elements(text: str) -> list[Element]:
    """The elements of *text* in their order; what stands in comments, conditional ones too, is left out.

    Never fails: an element that is not closed ends where the one around it does.
    """
    found: list[Element] = []
    parent: Element | None = None
    for match in _TOKEN.finditer(text):
        if name := match["name"] or match["raw"]:
            inside = match["inside"] if match["name"] else match["raw_inside"]
            attributes, empty = _parsed(inside)
            inner = match.end() if match["name"] else match.start("content")
            element = Element(name.lower(), match.start(), inner, inner, attributes, parent, len(found))
            found.append(element)
            if match["raw"]:
                element.end = match.end("content")
            elif not empty and element.name not in VOID:
                parent = element
        elif close := match["close"]:
            parent = _closed(parent, close.lower(), match.start())
    while parent is not None:
        parent.end, parent = len(text), parent.parent
    return found


def inner_text(text: str, element: Element) -> str:
    """What *element* says in *text*, without markup, references resolved, white space collapsed."""
    return " ".join(unescape(_MARKUP.sub(" ", text[element.inner : element.end])).split())


def _closed(parent: Element | None, name: str, offset: int) -> Element | None:
    """What is open once an end tag *name* was met at *offset*; one that closes nothing changes nothing."""
    if parent is None or all(each.name != name for each in (parent, *parent.ancestors())):
        return parent
    while parent is not None and parent.name != name:
        parent.end, parent = offset, parent.parent
    if parent is None:
        return None
    parent.end = offset
    return parent.parent


@lru_cache(maxsize=4096)
def _parsed(inside: str) -> tuple[Mapping[str, str], bool]:
    values: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(inside):
        value = next((group for group in match.groups()[1:] if group is not None), "")
        values.setdefault(match[1].lower(), unescape(value))
    return values, inside.endswith("/")
