"""The nearest line of the issue for each element of an edition's HTML, known by its words alone.

This is for themes that the source map cannot follow, such as one that counts or cuts what it is given.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING

from newsletter.editions.elements import inner_text
from newsletter.issues import iter_inlines, parse_document, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from newsletter.editions.elements import Element
    from newsletter.issues import Issue

#: Tokens of merge tags, numbers of sources, and all signs: a theme may set them otherwise.
_OTHERWISE = re.compile(r"LP[0-9a-f]{8}[a-z]\d+z|\[\d+(?:,\s*\d+)*\]|[\W_]+")
#: Names of elements that never show words.
_UNSEEN = frozenset({"html", "head", "title", "meta", "style", "body"})


def nearest_lines(html: str, elements: Sequence[Element], issue: Issue) -> list[int | None]:
    """The line of the issue that each element shows, is within or is around, or that stands before it.

    What stands before the first words of the issue, or behind its last, has none.

    Args:
        html: an edition's HTML.
        elements: its elements, in their order.
        issue: of what.
    """
    found = dict(_recognised(html, elements, issue))
    numbers = list(found)
    lines: list[int | None] = []
    within: list[int | None] = []
    for element in elements:
        line = found.get(element.number, within[element.parent.number] if element.parent else None)
        within.append(line)
        if line is None and element.name not in _UNSEEN:
            following = bisect_left(numbers, element.number)
            if following < len(numbers):
                around = elements[numbers[following]].start < element.end
                line = found[numbers[following if around else following - 1]] if around or following else None
        lines.append(line)
    return lines


def _recognised(html: str, elements: Sequence[Element], issue: Issue) -> Iterator[tuple[int, int]]:
    """The numbers of elements that say just what a block of the issue says, with its line, in their order."""
    saying: dict[str, list[int]] = {}
    for element in elements:
        if element.name not in _UNSEEN:
            saying.setdefault(_words(inner_text(html, element)), []).append(element.number)
    cursor, document = 0, parse_document(issue)
    titled = (issue.lines.get("title", 1), issue.title)
    for line, text in (titled, *((line, text_of(content)) for line, content in iter_inlines(document))):
        numbers = saying.get(_words(text), [])
        place = bisect_left(numbers, cursor)
        if _words(text) and place < len(numbers):
            cursor = numbers[place]
            yield cursor, line


def _words(text: str) -> str:
    return _OTHERWISE.sub("", text).casefold()
