"""Where in an edition's HTML each line of the issue went, and how many bytes each section takes.

Texts are compared letter by letter, in the order of reading: whatever a theme wraps around them and whatever
typography does to their spaces, the letters of a paragraph stay.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from html import escape, unescape
from typing import TYPE_CHECKING

from newsletter.editions import Context, render, split
from newsletter.issues import Code, Picture, iter_blocks, iter_inlines, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from newsletter.editions import Piece, Pressed

#: Elements that a line can be shown on: those that hold text of their own.
_BLOCKS = "h1|h2|h3|h4|h5|h6|p|li|td|th|pre|blockquote|img|a"
_PART = re.compile(
    rf"<style\b.*?</style\s*>|<!--.*?-->|<(?P<name>{_BLOCKS})\b[^>]*>|<[^>]*>|(?P<text>[^<]+)",
    re.DOTALL | re.IGNORECASE,
)
_FOLDED = re.compile(r"[\W_]+")
#: So many letters tell a paragraph from its neighbours.
_ENOUGH = 80


@dataclass(frozen=True)
class Place:
    """An element of the HTML, by the offset at which its attributes begin, and the line it came from."""

    offset: int
    line: int


@dataclass(frozen=True)
class Weight:
    """A part of the HTML with its size in bytes; ``line`` is where it begins in the issue, if it does."""

    title: str
    size: int
    line: int | None = None


class Marked:
    """An edition's HTML in which elements bear the line of the issue that they came from."""

    def __init__(self, pressed: Pressed) -> None:
        self._pressed = pressed
        self._html = pressed.edition.html

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The elements whose line is known, in the order of the HTML, one for each element."""
        found: dict[int, int] = {}
        text = _Text(self._html)
        cursor = 0
        for line, words in _said(self._pressed):
            at = text.find(words, cursor)
            if at is None:
                continue
            cursor = at + len(words)
            found.setdefault(text.element(at), line)
        for line, offset in _pictures(self._pressed, self._html):
            found.setdefault(offset, line)
        return tuple(Place(offset, found[offset]) for offset in sorted(found) if offset)

    @cached_property
    def html(self) -> str:
        """The HTML, slots and all, with an attribute ``data-line`` on those elements."""
        parts, end = [], 0
        for place in self.places:
            parts.append(self._html[end : place.offset])
            parts.append(f' data-line="{place.line}"')
            end = place.offset
        return "".join((*parts, self._html[end:]))

    @cached_property
    def _pieces(self) -> tuple[Piece, ...]:
        return split(self.html, self._pressed.edition, Context.HTML)

    def spliced(self, values: Mapping[str, str | bool]) -> str:
        """The HTML for the recipient whose slots have *values*."""
        return render(self._pieces, values)

    @cached_property
    def weights(self) -> tuple[Weight, ...]:
        """What the HTML is made of, from its beginning to its end: their sizes add up to its own."""
        document = self._pressed.document
        begun = {place.line: self._html.rfind("<", 0, place.offset) for place in reversed(self.places)}
        body = max(self._html.find("<body"), 0)
        cuts: list[tuple[int, str, int | None]] = [(0, "Head and styles", None), (body, "Opening", None)]
        for section in document.sections:
            if section.title is not None and section.line in begun:
                cuts.append((begun[section.line], text_of(section.title, tags=False), section.line))
        if document.sources_title is not None and document.sources_line in begun:
            cuts.append((begun[document.sources_line], "Sources and footer", document.sources_line))
        cuts.sort(key=lambda cut: cut[0])
        ends = [start for start, _, _ in cuts[1:]] + [len(self._html)]
        return tuple(
            Weight(title, len(self._html[start:end].encode()), line)
            for (start, title, line), end in zip(cuts, ends, strict=True)
        )


class _Text:
    """The letters of a document's body, and the element in which each stands."""

    def __init__(self, html: str) -> None:
        parts: list[str] = []
        self._starts: list[int] = [0]
        self._elements: list[int] = [0]
        length = element = 0
        for match in _PART.finditer(html, max(html.find("<body"), 0)):
            if match["name"]:
                if match["name"].lower() not in ("img", "a"):
                    element = match.end("name")
            elif match["text"]:
                letters = _letters(unescape(match["text"]))
                if letters:
                    parts.append(letters)
                    self._starts.append(length)
                    self._elements.append(element)
                    length += len(letters)
        self._text = "".join(parts)

    def find(self, words: str, cursor: int) -> int | None:
        """Where *words* begin, at or after *cursor* if they are there, else anywhere before it."""
        at = self._text.find(words, cursor)
        return at if at >= 0 else None

    def element(self, at: int) -> int:
        """The offset in the HTML of the element in which the letter *at* stands; 0 if in none."""
        return self._elements[bisect_right(self._starts, at) - 1]


def _said(pressed: Pressed) -> Iterator[tuple[int, str]]:
    """What the issue says, in the order of reading: lines and letters."""
    issue, document = pressed.issue, pressed.document
    codes = [(block.line, block.text) for block in iter_blocks(document) if isinstance(block, Code)]
    inlines = [(line, text_of(content)) for line, content in iter_inlines(document)]
    title = (issue.lines.get("title", 1), document.title)
    for line, text in [title, *sorted([*inlines, *codes], key=lambda said: said[0])]:
        letters = _letters(text)[:_ENOUGH]
        if letters:
            yield line, letters


def _pictures(pressed: Pressed, html: str) -> Iterator[tuple[int, int]]:
    """The images of the issue by their alternative texts: lines, and offsets in *html*."""
    for block in iter_blocks(pressed.document):
        if isinstance(block, Picture) and block.alt:
            at = html.find(f'alt="{escape(block.alt)}"')
            start = html.rfind("<img", 0, at) if at >= 0 else -1
            if start >= 0:
                yield block.line, start + len("<img")


def _letters(text: str) -> str:
    return _FOLDED.sub("", text)
