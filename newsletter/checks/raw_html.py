"""Rules on raw HTML: what the press takes out of it, so that nobody wonders where it went."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity, Subject
from newsletter.editions.markup import TAGS
from newsletter.issues import Html, iter_blocks, iter_inlines

if TYPE_CHECKING:
    from collections.abc import Iterator

_BREAKS = frozenset({"softbreak", "hardbreak"})
#: Elements that go together with what is in them.
_WHOLE = frozenset({"script", "style"})


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


def removed_html(subject: Subject) -> Iterator[Finding]:
    """Elements that are taken out of raw HTML, among them words in angle brackets that were meant as text."""
    places = {(found.line, found.name) for found in elements(subject) if found.name not in TAGS}
    for line, name in sorted(places):
        rest = "with all that is in it" if name in _WHOLE else "and what is in it stays"
        yield subject.finding(
            "html-removed",
            Severity.WARNING,
            f"`<{name}>` is no element that a mail can have; it is taken out, {rest}",
            hint=f"if it is text, escape `<` as `&lt;`: `&lt;{name}>`; else take it out",
            line=line,
        )


def _read(html: str, line: int) -> list[Element]:
    reader = _Reader(line)
    try:
        reader.feed(html)
        reader.close()
    except AssertionError:  # the standard library's word for a malformed `<![…`
        pass
    return reader.elements


RULES = (removed_html,)
