"""Names for files, addresses and anchors, made of lower-case ASCII letters, digits and hyphens."""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256

#: Latin letters that Unicode does not take apart into a letter and a mark.
_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "Ø": "o", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "ł": "l",
                          "Ł": "l", "đ": "d", "Đ": "d", "ð": "d", "þ": "th", "ı": "i"})  # fmt: skip


def slugify(text: str, *, fallback: str = "issue", longest: int = 80) -> str:
    """*text* as a slug of at most *longest* characters, cut between words.

    Accents are taken off (``Café №1`` → ``cafe-no1``). A text of which nothing is left, because it is in
    another script, becomes *fallback* and eight digits of its hash, so that two such texts stay apart.
    """
    letters = unicodedata.normalize("NFKD", text.translate(_LETTERS)).lower()
    ascii_only = "".join(letter for letter in letters if not unicodedata.combining(letter))
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_only.replace("'", "").replace("’", "")).strip("-")
    if not slug:
        return f"{fallback}-{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    if len(slug) > longest:
        slug = slug[: longest + 1].rpartition("-")[0] or slug[:longest]
    return slug.rstrip("-")


class Anchors:
    """Gives out anchors that are unique within one document."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def take(self, text: str, *, fallback: str = "part") -> str:
        """The slug of *text*, with ``-2``, ``-3`` … when it is taken already."""
        slug = anchor = slugify(text, fallback=fallback)
        while anchor in self._taken:
            self._next[slug] = self._next.get(slug, 1) + 1
            anchor = f"{slug}-{self._next[slug]}"
        self._taken.add(anchor)
        return anchor

    def reserve(self, anchor: str) -> None:
        """Keep *anchor* for something that has a fixed name."""
        self._taken.add(anchor)
