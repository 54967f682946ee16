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
_LABEL = re.compile(r"why it matters\s*[:—–]", re.IGNORECASE)


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
    """*block* at each line, if it was not wrapped by hand; else before each “Why it matters”."""
    unwrapped = any(len(line) > HEADING_LONGEST for line in block.lines)
    starts = [
        index for index, line in enumerate(block.lines) if index == 0 or unwrapped or _LABEL.match(line)
    ]
    ends = [*starts[1:], len(block.lines)]
    return [Block(block.line + a, block.lines[a:b]) for a, b in zip(starts, ends, strict=True)]


def is_heading(block: Block) -> bool:
    """Whether *block* is one short line without final punctuation."""
    return len(block.lines) == 1 and is_short(block.lines[0])


def is_short(line: str) -> bool:
    """Whether *line* could be a heading: at most 120 characters, without final punctuation."""
    return len(line) <= HEADING_LONGEST and not line.endswith(_FINAL)


def split_lines(blocks: Sequence[Block]) -> list[Block]:
    """*blocks* with every line a block of its own."""
    return [
        Block(block.line + offset, (line,)) for block in blocks for offset, line in enumerate(block.lines)
    ]
