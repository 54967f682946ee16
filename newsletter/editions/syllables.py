"""Where a line may break in scripts that put no blanks between words: Thai, Lao, Burmese, Khmer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A piece of more characters than this is parted between any two clusters: no line is left half empty for it.
LONGEST = 24

_SCRIPTS = re.compile("[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff]")
#: The vowels of Thai and Lao that are written before their consonant: a syllable begins with them.
_LEADING = "เแโใไເແໂໃໄ"
#: Those written behind it, and the marks of repetition and abbreviation: they belong to what is before them.
_TRAILING = "ะาำๅๆฯະາຳຽໆຯ"
#: Those of them that end a syllable.
_ENDING = "ะำๆฯະຳໆຯ"
_MARKS = (
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece"
    "\u102b-\u1038\u103a-\u103e\u1056-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u108f\u109a-\u109d"
    "\u17b4-\u17d1\u17d3\u17dd\u0300-\u036f"
)
#: What is never broken: a character with its marks and vowels, what is stacked below it (Burmese virama,
#: Khmer coeng), and the Burmese consonant that ends its syllable (asat).
_CLUSTER = re.compile(
    rf"[{_LEADING}]*[^\u200b](?:[{_MARKS}{_TRAILING}\u200c\u200d\ufe0f]|[\u1039\u17d2][^\u200b]"
    "|[\u1000-\u1021](?=[\u1037-\u1038]*\u103a)|[\u1000-\u1021](?=\u1039))*|\u200b"
)
_BURMESE = re.compile("[\u1000-\u109f]")
_BURMESE_DIGITS = frozenset("၀၁၂၃၄၅၆၇၈၉")
#: Stops of Burmese, which never begin a line, and what never ends one.
_STOPS, _OPENING = "၊။", "([{“‘«"


def lacks_spaces(word: str) -> bool:
    """Whether *word* has letters of these scripts in it, and so may be a whole sentence."""
    return bool(_SCRIPTS.search(word))


def syllables(word: str) -> Iterator[str]:
    """*word* in pieces between which a line may break; all together are *word*.

    Without a dictionary nobody knows where a word of these scripts ends, but where a syllable begins can
    often be seen: before a leading vowel in Thai and Lao, at each consonant in Burmese that ends no syllable.
    In Khmer it cannot, so that only what is too long for a line is parted. A zero-width space parts always.
    """
    piece = ""
    for cluster in _CLUSTER.findall(word):
        if piece and _may_break(piece, cluster):
            yield from _short(piece)
            piece = ""
        piece += cluster
    if piece:
        yield from _short(piece)


def _may_break(piece: str, cluster: str) -> bool:
    if cluster[0] in _STOPS or piece[-1] in _OPENING or {cluster[0], piece[-1]} <= _BURMESE_DIGITS:
        return False
    if not _SCRIPTS.match(cluster):
        return piece[-1] == "\u200b" and cluster != "\u200b"
    return (
        cluster[0] in _LEADING
        or piece[-1] in _ENDING + "\u200b"
        or bool(_BURMESE.match(cluster) and _BURMESE.match(piece[-1]))
    )


def _short(piece: str) -> Iterator[str]:
    """*piece*, in parts if it is longer than `LONGEST`."""
    if len(piece) <= LONGEST or not _SCRIPTS.search(piece):
        yield piece
        return
    yield from _CLUSTER.findall(piece)
