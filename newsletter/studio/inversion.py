"""How mail programs darken a mail by themselves: what they do to its colours, as near as it is known.

No vendor says what it does, and each changes it; so these are approximations, and the studio calls them so.
The kinds are those that Litmus tells apart (https://www.litmus.com/blog/the-ultimate-guide-to-dark-mode-for-email-marketers):

- partly inverted: light backgrounds become dark and dark text light; what is dark stays. Outlook.com and the
  Outlook apps do so, and write ``data-ogsc`` and ``data-ogsb`` on the elements whose text and background they
  changed, by which a mail can choose its colours again (``[data-ogsc] .name``);
- fully inverted: every colour is turned round, what was dark too. Gmail on iOS and Outlook on Windows do so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from newsletter.studio.colours import COLOUR, Colour, read_colour

if TYPE_CHECKING:
    from collections.abc import Callable

    #: What becomes of a colour: of text, or of what is behind it.
    Change = Callable[[Colour, bool], Colour]

#: How light the darkest ground and the lightest text are that mail programs make; pure black is rare.
_GROUND, _INK = 0.24, 0.97
#: From here on a background counts as light; below, a text as dark.
_MIDDLE = 0.6
_STYLE = re.compile(r"(<style\b[^>]*>)(.*?)(</style\s*>)", re.IGNORECASE | re.DOTALL)
_RULE = re.compile(r"([^{}]*)\{([^{}]*)\}")
_TAG = re.compile(r"<[a-zA-Z](?:\"[^\"]*\"|'[^']*'|[^<>\"'])*>")
_STYLED = re.compile(r"\sstyle=(\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\s(bgcolor|color|text|link)=(\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_DECLARATION = re.compile(
    r"(?<![\w-])(color|-webkit-text-fill-color|background(?:-color|-image)?|border[\w-]*)(\s*:\s*)([^;]+)"
)
_TEXT = frozenset({"color", "-webkit-text-fill-color", "text", "link"})
_OUTLOOK = ("data-ogsc", "data-ogsb")


def partly(html: str) -> str:
    """*html* with light backgrounds dark and dark text light, and Outlook.com's marks where that was."""
    return _changed(html, _part, marks=True)


def fully(html: str) -> str:
    """*html* with every colour turned round."""
    return _changed(html, _full, marks=False)


def _part(colour: Colour, ground: bool) -> Colour:
    if ground:
        return colour.at(_GROUND + (1 - colour.light) * 0.9) if colour.light > _MIDDLE else colour
    return colour.at(_INK - colour.light * 0.5, strength=0.9) if colour.light < _MIDDLE else colour


def _full(colour: Colour, ground: bool) -> Colour:  # noqa: ARG001 - both are turned round alike
    return colour.at(1 - colour.light * (1 - _GROUND), strength=0.9)


def _changed(html: str, change: Change, *, marks: bool) -> str:
    def sheet(match: re.Match[str]) -> str:
        return match[1] + _RULE.sub(rule, match[2]) + match[3]

    def rule(match: re.Match[str]) -> str:
        # What a mail says to Outlook.com's marks is said after the inversion, and stays.
        if any(mark in match[1] for mark in _OUTLOOK):
            return match[0]
        return f"{match[1]}{{{_declarations(match[2], change)[0]}}}"

    html = _TAG.sub(lambda match: _tag(match[0], change, marks=marks), html)
    return _STYLE.sub(sheet, html)


def _tag(tag: str, change: Change, *, marks: bool) -> str:
    """A start tag with its colours changed, and marked if they were."""
    if "=" not in tag:
        return tag
    found: dict[str, str] = {}

    def style(match: re.Match[str]) -> str:
        text, changed = _declarations(match[1][1:-1], change)
        found.update(changed)
        return f" style={match[1][0]}{text}{match[1][0]}"

    def attribute(match: re.Match[str]) -> str:
        ground = match[1].lower() == "bgcolor"
        value = match[2][1:-1]
        new = _value(value, change, ground)
        if new != value:
            found.setdefault(_OUTLOOK[ground], value)
        return f' {match[1]}="{new}"'

    tag = _ATTRIBUTE.sub(attribute, _STYLED.sub(style, tag))
    if not (marks and found):
        return tag
    end = -2 if tag.endswith("/>") else -1
    return tag[:end] + "".join(f' {name}="{value}"' for name, value in sorted(found.items())) + tag[end:]


def _declarations(css: str, change: Change) -> tuple[str, dict[str, str]]:
    """Declarations with their colours changed, and by Outlook's marks what colour was changed."""
    found: dict[str, str] = {}

    def declaration(match: re.Match[str]) -> str:
        name, between, value = match.groups()
        ground = name not in _TEXT
        new = _value(value, change, ground)
        if new != value and not name.startswith("border"):
            found.setdefault(_OUTLOOK[ground], value.replace('"', "").strip())
        return f"{name}{between}{new}"

    return _DECLARATION.sub(declaration, css), found


def _value(value: str, change: Change, ground: bool) -> str:
    def one(match: re.Match[str]) -> str:
        colour = read_colour(match[0])
        if colour is None or colour.alpha == 0:
            return match[0]
        new = change(colour, ground)
        return match[0] if new == colour else new.css()

    return COLOUR.sub(one, value)
