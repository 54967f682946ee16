"""Rules on what a thumb taps: links and buttons that are too small, or too close together, on a phone.

What can be told without a browser is told: heights by padding and line height, widths by the letters of
Helvetica. A link in a sentence is as high as its line, which the standard allows (WCAG 2.2, 2.5.8: inline).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity
from newsletter.checks.inbox import width
from newsletter.checks.looks import Styles
from newsletter.checks.rule import Rule
from newsletter.checks.stylesheets import read_style

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from newsletter.checks.subject import Subject
    from newsletter.editions import Element

#: In pixels: what WCAG 2.2 asks for (2.5.8, level AA), and Apple's Human Interface Guidelines of a button.
SMALLEST, BUTTON = 24.0, 44.0
#: What a phone of 375 pixels has room for in a line, with margins of 24.
ROOM = 327.0

TAP_TARGET = Rule(
    "tap-target",
    Severity.WARNING,
    "Links that stand closer together than 24 pixels are mistaken for each other by a thumb.",
    "https://www.w3.org/WAI/WCAG22/Understanding/target-size-minimum.html",
    '<p style="font-size:14px;line-height:18px"><a href="https://example.com/a">The first story</a><br>'
    '<a href="https://example.com/b">The second story</a></p>',
    '<p style="font-size:14px;line-height:28px"><a href="https://example.com/a">The first story</a><br>'
    '<a href="https://example.com/b">The second story</a></p>',
    "html",
)
BUTTON_SMALL = Rule(
    "button-small",
    Severity.NOTE,
    "A thumb needs a button of 44 pixels, and of a button only the link can be tapped, not its cell.",
    "https://developer.apple.com/design/human-interface-guidelines/buttons",
    '<table role="presentation"><tr><td style="background:#1a4f8b;padding:14px 28px">'
    '<a href="https://example.com/a" style="color:#ffffff;text-decoration:underline">Read the story</a>'
    "</td></tr></table>",
    '<table role="presentation"><tr><td style="background:#1a4f8b"><a href="https://example.com/a" '
    'style="color:#ffffff;text-decoration:underline;display:inline-block;padding:14px 28px;line-height:20px">'
    "Read the story</a></td></tr></table>",
    "html",
)

_BLOCKS = frozenset({"td", "th", "p", "li", "div", "body", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote"})
_BREAK = re.compile(r"<br\b", re.IGNORECASE)
_MARKUP = re.compile(r"<!--.*?-->|<[^>]*>", re.DOTALL)
#: What stands between links that stand side by side, or around numbers of sources.
_SEPARATORS = re.compile(r"(?:&(?:nbsp|middot|bull|ensp|emsp|#\d+);|[\s|·•,;/–—\-\[\]()])+")
_LENGTH = re.compile(r"(-?\d*\.?\d+)(px|pt|em|rem|%)?")


@dataclass(frozen=True)
class _Target:
    """A link as a thumb meets it, in pixels; ``pitch`` is the height of the line that it makes."""

    element: Element
    width: float
    height: float
    pitch: float
    margin: float

    @property
    def small(self) -> bool:
        return self.width < SMALLEST or self.height < SMALLEST


class _Measures:
    """How large things are."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._styles = Styles(subject)

    def target(self, element: Element) -> _Target:
        style, size = read_style(element.attributes.get("style", "")), self._size(element)
        sides = {side: self.side(style, "padding", side, size) for side in ("top", "right", "bottom", "left")}
        image = self._image(element)
        wide, high = image or (width(self._subject.text(element), size), self.line(element))
        lifted = sides["top"] + sides["bottom"]
        blocky = image is not None or "block" in style.get("display", "")
        return _Target(
            element,
            wide + sides["left"] + sides["right"],
            # Within a line the box of a link is as high as its letters, whatever the line (CSS 2.2, 10.6.1).
            (high if blocky else min(high, 1.2 * size)) + lifted,
            high + lifted if blocky else self.line(element),
            self.side(style, "margin", "right", size),
        )

    def apart(self, first: _Target, second: _Target, along: float) -> tuple[float, float]:
        """How far the middles of neighbours are apart, and where in its line *second* begins: 0 in a new one.

        *along* is the same of *first*.
        """
        between = self._subject.edition.html[first.element.end : second.element.start]
        stacked = (first.pitch + second.pitch) / 2
        if first.element.parent is not second.element.parent:
            return stacked + self._space(first, "bottom") + self._space(second, "top"), 0.0
        gap = width(_plain(between), self._size(first.element)) + first.margin
        along += first.width + gap
        if _BREAK.search(between) or along + second.width > ROOM:
            return stacked, 0.0
        return (first.width + second.width) / 2 + gap, along

    def _space(self, target: _Target, side: str) -> float:
        """What an item of a list leaves free at one side."""
        item = target.element.parent
        style = read_style(item.attributes.get("style", "")) if item else {}
        return sum(self.side(style, name, side, 16) for name in ("margin", "padding"))

    def line(self, element: Element) -> float:
        """The height of a line of text in *element*."""
        size = self._size(element)
        for each in (element, *element.ancestors()):
            said = read_style(each.attributes.get("style", "")).get("line-height", "")
            if match := _LENGTH.fullmatch(said):
                own = self._size(each)
                factor = {"px": 1.0, "pt": 4 / 3, "em": own, "rem": 16.0, "%": own / 100}
                return float(match[1]) * (factor[match[2]] if match[2] else size)
        return 1.2 * size

    def side(self, style: Mapping[str, str], name: str, side: str, size: float) -> float:
        """The padding or the margin at one side."""
        parts = style.get(name, "0").split() or ["0"]
        place = {"top": 0, "right": 1, "bottom": 2, "left": 3}[side]
        short = (
            parts[place]
            if place < len(parts)
            else parts[place - 2]
            if place - 2 in range(len(parts))
            else parts[0]
        )
        match = _LENGTH.fullmatch(style.get(f"{name}-{side}", short))
        unit = {"px": 1.0, "pt": 4 / 3, "em": size, "rem": 16.0, "%": 0.0}
        return float(match[1]) * unit.get(match[2] or "px", 1.0) if match else 0.0

    def _size(self, element: Element) -> float:
        return self._styles.of(element)[2]

    def _image(self, element: Element) -> tuple[float, float] | None:
        """The size of the picture that *element* is, if its size is said."""
        image = next((each for each in self._subject.within(element) if each.name == "img"), None)
        if image is None:
            return None
        sizes = [image.attributes.get(name, "") for name in ("width", "height")]
        return (float(sizes[0]), float(sizes[1])) if all(size.isdigit() for size in sizes) else None


