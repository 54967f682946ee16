"""What a refusal is about, by the table in ``codes.toml``: the address, us, what we send, or a system.

Whoever must know it asks here: what became of a message, whether a dispatch halts, whether somebody may be
tried again, and what a bounce says of a reader.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Any

#: RFC 3463, section 2, wherever it stands in a text: class, subject, detail.
ENHANCED = re.compile(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
#: The three digits of RFC 5321, 4.2.
_DIGITS = re.compile(r"(?<![\d.])([45]\d\d)(?![\d.]*\d)")
#: An address, whose own words (``spf-list@example.com``) say nothing of why it was refused.
_ADDRESS = re.compile(r'(?<!\w)[^\s<>()\[\],;:"@]*@[^\s<>()\[\],;:"]+')
#: RFC 3463, 3.1: says no more than three digits do.
_UNDEFINED = "X.0.0"


class About(StrEnum):
    """What a refusal is about (RFC 3463, section 3: the subject of a code)."""

    #: The reader's address or mailbox.
    ADDRESS = "address"
    #: Who we are to the other side: its policy, our authentication, a list that we are on.
    REPUTATION = "reputation"
    #: What we send: how large it is, or its kind.
    CONTENT = "content"
    #: What we say: the dialogue, or the address that we send from.
    US = "us"
    #: The other side's mail system, or the way to it.
    SYSTEM = "system"
    #: It does not tell.
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was read in a refusal.

    ``code`` is its enhanced status code, else its three digits, else empty; ``gone`` tells that the address
    will never take mail.
    """

    code: str
    about: About
    gone: bool = False

    @property
    def of_us(self) -> bool:
        """Whether it is about who we are or what we do, and would meet any other recipient as well."""
        return self.about in (About.REPUTATION, About.US)


@dataclass(frozen=True)
class Line:
    """A line of the table: a code, what it is about, what it means and who says so.

    Where ``words`` is set the words decide, and ``about`` holds where they say nothing.
    """

    code: str
    about: About
    means: str
    source: str
    gone: bool = False
    words: bool = False

    @property
    def says(self) -> str:
        """What it is about, for people."""
        told = f"{self.about}, for good" if self.gone else str(self.about)
        return f"the words decide, else {told}" if self.words else told


@dataclass(frozen=True)
class Phrases:
    """Words that tell what a refusal is about where its code does not, the first group before the next.

    ``gone``: they say that it is for good; ``passing``: that it is not, whatever else is said. ``uncoded``:
    they count only where no code names a subject.
    """

    about: About
    any: tuple[str, ...]
    gone: bool = False
    passing: bool = False
    uncoded: bool = False


@dataclass(frozen=True)
class Table:
    """The codes, and the words that decide where a code does not."""

    lines: tuple[Line, ...]
    phrases: tuple[Phrases, ...]

    def find(self, code: str) -> Line | None:
        """The line of a code, the narrowest first; a subject is the same in both classes (RFC 3463, 2)."""
        enhanced = ENHANCED.fullmatch(code)
        if enhanced:
            wanted = (f"X.{enhanced[2]}.{enhanced[3]}", f"X.{enhanced[2]}.*")
        else:
            wanted = (code, f"{code[:2]}*")
        return next((line for each in wanted for line in self.lines if line.code == each), None)


@lru_cache(maxsize=1)
def table() -> Table:
    """The table, read once."""
    raw: dict[str, Any] = tomllib.loads(
        files("newsletter.providers").joinpath("codes.toml").read_text(encoding="utf-8")
    )
    lines = (Line(**{**line, "about": About(line["about"])}) for line in raw["code"])
    phrases = (
        Phrases(**{**group, "about": About(group["about"]), "any": tuple(group["any"])})
        for group in raw["words"]
    )
    return Table(tuple(lines), tuple(phrases))


def markdown() -> str:
    """The codes as a Markdown table, for the docs."""
    rows = [f"| {line.code} | {line.says} | {line.means} | {line.source} |" for line in table().lines]
    return "\n".join(["| code | is about | means | source |", "| --- | --- | --- | --- |", *rows])


@lru_cache(maxsize=4096)
def read_refusal(words: str, status: str = "") -> Refusal:
    """What a refusal is about.

    Args:
        words: what the server said: ``550 5.1.1 no such user``.
        status: the code that a report has in a field of its own, if there is one: ``5.1.1``.
    """
    code = code_of(status, words)
    line = table().find(code)
    if line is not None and not line.words:
        about, gone = line.about, line.gone
    else:
        uncoded = line is None or line.code == _UNDEFINED
        about, gone = _by_words(words.casefold(), line.about if line else About.OPEN, uncoded=uncoded)
    return Refusal(code, about, gone and not code.startswith("4"))


def code_of(status: str, words: str) -> str:
    """The status code of a refusal: the enhanced one that the server said, else the one of the report.

    A server that relays a refusal often writes a code of its own that says less (``5.0.0``) into the field
    for it; what the refusing server said is in its *words*.

    Args:
        status: the field for it: ``5.1.1``, or empty.
        words: what the server said: ``550 5.1.1 no such user``.

    Returns:
        ``5.1.1``, or ``550`` where there is only that, or nothing.
    """
    said, field = ENHANCED.search(words), ENHANCED.search(status)
    if said and not (field and said[0].endswith(".0.0")):
        return said[0]
    if field and not (field[0].endswith(".0.0") and _DIGITS.search(words)):
        return field[0]
    digits = _DIGITS.search(words) or _DIGITS.search(status)
    return digits[1] if digits else field[0] if field else ""


def _by_words(said: str, otherwise: About, *, uncoded: bool) -> tuple[About, bool]:
    """What words say, but for those of addresses among them, and whether it is for good."""
    said = _ADDRESS.sub(" ", said)
    found = [
        group
        for group in table().phrases
        if (uncoded or not group.uncoded) and any(phrase in said for phrase in group.any)
    ]
    about = found[0].about if found else otherwise
    gone = any(group.gone for group in found) and not any(group.passing for group in found)
    return about, gone and about is About.ADDRESS
