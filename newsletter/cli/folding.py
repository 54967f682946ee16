"""Lines for people that are longer than their terminal is wide: broken at words, never within a command."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from typing import TextIO

#: What stays on one line: a command in backticks with what touches it, a pair with an arrow, a word.
_UNIT = re.compile(r"\S+ ← \S+|(?:`[^`\n]*`|\S)+")
#: Below so many columns folding would only make it worse.
_NARROW = 30


def folded(text: str, columns: int | None, hang: int = 0, start: int | None = None) -> str:
    """*text* in lines of at most *columns*, each but the first of a paragraph set in by *hang* columns.

    Args:
        text: lines of words; each is folded by itself.
        columns: how wide the terminal is; None for no terminal, where nothing is folded.
        hang: how many columns the further lines are set in.
        start: how many columns stand before *text* already; as many as *hang* unless said.

    Returns:
        The lines. A command or an address that is longer than a line stays whole.
    """
    if columns is None or columns < _NARROW:
        return text
    before = hang if start is None else start
    return "\n".join(_folded(line, columns, hang, before) for line in text.split("\n"))


def columns_of(stream: TextIO) -> int | None:
    """How many columns the terminal behind *stream* has; None if there is none."""
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else None
    except (OSError, ValueError):
        return None


def _folded(line: str, columns: int, hang: int, used: int) -> str:
    if used + _width(line) <= columns:
        return line
    told, fresh, place = "", True, 0
    for unit in _UNIT.finditer(line):
        blank, size, place = line[place : unit.start()], _width(unit[0]), unit.end()
        if not fresh and used + len(blank) + size > columns:
            told, used, blank = f"{told}\n{' ' * hang}", hang, ""
        told, used, fresh = f"{told}{blank}{unit[0]}", used + len(blank) + size, False
    return told


def _width(text: str) -> int:
    if "\x1b" in text:
        text = click.unstyle(text)
    if text.isascii():
        return len(text)
    # It stands in a room that takes a while to load, and most lines do without.
    from newsletter.editions.columns import display_width

    return display_width(text)