def close_together(subject: Subject) -> Iterator[Finding]:
    """Links that stand below or beside each other, and in no sentence."""
    measures = _Measures(subject)
    for row in _rows(subject):
        along = 0.0
        for first, second in pairwise([measures.target(element) for element in row]):
            apart, along = measures.apart(first, second, along)
            how = "beside" if along else "below"
            if apart < SMALLEST and (first.small or second.small):
                yield subject.at_element(
                    TAP_TARGET,
                    second.element,
                    f"“{_said(subject, second.element)}” stands {apart:.0f} pixels {how}"
                    f" “{_said(subject, first.element)}” on a phone, from middle to middle",
                    hint="give links padding, or their lines a height of 24 pixels or more",
                )
                break


def small_buttons(subject: Subject) -> Iterator[Finding]:
    """Links that look like buttons: alone on a ground of their own."""
    measures = _Measures(subject)
    for row in _rows(subject):
        if len(row) != 1 or not subject.text(row[0]) or not _coloured(row[0]):
            continue
        target = measures.target(row[0])
        if target.height < BUTTON:
            yield subject.at_element(
                BUTTON_SMALL,
                target.element,
                f"“{_said(subject, target.element)}” is a button of which {target.height:.0f} pixels of"
                " height can be tapped",
                hint="give the link itself `display:inline-block` and padding until it has 44",
            )


def _rows(subject: Subject) -> Iterator[list[Element]]:
    """The links that are all that their block says; of a list, those of its items together."""
    html = subject.edition.html
    blocks: dict[int, list[Element]] = {}
    for element in subject.elements:
        if element.name == "a" and element.attributes.get("href"):
            block = next((each for each in element.ancestors() if each.name in _BLOCKS), None)
            if block is not None:
                blocks.setdefault(block.number, []).append(element)
    lists: dict[int, list[Element]] = {}
    for number, links in blocks.items():
        block = subject.elements[number]
        if not _only_links(html, block, links):
            continue
        if block.name == "li" and len(links) == 1 and block.parent is not None:
            lists.setdefault(block.parent.number, []).extend(links)
        else:
            yield links
    yield from lists.values()


def _only_links(html: str, block: Element, links: list[Element]) -> bool:
    """Whether *block* says nothing else than *links*, and what separates them."""
    rest, end = [], block.inner
    for link in links:
        rest.append(html[end : link.start])
        end = html.find(">", link.end) + 1
    return not _plain(" ".join((*rest, html[end : block.end])), separators=False)


def _plain(html: str, *, separators: bool = True) -> str:
    """The text of a piece of HTML, which may begin within an end tag."""
    text = _MARKUP.sub("", re.sub(r"^</[^>]*>", "", html))
    return " ".join(text.split()) or (" " if text else "") if separators else _SEPARATORS.sub("", text)


def _coloured(element: Element) -> bool:
    """Whether a link, or the cell that it is alone in, has a ground or an edge of its own."""
    cell = element.parent
    styles = [read_style(element.attributes.get("style", ""))]
    if cell is not None and cell.name == "td":
        if cell.attributes.get("bgcolor"):
            return True
        styles.append(read_style(cell.attributes.get("style", "")))
    return any({"background", "background-color"} & style.keys() for style in styles)


def _said(subject: Subject, element: Element) -> str:
    text = subject.text(element)
    return text if len(text) <= 30 else f"{text[:29]}…"


RULES = (TAP_TARGET, BUTTON_SMALL)
LOOKS = (close_together, small_buttons)
