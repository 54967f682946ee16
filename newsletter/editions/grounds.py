"""Raw HTML that has a ground of its own: it gets an ink that can be read there, by day and by night.

In dark mode a theme makes its text light. Text of a light ground that nobody gave a colour would be light on
light then; so what an editor puts on a ground is given the ink that fits it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape, unescape

from newsletter.editions.colours import colour_of, solid_colour
from newsletter.editions.contrast import ENOUGH, contrast
from newsletter.editions.kinds import VOID

#: What is tried in turn; on any ground one of these has enough contrast.
_INKS = ("#1a1a1a", "#ffffff", "#000000")
#: What themes recolour in the dark wherever it stands, so that only what is within keeps a colour.
_RECOLOURED = frozenset({"a", "h1", "h2", "h3", "h4", "h5", "h6"})
#: Where mail programs heed `bgcolor`.
_TABLE = frozenset({"table", "thead", "tbody", "tfoot", "tr", "td", "th"})
_TAG = re.compile(
    r"<(?P<close>/?)(?P<name>[a-z][a-z0-9]*)(?P<inside>(?:\s+[\w:-]+=\"[^\"]*\")*)\s*(?P<empty>/?)>"
)
_ATTRIBUTE = re.compile(r"\s([\w:-]+)=\"([^\"]*)\"")
_STYLE = re.compile(r"\sstyle=\"([^\"]*)\"")
_IMPORTANT = re.compile(r"\s*!\s*important\s*$", re.IGNORECASE)
#: Between the declarations of a style, and not within the brackets of a value.
_BETWEEN = re.compile(r";(?![^(]*\))")
_PICTURE = re.compile(r"(?:url|gradient)\(", re.IGNORECASE)


@dataclass(frozen=True)
class _Standing:
    """What text within an element stands on, and its ink; both None where they are the theme's."""

    name: str = ""
    ground: str | None = None
    ink: str | None = None
    #: Whether the ink is the editor's own choice.
    chosen: bool = False
    #: What is written before the element's end.
    after: str = ""


def declarations(style: str) -> dict[str, str]:
    """The declarations of a style attribute, names in lower case.

    The colour of a `background` is the `background-color` that it means; all else of it is left out.
    """
    found: dict[str, str] = {}
    for each in _BETWEEN.split(style):
        name, colon, value = each.partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon:
            continue
        if name == "background":
            name, value = "background-color", _plain(value)
        if value:
            found[name] = value
    return found


def removed_background(style: str) -> str | None:
    """The declaration of *style* that puts a picture or a gradient behind an element, which no mail keeps."""
    for each in _BETWEEN.split(style):
        name, _, value = each.partition(":")
        if name.strip().lower() in {"background", "background-image"} and _PICTURE.search(value):
            return each.strip()
    return None


def inked(html: str) -> str:
    """*html*, cleaned and well formed, with an ink where it has a ground of its own.

    An element with an opaque ground and no colour gets the ink that has enough contrast (`ENOUGH`). What
    themes recolour in the dark, links and headings, holds its text in that ink, or in the element's own.
    """
    if "background-color" not in html and "bgcolor" not in html:
        return html
    open_: list[_Standing] = [_Standing()]
    parts: list[str] = []
    position = 0
    for match in _TAG.finditer(html):
        parts.append(html[position : match.start()])
        position = match.end()
        if match["close"]:
            # Cleaned HTML closes what it opens, in order.
            parts.append(open_.pop().after if len(open_) > 1 else "")
            parts.append(match[0])
        elif match["empty"] or match["name"] in VOID:
            parts.append(match[0])
        else:
            tag, standing = _opened(match, open_[-1])
            parts.append(tag)
            open_.append(standing)
    return "".join([*parts, html[position:]])


def _opened(match: re.Match[str], above: _Standing) -> tuple[str, _Standing]:
    """A start tag as it is written, and what stands within."""
    name, tag = match["name"], match[0]
    attributes = {key: unescape(value) for key, value in _ATTRIBUTE.findall(match["inside"])}
    own = _own_ground(name, attributes)
    chosen = _own_ink(name, attributes)
    ground = own or above.ground
    ink = chosen or above.ink
    if own and not chosen and not above.chosen:
        ink = _ink_on(own)
        tag = _with_colour(tag, attributes.get("style"), ink)
    if not (ground and ink and name in _RECOLOURED):
        return tag, _Standing(name, ground, ink, bool(chosen) or above.chosen)
    # A link's own line has the link's colour, which in the dark is one for dark grounds.
    line = ";text-decoration:underline" if name == "a" and _is_underlined(attributes) else ""
    span = f'<span style="color:{escape(ink)}{line}">'
    return tag + span, _Standing(name, ground, ink, bool(chosen) or above.chosen, "</span>")


def _own_ground(name: str, attributes: dict[str, str]) -> str | None:
    style = declarations(attributes.get("style", ""))
    said = style.get("background-color") or (attributes.get("bgcolor", "") if name in _TABLE else "")
    return solid_colour(_IMPORTANT.sub("", said))


def _own_ink(name: str, attributes: dict[str, str]) -> str | None:
    said = declarations(attributes.get("style", "")).get("color")
    if not said and name == "font":
        said = attributes.get("color")
    return said and colour_of(said)


def _is_underlined(attributes: dict[str, str]) -> bool:
    said = declarations(attributes.get("style", ""))
    return "none" not in said.get("text-decoration", "") + said.get("text-decoration-line", "")


def _ink_on(ground: str) -> str:
    return next(ink for ink in _INKS if contrast(ink, ground) >= ENOUGH)


def _with_colour(tag: str, style: str | None, ink: str) -> str:
    if style is None:
        return f'{tag[:-1]} style="color:{ink}">'
    return _STYLE.sub(lambda match: f' style="{match[1].rstrip("; ")};color:{ink}"', tag, count=1)


def _plain(value: str) -> str:
    """The colour that a value of `background` says, as it is written; empty if it says none."""
    words = re.findall(r"[^\s(]+\([^()]*\)|[^\s]+", _IMPORTANT.sub("", value))
    return next((word for word in words if colour_of(word)), "")
