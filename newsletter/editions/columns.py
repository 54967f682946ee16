"""Text in columns of a terminal or a plain text mail: how wide it is, where it may break, how it lines up."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SPACE = re.compile(r"[ \t\r\n]+")
#: What must not begin a line, and what must not end one, in Chinese and Japanese typesetting (JIS X 4051).
_NOT_FIRST = frozenset(
    "、。，．・：；？！）］｝〕〉》」』】’”々ーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ…‥)]}.,:;!?%％"
)
_NOT_LAST = frozenset("（［｛〔〈《「『【‘“([{")


def display_width(text: str) -> int:
    """How many columns *text* takes: two for wide characters and emoji, none for marks (UAX #11)."""
    return len(text) if text.isascii() else sum(map(_width, text))


def wrap(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """*text* in lines of at most *width* columns, the first line after *first*, the others after *rest*.

    Lines break at spaces and between Chinese or Japanese characters; a longer word, such as a web address,
    has a line of its own. No-break spaces do not break.
    """
    lines: list[str] = []
    line, used, empty = first, display_width(first), True
    for glue, unit in _units(text):
        size = display_width(unit)
        if not empty and used + len(glue) + size > width:
            lines.append(line)
            line, used, empty = rest, display_width(rest), True
        if not empty:
            line, used = line + glue, used + len(glue)
        line, used, empty = line + unit, used + size, False
    return [*lines, line]


def align(rows: Sequence[Sequence[str]], aligns: Sequence[str], gap: str = "  ") -> list[str]:
    """*rows*, all of the same length, with their cells in columns.

    Args:
        rows: the texts of the cells.
        aligns: ``left``, ``center``, ``right`` or nothing for each column.
        gap: what stands between columns.
    """
    widths = column_widths(rows)
    return [gap.join(_pad(*cell) for cell in zip(row, widths, aligns, strict=True)).rstrip() for row in rows]


def column_widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """The width of the widest cell of each column of *rows*."""
    return [max(map(display_width, column)) for column in zip(*rows, strict=True)]


def _pad(text: str, width: int, how: str) -> str:
    space = width - display_width(text)
    before = {"right": space, "center": space // 2}.get(how, 0)
    return " " * before + text + " " * (space - before)


def _width(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _units(text: str) -> Iterator[tuple[str, str]]:
    """What must not be broken in *text*, each with what stands before it if it does not begin a line."""
    for word in filter(None, _SPACE.split(text)):
        glue = " "
        for unit in _split_wide(word):
            yield glue, unit
            glue = ""


def _split_wide(word: str) -> Iterator[str]:
    """*word* between its Chinese and Japanese characters; web addresses stay whole."""
    if word.isascii() or "://" in word:
        yield word
        return
    unit = ""
    for character in word:
        apart = _breakable(character) or (bool(unit) and _breakable(unit[-1]))
        if unit and apart and _width(character) and character not in _NOT_FIRST and unit[-1] not in _NOT_LAST:
            yield unit
            unit = ""
        unit += character
    yield unit


def _breakable(character: str) -> bool:
    """Whether a line may break beside *character*: wide ones but for Hangul, which is written with spaces."""
    return _width(character) == 2 and not "\uac00" <= character <= "\ud7a3"
