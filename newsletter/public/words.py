"""The words of a text as search knows them: in any script, however they are written, with their places.

Letters are compared without case and accents, and Arabic ones as they are often typed. Scripts without
blanks between words (Chinese, Japanese, Thai…) are taken as pairs of characters.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Changed whenever the same text would give other words; what was indexed by other rules is indexed anew.
RULES = 1
#: The longest word that is kept, in characters; what is longer is no word but an address or a number.
LONGEST = 64
#: A word of fewer letters means itself only, not whatever begins with it; a Korean syllable is two of them.
SHORTEST_BEGINNING = 3

# Scripts that write no blanks between words: Thai, Lao, Myanmar, Khmer, kana, Han.
_DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
# Marks that combine are part of a word, which \w does not know of all.
_RUN = re.compile(
    rf"[{_DENSE}]+|(?:[^\W{_DENSE}]+[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670]*)+"
)
_HANGUL = re.compile("[\uac00-\ud7a3]")
_IS_DENSE = re.compile(rf"[{_DENSE}]")
# Accents of Latin, Greek and Cyrillic, points of Hebrew, vowel signs of Arabic, and its lengthening stroke.
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0640]")
# Alef wasla, alef maksura and teh marbuta as they are typed without care; Farsi's and Urdu's yeh and kaf.
_LETTERS = str.maketrans({"ٱ": "ا", "ى": "ي", "ة": "ه", "ی": "ي", "ک": "ك", "ß": "ss", "ı": "i"})
# The Arabic article, alone or behind “and”, “with”, “like”, “then”; “for the” swallows its alef.
_ARTICLE = re.compile(r"(?:[وبكف]?ال|لل)(?=[\u0621-\u064a]{3})")


@dataclass(frozen=True)
class Word:
    """A word as it is compared, and where it stands; of a dense script, two characters or the last one."""

    text: str
    begin: int
    end: int

    @property
    def dense(self) -> bool:
        """Whether its script has no blanks between words."""
        return _IS_DENSE.match(self.text) is not None


def words_of(text: str) -> Iterator[Word]:
    """The words of *text*, in its order."""
    for match in _RUN.finditer(text):
        run = match[0]
        if not _IS_DENSE.match(run):
            folded = fold(run) if len(run) <= LONGEST else ""
            if folded:
                yield Word(folded, match.start(), match.end())
            continue
        for place in range(len(run)):
            pair = fold(run[place : place + 2])
            if pair:
                start = match.start() + place
                yield Word(pair, start, min(start + 2, match.end()))


def asked(query: str, most: int) -> list[str]:
    """What a query asks for, at most so many words.

    The last character of a dense run adds nothing to the pair before it.
    """
    found: list[str] = []
    for word in words_of(query):
        last = word.dense and len(word.text) == 1 and word.begin > 0
        if not (last and found and found[-1].endswith(word.text)) and word.text not in found:
            found.append(word.text)
    return found[:most]


def begins(asked_for: str) -> bool:
    """Whether a word that is asked for also means the words that begin with it."""
    if _IS_DENSE.match(asked_for):
        return len(asked_for) == 1
    return len(asked_for) + len(_HANGUL.findall(asked_for)) >= SHORTEST_BEGINNING


def means(asked_for: str, word: str) -> bool:
    """Whether *word* of a text is what is asked for."""
    return word.startswith(asked_for) if begins(asked_for) else word == asked_for


@lru_cache(maxsize=20_000)
def fold(word: str) -> str:
    """A word as it is compared with others; empty if nothing of it counts."""
    plain = unicodedata.normalize("NFKD", word.casefold())
    plain = unicodedata.normalize("NFKC", _MARKS.sub("", plain)).translate(_LETTERS)
    return _ARTICLE.sub("", plain, count=1) if _ARTICLE.match(plain) else plain
