"""Text in columns of a terminal or a plain text mail: how wide it is, where it may break, how it lines up."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from newsletter.editions.syllables import lacks_spaces, syllables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SPACE = re.compile(r"[ \t\r\n]+")
#: The number of a source, note or link, and the blank before it: no line begins with one, nor breaks in it.
_NUMBERS = re.compile(r" ?\[\d{1,4}(?:, \d{1,4})*\]")
#: Stands for such a blank while words are parted; ASCII calls it "unit separator", and no text has it.
_TIE = "\x1f"
#: What stays whole in a word: such a number, a web address, a flag, an emoji of several characters (UTS #51).
_SOLID = re.compile(
    r"(\x1f?\[\d{1,4}(?:,\x1f\d{1,4})*\]|[A-Za-z][A-Za-z0-9+.-]*://[^、。，！？；：（）［］｛｝「」『』【】《》〈〉]+"
    "|[\U0001f1e6-\U0001f1ff]{2}|\\S(?:[\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]|\u200d\\S)+)"
)
_JOINER, _AS_EMOJI = "\u200d", "\ufe0f"
_SKIN_TONES = frozenset(map(chr, range(0x1F3FB, 0x1F400)))
#: What must not begin a line, and what must not end one, in Chinese and Japanese typesetting (JIS X 4051).
_NOT_FIRST = frozenset(
    "、。，．・：；？！）］｝〕〉》」』】’”々ーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ…‥)]}.,:;!?%％"
)
_NOT_LAST = frozenset("（［｛〔〈《「『【‘“([{")


def display_width(text: str) -> int:
    """How many columns *text* takes: two for a wide character or an emoji, none for a mark (UAX #11)."""
    if text.isascii():
        return len(text)
    total = before = 0
    joined = False
    for character in text:
        if character == _AS_EMOJI:
            width, before = (1, 2) if before == 1 else (0, before)
        elif before == 2 and (joined or character in _SKIN_TONES):
            width = 0
        else:
            width = _width(character)
            before = width or before
        joined = character == _JOINER
        total += width
    return total


def wrap(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """*text* in lines of at most *width* columns, the first line after *first*, the others after *rest*.

    Lines break at spaces, between Chinese or Japanese characters, and at syllables of Thai, Lao, Burmese and
    Khmer, which put no spaces between words; a longer word, such as a web address, has a line of its own.
    No-break spaces do not break.
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
    tied = _NUMBERS.sub(lambda match: match[0].replace(" ", _TIE), text)
    for word in filter(None, _SPACE.split(tied)):
        glue = " "
        for wide in (word,) if word.isascii() else _split_wide(word):
            for unit in _split_unspaced(wide) if lacks_spaces(wide) else (wide,):
                yield glue, unit.replace(_TIE, " ")
                glue = ""


def _split_wide(word: str) -> Iterator[str]:
    """*word* between its Chinese and Japanese characters; what is solid stays whole."""
    unit = ""
    for part in _parts(word):
        if unit and _may_part(unit[-1], part):
            yield unit
            unit = ""
        unit += part
    yield unit


def _split_unspaced(word: str) -> Iterator[str]:
    """*word* between its syllables; a web address stays whole, what else is solid with what is before it."""
    unit = ""
    for number, piece in enumerate(_SOLID.split(word)):
        if number % 2 and "://" not in piece:
            unit += piece
            continue
        for part in (piece,) if number % 2 else syllables(piece):
            if unit and part[0] not in _NOT_FIRST:
                yield unit
                unit = ""
            unit += part
    yield unit


def _parts(word: str) -> Iterator[str]:
    """The characters of *word*, those that make something solid together."""
    for number, piece in enumerate(_SOLID.split(word)):
        if number % 2:
            yield piece
        else:
            yield from piece


def _may_part(last: str, part: str) -> bool:
    """Whether a line may end after the character *last* if *part* follows."""
    first = part[0]
    if first == _TIE or (first == "[" and len(part) > 1) or not _width(first):
        return False
    return (_breakable(last) or _breakable(first)) and first not in _NOT_FIRST and last not in _NOT_LAST


def _breakable(character: str) -> bool:
    """Whether a line may break beside *character*: wide ones but for Hangul, which is written with spaces."""
    return _width(character) == 2 and not "\uac00" <= character <= "\ud7a3"
