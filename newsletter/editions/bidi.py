"""Text that runs from right to left among text that does not: which way it runs, and marks for plain text.

HTML is told by ``dir``. Plain text has no attributes; most mail programs lay its lines out from left to
right, some look for the first letter of each (UAX #9, rule P2). Marks make a line right in both.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from markupsafe import Markup

from newsletter.issues import text_of

if TYPE_CHECKING:
    from newsletter.issues import Inline

_TOKEN = re.compile(r"LP[0-9a-f]{8}[a-z]\d+z")
_RIGHT = frozenset({"R", "AL"})
#: Characters that stay with the right-to-left text before them, without a mark.
_TRAILING = _RIGHT | {"NSM", "EN", "AN"}
#: Right-to-left mark; right-to-left isolate, and its end.
_MARK, _ISOLATE, _END = "\u200f", "\u2067", "\u2069"
#: Quotation marks, indentation and what begins an item; they stay where they are on all lines alike.
_MARGIN = re.compile(r"\A(?:[> ]|[-→] |\d{1,9}\. |\[(?:\d{1,4}|[x ])\] )*")
_FAR_MORE = 2


def turned(text: str, direction: str) -> str | None:
    """The direction of *text* if it is not *direction*, else None; tokens of merge tags do not count.

    It is the other one if most letters are of it and the first is too, or if far most are.
    """
    text = _TOKEN.sub(" ", text)
    left, right = _letters(text)
    own, other = (right, left) if direction == "rtl" else (left, right)
    way = "ltr" if direction == "rtl" else "rtl"
    return way if other > _FAR_MORE * own or (other > own and _first(text) == way) else None


def turning(direction: str, content: Inline | str, *, align: bool = True, tracked: bool = False) -> Markup:
    """Attributes for an element whose text runs the other way than the issue, else nothing.

    Args:
        direction: of the issue.
        content: what the element shows.
        align: let the text begin at the side from which it is read.
        tracked: take away the space that a theme puts between letters, which would part joined ones.
    """
    way = turned(content if isinstance(content, str) else text_of(content), direction)
    if way is None:
        return Markup("")
    side = f' align="{"right" if way == "rtl" else "left"}"' if align else ""
    style = ' style="letter-spacing:normal"' if tracked and way == "rtl" else ""
    return Markup(f' dir="{way}"{side}{style}')  # noqa: S704 - nothing of the content


def marked(line: str, direction: str) -> str:
    """One line of plain text with the marks that it needs to read right, mostly none.

    Args:
        line: without its line end.
        direction: of the issue, ``ltr`` or ``rtl``.
    """
    text = _MARGIN.sub("", line, count=1)
    if not text or (direction != "rtl" and text.isascii()):
        return line
    before = line[: len(line) - len(text)]
    left, right = _letters(_TOKEN.sub("x", text))
    if direction == "rtl" and not left and not right:
        return before + _MARK + text  # a rule below a title stands where the title does
    if not right or (direction != "rtl" and turned(text, direction) is None):
        return line
    if left:
        return f"{before}{_MARK}{_ISOLATE}{text}{_END}"
    leading = "" if unicodedata.bidirectional(text[0]) in _RIGHT else _MARK
    trailing = "" if unicodedata.bidirectional(text[-1]) in _TRAILING else _MARK
    return before + leading + text + trailing


def _letters(text: str) -> tuple[int, int]:
    """How many letters of *text* run from left to right, and how many from right to left."""
    if text.isascii():
        return sum(map(str.isalpha, text)), 0
    classes = [unicodedata.bidirectional(character) for character in text]
    right = sum(each in _RIGHT for each in classes)
    return classes.count("L"), right


def _first(text: str) -> str:
    """The direction of the first letter of *text*."""
    classes = (unicodedata.bidirectional(character) for character in text)
    return next(("rtl" if each in _RIGHT else "ltr" for each in classes if each in {"L", *_RIGHT}), "")
