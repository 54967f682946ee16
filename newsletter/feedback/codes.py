"""What a refusal says of an address: hard, soft or policy, by the table in ``codes.toml``."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from newsletter.providers import Verdict
from newsletter.providers.smtp_replies import Reply
from subscribers import Bounce

#: RFC 3463, section 2, wherever it stands in a text; and the three digits of RFC 5321, 4.2.
_ENHANCED = re.compile(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_DIGITS = re.compile(r"(?<![\d.])([45]\d\d)(?![\d.])")
#: In the table instead of a class: the words decide.
_BY_WORDS = "words"


@dataclass(frozen=True)
class Line:
    """A line of the table: a code, what it says of an address, what it means and who says so."""

    code: str
    bounce: str
    means: str
    source: str


@dataclass(frozen=True)
class Table:
    """The codes, and the words that decide where a code does not."""

    lines: tuple[Line, ...]
    words: tuple[tuple[Bounce, tuple[str, ...]], ...]

    def find(self, code: str) -> str:
        """What the table says of an enhanced code; empty if it is in no line."""
        kind, subject, _ = code.split(".")
        for wanted in (code, f"{kind}.{subject}.*"):
            for line in self.lines:
                if line.code == wanted:
                    return line.bounce
        return ""


def markdown() -> str:
    """The codes as a Markdown table, for the docs."""
    lines = ["| code | says | means | source |", "| --- | --- | --- | --- |"]
    told = {_BY_WORDS: "the words decide"}
    for line in table().lines:
        bounce = told.get(line.bounce, line.bounce)
        lines.append(f"| {line.code.replace('*', 'x')} | {bounce} | {line.means} | {line.source} |")
    return "\n".join(lines)


@lru_cache(maxsize=1)
def table() -> Table:
    """The table, read once."""
    raw: dict[str, Any] = tomllib.loads(
        files("newsletter.feedback").joinpath("codes.toml").read_text(encoding="utf-8")
    )
    words = tuple((Bounce(group["bounce"]), tuple(group["any"])) for group in raw["words"])
    return Table(tuple(Line(**line) for line in raw["code"]), words)


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
    said, field = _ENHANCED.search(words), _ENHANCED.search(status)
    if said and not (field and said[0].endswith(".0.0")):
        return said[0]
    if field and not (field[0].endswith(".0.0") and _DIGITS.search(words)):
        return field[0]
    digits = _DIGITS.search(words) or _DIGITS.search(status)
    return digits[1] if digits else field[0] if field else ""


@lru_cache(maxsize=4096)
def classify(code: str, words: str) -> Bounce:
    """What a refusal says of the address; where that is open, the milder reading."""
    found = table().find(code) if code.count(".") == 2 else _BY_WORDS
    if found and found != _BY_WORDS:
        return Bounce(found)
    if found == _BY_WORDS:
        said = words.casefold()
        for bounce, phrases in table().words:
            if any(phrase in said for phrase in phrases):
                return Bounce.SOFT if bounce is Bounce.HARD and code.startswith("4") else bounce
    return Bounce.POLICY if _about_us(code) else Bounce.SOFT


def _about_us(code: str) -> bool:
    """Whether our SMTP client would take the code for a refusal of us, not of the recipient."""
    if code.count(".") == 2:
        reply = Reply(int(code[0]) * 100 + 50, code)
    elif code:
        reply = Reply(int(code), "")
    else:
        return False
    return reply.verdict is Verdict.REFUSED
