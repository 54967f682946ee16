"""How an edition looks in light mode and in the dark modes, whatever mode the browser itself is in.

A frame cannot be told which colour scheme to prefer, so the questions that the mail's own CSS asks are
answered before it gets there: as by a client that honours ``prefers-color-scheme``, such as Apple Mail.
Clients that invert colours by themselves do not honour it; `newsletter.studio.inversion` does as they do.
"""

from __future__ import annotations

import re
from enum import StrEnum

from newsletter.studio.inversion import fully, partly


class Mode(StrEnum):
    """The colour scheme that the reader prefers, and what the reader's mail program makes of it."""

    #: Light.
    LIGHT = "light"
    #: Dark, as the mail itself asks for.
    DARK = "dark"
    #: Dark, made by the mail program: light backgrounds and dark text are turned round.
    PARTLY = "partly"
    #: Dark, made by the mail program: every colour is turned round.
    FULLY = "fully"

    @property
    def label(self) -> str:
        """The mode's name, for people."""
        return _LABELS[self][0]

    @property
    def note(self) -> str:
        """Where it is met, and how true the picture is."""
        return _LABELS[self][1]


_LABELS = {
    Mode.LIGHT: ("Light", "As in every client with a light background."),
    Mode.DARK: ("Dark", "The mail's own dark colours, as Apple Mail and Samsung Email honour them."),
    Mode.PARTLY: (
        "Dark, part inverted",
        "An approximation of Outlook.com and the Outlook apps: light grounds and dark text are turned round; "
        "[data-ogsc] and [data-ogsb] rules apply.",
    ),
    Mode.FULLY: (
        "Dark, all inverted",
        "An approximation of Gmail on iOS and Outlook on Windows: every colour is turned round.",
    ),
}

# Media features that always and never hold: unlike `all` and `not all`, they fit everywhere in a query.
_ALWAYS = "(min-width:0px)"
_NEVER = "(max-width:0px)"
_QUERY = re.compile(r"\(\s*prefers-color-scheme\s*(?::\s*([a-z-]+)\s*)?\)", re.IGNORECASE)
_PROPERTY = re.compile(r"(?<![\w-])color-scheme\s*:\s*[^;}{]+", re.IGNORECASE)
_STYLE = re.compile(r"(<style\b[^>]*>)(.*?)(</style\s*>)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[a-z][^>]*>", re.IGNORECASE)
_META = re.compile(r"<meta\b[^>]*\bname=[\"'](?:supported-)?color-schemes?[\"'][^>]*>", re.IGNORECASE)
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)


def force_mode(html: str, mode: Mode) -> str:
    """*html* with every question for the colour scheme answered by *mode*; its text stays as it is."""
    prefers = Mode.DARK if mode is Mode.DARK else Mode.LIGHT
    scheme = Mode.LIGHT if mode is Mode.LIGHT else Mode.DARK

    def answer(match: re.Match[str]) -> str:
        wanted = (match[1] or "light").lower()
        return _ALWAYS if wanted == prefers else _NEVER

    def sheet(match: re.Match[str]) -> str:
        css = _QUERY.sub(answer, match[2])
        return match[1] + _PROPERTY.sub(f"color-scheme:{scheme}", css) + match[3]

    html = _META.sub("", html)
    html = _STYLE.sub(sheet, html)
    html = _TAG.sub(lambda tag: _QUERY.sub(answer, tag[0]), html)
    if mode in _INVERTED:
        html = add_to_head(_INVERTED[mode](html), _CANVAS)
    return add_to_head(html, f'<meta name="color-scheme" content="{scheme}">')


#: What a mail that inverts colours shows where the mail says none.
_CANVAS = "<style>html{background:#1f1f1f;color:#f2f2f2}</style>"
_INVERTED = {Mode.PARTLY: partly, Mode.FULLY: fully}


def add_to_head(html: str, markup: str) -> str:
    """*html* with *markup* at the beginning of its head, or of all if it has none."""
    head = _HEAD.search(html)
    place = head.end() if head else 0
    return html[:place] + markup + html[place:]
