"""How many bytes of an edition's HTML each section of the issue takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.issues import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.editions.elements import Element
    from newsletter.editions.places import Place
    from newsletter.issues import Document


@dataclass(frozen=True)
class Weight:
    """A part of the HTML with its size in bytes; ``line`` is where it begins in the issue, if it does."""

    title: str
    size: int
    line: int | None = None


def weigh(
    html: str, document: Document, elements: Sequence[Element], places: Sequence[Place]
) -> tuple[Weight, ...]:
    """What *html* is made of, from its beginning to its end: the sizes add up to its own.

    Args:
        html: an edition's.
        document: of which issue.
        elements: those of *html*.
        places: theirs; a section of which no element is known weighs with the one before it.
    """
    begins: dict[int | None, int] = {}
    body = 0
    for element, place in zip(elements, places, strict=True):
        begins.setdefault(place.line, element.start)
        if element.name == "body":
            body = element.start
    titles = [
        (each.line, text_of(each.title, tags=False)) for each in document.sections if each.title is not None
    ]
    if document.sources_title is not None:
        titles.append((document.sources_line, "Sources and footer"))
    cuts: list[tuple[int, str, int | None]] = [(0, "Head and styles", None), (body, "Opening", None)]
    cuts += [(begins[line], title, line) for line, title in titles if line in begins]
    cuts.sort(key=lambda cut: cut[0])
    ends = [start for start, _, _ in cuts[1:]] + [len(html)]
    return tuple(
        Weight(title, len(html[start:end].encode()), line)
        for (start, title, line), end in zip(cuts, ends, strict=True)
    )
