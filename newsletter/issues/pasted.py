"""Pasted text divided into blocks of lines, and which of them look like headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The longest line that may be a heading, in characters.
HEADING_LONGEST = 120
_FINAL = tuple('.!?:;,…”"»]。！？：；')
_BREAKS = re.compile("\r\n?|[\n\v\f\x85\u2028\u2029]")
WHY = r"why it matters"
_BEGINS_LABEL = re.compile(
    rf"(?i:{WHY})\s*(?:[:—–]|$)"
    r"|(?:(?:The )?(?:[Bb]ottom [Ll]ine|[Bb]ig [Pp]icture)|What['’]s [Nn]ext|By the [Nn]umbers|Go [Dd]eeper"
    r"|Between the [Ll]ines|Yes, but):"
)
_BULLET = re.compile(r"[•‣▪●◦*–-]\s+\S.*")
_DASH = re.compile(r"(?:[—–―]|--?(?=\s))")
_GREETING = re.compile(
    r"(?:hi|hello|hey|dear|greetings|good (?:morning|afternoon|evening)|happy \w+day)(?:,? [\w’']+){0,3}",
    re.IGNORECASE,
)
#: The end of a sentence and the beginning of another; a word before a full stop has three letters at least.
_SENTENCE_END = re.compile(
    r"(?:(?<![^\W\d_])(?P<word>[^\W\d_]{3,})\.|[!?…]|\.\.\.)[”\"’)]*\s+[“\"‘(]?[^\W\d_]"
)
_ABBREVIATIONS = frozenset(
    {
        *("inc", "corp", "ltd", "gov", "sen", "rep", "gen", "est", "dept", "prof", "mrs", "capt", "univ"),
        *("bros", "col", "rev", "hon", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept"),
        *("oct", "nov", "dec", "etc", "approx", "vol", "ave", "bzw", "usw", "nr"),
    }
)


@dataclass(frozen=True)
class Block:
    """Lines between blank lines, trimmed; ``line`` is that of the first, counted from 1."""

    line: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The lines as one."""
        return " ".join(self.lines)


def to_blocks(text: str) -> list[Block]:
    """The blocks of *text*, its spaces collapsed."""
    blocks: list[Block] = []
    lines: list[str] = []
    for number, raw in enumerate([*_BREAKS.split(text.removeprefix("\ufeff")), ""], start=1):
        line = re.sub(r"[ \t]+", " ", raw).strip()
        if line:
            lines.append(line)
        elif lines:
            blocks += _divide(Block(number - len(lines), tuple(lines)))
            lines = []
    return blocks


def _divide(block: Block) -> list[Block]:
    """*block* at each line, if it was not wrapped by hand; else before each known label."""
    unwrapped = any(len(line) > HEADING_LONGEST for line in block.lines)
    starts = [
        index
        for index, line in enumerate(block.lines)
        if index == 0 or unwrapped or _BEGINS_LABEL.match(line)
    ]
    ends = [*starts[1:], len(block.lines)]
    return [Block(block.line + a, block.lines[a:b]) for a, b in zip(starts, ends, strict=True)]


def is_heading(block: Block) -> bool:
    """Whether *block* is one short line without final punctuation, and no other thing that looks so.

    Bullets, attributions behind a dash, labels, greetings, and lines in which a sentence ends are none.
    """
    line = block.lines[0]
    return (
        len(block.lines) == 1
        and is_short(line)
        and not _DASH.match(line)
        and not is_bullet(line)
        and not _GREETING.fullmatch(line)
        and not (_BEGINS_LABEL.match(line) and not re.fullmatch(WHY, line, re.IGNORECASE))
        and not _holds_sentence_end(line)
    )


def is_bullet(line: str) -> bool:
    """Whether *line* begins with a bullet and has text behind it."""
    return _BULLET.fullmatch(line) is not None


def _holds_sentence_end(line: str) -> bool:
    return any(
        (match["word"] or "").casefold() not in _ABBREVIATIONS for match in _SENTENCE_END.finditer(line)
    )


def is_short(line: str) -> bool:
    """Whether *line* could be a heading: at most 120 characters, without final punctuation."""
    return len(line) <= HEADING_LONGEST and not line.endswith(_FINAL)


def split_lines(blocks: Sequence[Block]) -> list[Block]:
    """*blocks* with every line a block of its own."""
    return [
        Block(block.line + offset, (line,)) for block in blocks for offset, line in enumerate(block.lines)
    ]
