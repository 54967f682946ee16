"""What MJML has and our compiler does not know: taken out before compiling, and done to its HTML."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from typing import TYPE_CHECKING

from newsletter.editions.scanning import Tag, Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from newsletter.editions.scanning import Token

_DOCTYPE = re.compile(r"^\s*<!doctype[^>]*>\s*", re.IGNORECASE)
_STANDARDS = "<!doctype html>\n"
#: The beginning of a hero that is marked as fluid, up to the attributes of the cell that holds its content.
_HERO = re.compile(
    r'(<div class="[^"]*?) ?LQfluid(\d+)z("[^>]*>\s*<table[^>]*>\s*<tbody>\s*<tr[^>]*>\s*)(<td[^>]*>)'
)
_HEIGHT = re.compile(r' height="-?\d+"|(?<=[;"])height:-?[\d.]+px;?')
_CELLS = re.compile(r"<!--.*?-->|<(/?)td(?=[\s>])[^>]*>", re.DOTALL)


@dataclass
class Extras:
    """What was taken out.

    Attributes:
        css: the rules of ``<mj-style inline="inline">``, to be written into style attributes.
        before: what ``<mj-raw position="file-start">`` puts before the document.
        attributes: of ``<mj-html-attributes>``, by selector: names and values, as they are written.
    """

    css: str = ""
    before: str = ""
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)

    def applied(self, html: str) -> str:
        """The *html* of the rest with what can be done to it now: all but the CSS."""
        html = _STANDARDS + _DOCTYPE.sub("", with_fluid_heroes(html))
        if self.attributes:
            html = _with_attributes(html, self.attributes)
        return self.before + html


def take_extras(tokens: Iterable[Token]) -> tuple[list[Token], Extras]:
    """*tokens* without what our compiler does not know, and that."""
    kept: list[Token] = []
    extras = Extras()
    tag: Tag | None = None
    inside: list[Token] = []
    for token in tokens:
        if tag is not None:
            if isinstance(token, Tag) and token.closing and token.name == tag.name:
                _add(extras, tag, inside)
                tag, inside = None, []
            else:
                inside.append(token)
        elif isinstance(token, Tag) and _is_extra(token):
            tag = None if token.empty else token
        else:
            kept.append(token)
    return kept, extras


def _is_extra(tag: Tag) -> bool:
    if tag.closing:
        return False
    return (
        tag.name == "mj-html-attributes"
        or (tag.name == "mj-style" and _of(tag, "inline") == "inline")
        or (tag.name == "mj-raw" and _of(tag, "position") == "file-start")
    )


def _add(extras: Extras, tag: Tag, inside: Sequence[Token]) -> None:
    if tag.name == "mj-raw":
        extras.before += "".join(token.source for token in inside).strip() + "\n"
    elif tag.name == "mj-style":
        extras.css += "".join(token.source for token in inside if isinstance(token, Text)) + "\n"
    path = name = ""
    for token in inside if tag.name == "mj-html-attributes" else ():
        if isinstance(token, Tag):
            path = _of(token, "path") if token.name == "mj-selector" and not token.closing else path
            name = _of(token, "name") if token.name == "mj-html-attribute" and not token.closing else ""
        elif isinstance(token, Text) and path and name:
            extras.attributes.setdefault(path, {})[name] = token.source.strip()


def _of(tag: Tag, name: str) -> str:
    """The value of an attribute of *tag*; empty if it has none."""
    return next((unescape(each.value or "") for each in tag.attributes if each.name == name), "")


def is_selector(text: str) -> bool:
    """Whether *text* selects elements (Selectors Level 3, as cssselect reads it)."""
    from lxml.cssselect import CSSSelector, SelectorError

    try:
        CSSSelector(text, translator="html")
    except SelectorError:
        return False
    return bool(text.strip())


def _with_attributes(html: str, attributes: Mapping[str, Mapping[str, str]]) -> str:
    from lxml import etree
    from lxml.cssselect import CSSSelector

    tree = etree.fromstring(html, etree.HTMLParser())
    for path, values in attributes.items():
        for element in CSSSelector(path, translator="html")(tree):
            for name, value in values.items():
                element.set(name, unescape(value))
    return _STANDARDS + _DOCTYPE.sub("", etree.tostring(tree, method="html", encoding="unicode"))


def fluid_mark(width: str, height: str) -> str:
    """The class that marks a hero as fluid, of which our compiler knows nothing.

    Args:
        width: of its background, as ``600px``.
        height: the same; the hero keeps their proportion at any width.
    """
    across, up = (int(found[0]) if (found := re.match(r"\d+", text)) else 0 for text in (width, height))
    return f"LQfluid{round(100 * up / across) if across else 0}z"


def with_fluid_heroes(html: str) -> str:
    """*html* with a cell on each side of a marked hero's, which holds its height open."""
    while hero := _HERO.search(html):
        opening, ratio, between, cell = hero.groups()
        side = f'<td style="width:0.01%;padding-bottom:{ratio}%;mso-padding-bottom-alt:0;"></td>'
        end = _end_of_cell(html, hero.end())
        begun = f"{html[: hero.start()]}{opening}{between}{side}{_HEIGHT.sub('', cell)}"
        html = f"{begun}{html[hero.end() : end]}{side}{html[end:]}"
    return html


def _end_of_cell(html: str, position: int) -> int:
    """Where the cell ends whose content begins at *position*."""
    depth = 1
    for match in _CELLS.finditer(html, position):
        if match[1] is not None:
            depth += -1 if match[1] else 1
        if not depth:
            return match.end()
    return len(html)
