"""Lists in pasted digest text: lines that begin with a bullet, or with numbers that rise by one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from newsletter.issues.digest import Passage
from newsletter.issues.pasted import Block, is_bullet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NUMBERED = re.compile(r"(\d{1,3})[.)]\s+(\S.*)")
_BULLET = re.compile(r"\S\s+")


def divide_lists(blocks: Iterable[Block]) -> list[Block]:
    """*blocks* with each list in a block of its own, its blocks joined if there is one for each item.

    Two lines make a list within other lines. A numbered line alone is no list: a title may begin so.
    """
    divided: list[Block] = []
    for whole in blocks:
        for block in _parts(whole):
            last = divided[-1] if divided else None
            if last and _goes_on(last, block):
                divided[-1] = Block(last.line, (*last.lines, *block.lines))
            else:
                divided.append(block)
    return divided


def read_list(block: Block) -> Passage | None:
    """The list that *block* is, an item that was wrapped on one line; None if it is none."""
    lines = block.lines
    if is_bullet(lines[0]):
        return Passage(
            "bullets", _items(lines, [n for n, line in enumerate(lines) if is_bullet(line)]), block.line
        )
    first, starts = _number(lines[0]), _rising(lines)
    if first is None or len(starts) < 2:
        return None
    return Passage("numbers", _items(lines, starts), block.line, start=first)


def _parts(block: Block) -> list[Block]:
    """*block* divided before the list that it ends in."""
    bullets = [n for n, line in enumerate(block.lines) if is_bullet(line)]
    numbers = next((run for n in range(len(block.lines)) if len(run := _rising(block.lines, n)) > 1), [])
    starts = bullets if len(bullets) > 1 else numbers
    if not starts or starts[0] == 0:
        return [block]
    cut = starts[0]
    return [Block(block.line, block.lines[:cut]), Block(block.line + cut, block.lines[cut:])]


def _goes_on(last: Block, block: Block) -> bool:
    """Whether *block* has the next items of the list in *last*."""
    if is_bullet(last.lines[0]):
        return is_bullet(block.lines[0])
    first, number = _number(last.lines[0]), _number(block.lines[0])
    return first is not None and number is not None and number == first + len(_rising(last.lines))


def _rising(lines: Sequence[str], begin: int = 0) -> list[int]:
    """The indexes of lines with numbers that rise by one, from the line *begin* on."""
    number = _number(lines[begin])
    starts: list[int] = []
    for index in range(begin, len(lines)):
        if number is not None and _number(lines[index]) == number + len(starts):
            starts.append(index)
    return starts


def _number(line: str) -> int | None:
    match = _NUMBERED.fullmatch(line)
    return int(match[1]) if match else None


def _items(lines: Sequence[str], starts: Sequence[int]) -> tuple[str, ...]:
    """The items that begin at *starts*, without their markers, each on one line."""
    ends = [*starts[1:], len(lines)]
    return tuple(
        _BULLET.sub("", " ".join(lines[a:b]), count=1)
        if is_bullet(lines[a])
        else " ".join(lines[a:b]).split(maxsplit=1)[1]
        for a, b in zip(starts, ends, strict=True)
    )
