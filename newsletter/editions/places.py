"""Where each element of an edition's HTML came from: the line of the issue, and the line of the theme.

The edition itself is never changed. The theme is run once more with marks in its literal text and around what
the issue says; the MJML that comes out gets a number on each of its tags, is compiled, and the elements of
both documents, which are the same, are laid side by side.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.editions.elements import read_elements
from newsletter.editions.finish import finish
from newsletter.editions.frame import frame_of
from newsletter.editions.mjml import to_html
from newsletter.editions.nearest import nearest_lines
from newsletter.editions.scanning import cleaned
from newsletter.editions.slots import Slots
from newsletter.editions.sourcemap import BEGINS, ENDS
from newsletter.editions.templating import Press
from newsletter.editions.theme import MAIN_FILE
from newsletter.errors import NewsletterError
from newsletter.issues import parse_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from newsletter.config import PublicationSettings
    from newsletter.editions.edition import Edition
    from newsletter.editions.elements import Element
    from newsletter.editions.media import Image
    from newsletter.editions.sourcemap import SourceMap
    from newsletter.editions.theme import Theme
    from newsletter.issues import Issue

_NUMBER = "data-place"
#: What nobody reads between the elements in another: comments, and the tokens of conditionals.
_SILENT = re.compile(r"<!--.*?-->|<[^>]*>|LP[0-9a-f]{8}[a-z]\d+z|\s+", re.DOTALL)
#: MJML keeps no attributes but its own; a class comes through, in Outlook's comments too.
_CLASS = re.compile(r"\s*\bLM(\d+)z(?:-outlook)?\b")
_CSS_CLASS = re.compile(r'(\scss-class=")')


@dataclass(frozen=True, slots=True)
class Place:
    """Where an element came from; lines count from 1.

    Attributes:
        line: of the issue: what the element shows, or is around, begins there; None for what only the theme
            shows, such as the masthead.
        file: the theme's file that wrote the element; None if the issue did.
        file_line: the line in that file.
    """

    line: int | None = None
    file: str | None = None
    file_line: int | None = None


def element_places(
    edition: Edition,
    issue: Issue,
    theme: Theme,
    publication: PublicationSettings,
    images: Mapping[str, Image] | None = None,
) -> tuple[Place, ...]:
    """The places of the elements of ``edition.html``, in the order of `read_elements`.

    Costs about as much as compiling the issue, changes nothing, and never fails: where something about a
    theme is too unusual to be followed, the elements have the nearest line that is known by their words.

    Args:
        edition: what was compiled.
        issue: of what.
        theme: how.
        publication: whose issue it is.
        images: as `compile_issue` had them.
    """
    elements = read_elements(edition.html)
    try:
        numbered, places = _numbered(issue, theme, publication, images)
    except NewsletterError:
        numbered, places = [], []
    if [each.name for each in numbered] != [each.name for each in elements]:
        # That the theme wrote them is all that is known beside the line.
        lines = nearest_lines(edition.html, elements, issue)
        return tuple(Place() if line is None else Place(line, MAIN_FILE) for line in lines)
    found: list[Place] = []
    for element in numbered:
        number = element.attributes.get(_NUMBER)
        if number is None:
            match = _CLASS.search(element.attributes.get("class", ""))
            number = match[1] if match else None
        above = found[element.parent.number] if element.parent else Place()
        found.append(places[int(number)] if number is not None else above)
    return tuple(found)


def with_lines(html: str, places: Sequence[Place]) -> str:
    """*html*, an edition's, with ``data-line`` on what says something that stands on a line of the issue.

    For looking at an edition: a click tells a line, and a line what to show. So neither what only frames
    something bears one, nor what is on the line of the thing that it is in. Slots stay as they are.

    Args:
        html: the HTML that *places* belong to.
        places: as `element_places` gives them.
    """
    parts: list[str] = []
    position = 0
    shown: dict[int, int | None] = {}
    elements = read_elements(html)
    speaking = _speaking(html, elements)
    for element, place in zip(elements, places, strict=True):
        above = shown[element.parent.number] if element.parent else None
        shown[element.number] = above
        if place.line is not None and place.line != above and element.number in speaking:
            end = element.start + 1 + len(element.name)
            parts += (html[position:end], f' data-line="{place.line}"')
            position = end
            shown[element.number] = place.line
    parts.append(html[position:])
    return "".join(parts)


def _speaking(html: str, elements: Sequence[Element]) -> set[int]:
    """The numbers of the elements with text of their own, not only of elements in them, and of images."""
    found = {element.number for element in elements if element.name == "img"}
    seen = [element.inner for element in elements]  # up to where the text of each was looked at
    for element in elements:
        if element.parent is not None:
            above = element.parent.number
            if _SILENT.sub("", html[seen[above] : element.start]):
                found.add(above)
            end = element.end
            seen[above] = html.find(">", end) + 1 if html.startswith("</", end) else end
    for element in elements:
        rest = html[seen[element.number] : element.end]
        # A conditional stands between blocks; what has no element in it says even what is only a merge tag.
        if rest.strip() if seen[element.number] == element.inner else _SILENT.sub("", rest):
            found.add(element.number)
    return found


def _numbered(
    issue: Issue, theme: Theme, publication: PublicationSettings, images: Mapping[str, Image] | None
) -> tuple[list[Element], list[Place]]:
    """The elements of the HTML of a numbered MJML document, and the places that the numbers mean."""
    document = parse_document(issue)
    frame = frame_of(issue, document, theme, publication)
    slots = Slots(issue, document, publication, frame.language, None)
    press = Press(issue, document, theme, publication, frame, slots, images)
    origins = press.source_map(lines=True)
    mjml = origins.text
    if mjml != cleaned(press.mjml()):
        return [], []
    elements = read_elements(mjml)
    places = _Lines(origins).places(elements)
    html = to_html(_with_numbers(mjml, elements)).document
    return read_elements(finish(html, language=frame.language, direction=frame.direction)), places


def _with_numbers(mjml: str, elements: Sequence[Element]) -> str:
    """*mjml* with the number of each of the *elements* of its body on it."""
    parts: list[str] = []
    position = 0
    inherited = "css-class" in mjml.partition("<mj-body")[0]  # in mj-attributes; one of its own would win
    body = next((each for each in elements if each.name == "mj-body"), None)
    for element in elements:
        if body is None or not body.inner <= element.start < body.end:
            continue
        end = element.start + 1 + len(element.name)
        if not element.name.startswith("mj-"):
            insert = f' {_NUMBER}="{element.number}"'
        elif "css-class" in element.attributes:
            opening = _CSS_CLASS.search(mjml, element.start, element.inner)
            if opening is None:
                continue
            end, insert = opening.end(), f"LM{element.number}z "
        elif inherited or "mj-class" in element.attributes:
            continue
        else:
            insert = f' css-class="LM{element.number}z"'
        parts += (mjml[position:end], insert)
        position = end
    parts.append(mjml[position:])
    return "".join(parts)


class _Lines:
    """Finds lines of the issue for places of the MJML."""

    def __init__(self, origins: SourceMap) -> None:
        self._origins = origins
        self._offsets = [offset for offset, _, _ in origins.issue]
        self._begins = [(offset, line) for offset, kind, line in origins.issue if kind == BEGINS]
        self._starts = [offset for offset, _ in self._begins]
        self._lines: list[int | None] = []
        stack: list[int] = []
        for _, kind, line in origins.issue:
            if kind == BEGINS:
                stack.append(line)
            elif kind == ENDS:
                stack.pop()
            elif stack:
                stack[-1] = line
            self._lines.append(stack[-1] if stack else None)

    def places(self, elements: Sequence[Element]) -> list[Place]:
        """The place of each element of the MJML."""
        return [self._place(element) for element in elements]

    def _place(self, element: Element) -> Place:
        origin = self._origins.origin(element.start)
        first = bisect_left(self._starts, element.start + 1)
        within = first < len(self._starts) and self._starts[first] <= element.end
        index = bisect_right(self._offsets, element.start) - 1
        around = self._lines[index] if index >= 0 else None
        line = self._begins[first][1] if within else around
        if origin is None or origin.column is None:
            return Place(line)
        return Place(line, origin.file, origin.line)
