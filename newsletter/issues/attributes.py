"""Attributes behind links and images: ``[Read it](…){.button}`` and ``![alt](chart.png){width=300}``.

No other braces are attributes, so that all others stay text: a button is a link that is alone in its
paragraph, and a width is a whole number of pixels. Whoever follows a link with ``track=no`` is not counted.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markdown_it.token import Token

BUTTON = "button"
WIDTH = "width"
UNTRACKED = "untracked"
_BUTTON = re.compile(r"\{\s*\.button\s*\}\s*")
_UNTRACKED = re.compile(r"\{\s*track\s*=\s*\"?no\"?\s*\}")
_WIDTH = re.compile(r"\{\s*width\s*=\s*\"?(\d{1,4})(?:px)?\"?\s*\}")


def take_attributes(tokens: Iterable[Token]) -> None:
    """Move the attributes in the text of *tokens*, in place, to the ``meta`` of the links and images before.

    A link gets ``button`` or ``untracked``, and an image ``width``, a number of pixels.
    """
    for token in tokens:
        if token.type == "inline" and token.children and "}" in token.content:
            _take_untracked(token.children)
            _take_button(token.children)
            _take_widths(token.children)


def _take_button(children: list[Token]) -> None:
    first = next((n for n, token in enumerate(children) if token.type != "text" or token.content.strip()), 0)
    closing = len(children) - 2
    if closing <= first or children[first].type != "link_open" or children[closing].type != "link_close":
        return
    alone = sum(token.type == "link_open" for token in children) == 1
    if alone and children[-1].type == "text" and _BUTTON.fullmatch(children[-1].content):
        children[first].meta[BUTTON] = True
        del children[-1]


def _take_untracked(children: list[Token]) -> None:
    opening: Token | None = None
    for token, after in pairwise(children):
        opening = token if token.type == "link_open" else opening
        closed = token.type == "link_close" and after.type == "text"
        match = _UNTRACKED.match(after.content) if closed else None
        # A button cannot say it: there, it stays text, and a check tells.
        if opening and match and not _BUTTON.match(after.content, match.end()):
            opening.meta[UNTRACKED] = True
            after.content = after.content[match.end() :]
            if not after.content and after is children[-1]:
                del children[-1]
                return


def _take_widths(children: list[Token]) -> None:
    for token, after in pairwise(children):
        if token.type == "image" and after.type == "text" and (match := _WIDTH.match(after.content)):
            token.meta[WIDTH] = int(match[1])
            after.content = after.content[match.end() :]
