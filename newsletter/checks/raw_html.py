"""The elements of the raw HTML that an editor wrote into an issue, each on its line of the file."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from newsletter.issues import Html, iter_blocks, iter_inlines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.checks.subject import Subject

_BREAKS = frozenset({"softbreak", "hardbreak"})


@dataclass(frozen=True)
class Element:
    """The beginning of an element of raw HTML, on its line of the file."""

    name: str
    line: int
    attributes: dict[str, str | None]


class _Reader(HTMLParser):
    """Collects the beginnings of elements."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self._line = line
        self.elements: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that begins; one that is empty ends up here too."""
        self.elements.append(Element(tag, self._line + self.getpos()[0] - 1, dict(attrs)))


def elements(subject: Subject) -> Iterator[Element]:
    """Every element that begins in the raw HTML of an issue, in blocks and within text."""
    for block in iter_blocks(subject.document):
        if isinstance(block, Html):
            yield from _read(block.text, block.line)
    for line, content in iter_inlines(subject.document):
        below = line
        for token in content:
            below += token.type in _BREAKS
            if token.type == "html_inline":
                yield from _read(token.content, below)


def _read(html: str, line: int) -> list[Element]:
    reader = _Reader(line)
    try:
        reader.feed(html)
        reader.close()
    except AssertionError:  # the standard library's word for a malformed `<![…`
        pass
    return reader.elements
