"""Small letters, letter by letter, in one way for Python and every database."""

from __future__ import annotations

import sys
from functools import lru_cache


def small(text: str) -> str:
    """*text* in small letters, each letter by itself.

    Unlike `str.lower` it makes of one letter always one: ``İ`` stays as it is, and every ``Σ`` becomes ``σ``.
    """
    return text.lower() if text.isascii() else "".join(map(_small, text))


def capitals(letters: str) -> tuple[str, str]:
    """The letters whose small letter is among *letters*, and these small letters in the same order.

    >>> capitals("ak")
    ('AKK', 'akk')
    """
    found = [(capital, low) for low in sorted(set(letters)) for capital in _table().get(low, "")]
    return "".join(capital for capital, _ in found), "".join(low for _, low in found)


def _small(letter: str) -> str:
    low = letter.lower()
    return low if len(low) == 1 else letter


@lru_cache(maxsize=1)
def _table() -> dict[str, str]:
    """Of each small letter, the letters that become it: mostly one, of ``k`` also the sign for Kelvin."""
    table: dict[str, str] = {}
    for number in range(sys.maxunicode + 1):
        letter = chr(number)
        if (low := _small(letter)) != letter:
            table[low] = table.get(low, "") + letter
    return table
