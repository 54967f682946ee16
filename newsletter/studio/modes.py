"""How an edition looks in light and in dark mode, whatever mode the browser itself is in.

A frame cannot be told which colour scheme to prefer, so the questions that the mail's own CSS asks are
answered before it gets there. It is what a client does that honours ``prefers-color-scheme``, such as Apple
Mail; clients that invert colours by themselves look different.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Mode(StrEnum):
    """The colour scheme that the reader prefers."""

    LIGHT = "light"
    DARK = "dark"


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

    def answer(match: re.Match[str]) -> str:
        wanted = (match[1] or "light").lower()
        return _ALWAYS if wanted == mode else _NEVER

    def sheet(match: re.Match[str]) -> str:
        css = _QUERY.sub(answer, match[2])
        return match[1] + _PROPERTY.sub(f"color-scheme:{mode}", css) + match[3]

    html = _META.sub("", html)
    html = _STYLE.sub(sheet, html)
    html = _TAG.sub(lambda tag: _QUERY.sub(answer, tag[0]), html)
    return add_to_head(html, f'<meta name="color-scheme" content="{mode}">')


def add_to_head(html: str, markup: str) -> str:
    """*html* with *markup* at the beginning of its head, or of all if it has none."""
    head = _HEAD.search(html)
    place = head.end() if head else 0
    return html[:place] + markup + html[place:]
