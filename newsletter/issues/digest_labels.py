"""Labels in pasted digest text: “Why it matters”, those that newsletters share, and those that recur."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from newsletter.issues.pasted import WHY, is_heading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from newsletter.issues.pasted import Block

_WHY = re.compile(rf"({WHY})(?:\s*[:—–]\s*(.*)|$)", re.IGNORECASE)
_LABEL = re.compile(r"(?P<label>[^\W\d_][^:.!?“”\"\[\]]{0,39}):(?:\s+(?P<text>\S.*)|$)")
_WORDS = 4
_KNOWN = frozenset(
    {
        *("bottom line", "the bottom line", "big picture", "the big picture", "what's next", "yes, but"),
        *("by the numbers", "go deeper", "between the lines", "why it matters"),
    }
)


class Labels:
    """The labels of one text: known ones, and those with which two paragraphs of *blocks* begin."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        found = (_match(block.text) for block in blocks if not is_heading(block))
        counts = Counter(_key(match["label"]) for match in found if match)
        self._labels = _KNOWN | {label for label, count in counts.items() if count > 1}

    def split(self, block: Block) -> tuple[str, str] | None:
        """The label of *block* and the text behind it, which may be empty; None if it begins with none."""
        if match := _WHY.fullmatch(block.text):
            return match[1], match[2] or ""
        if len(block.lines) > 1 and is_why(block.lines[0]):
            return block.lines[0], " ".join(block.lines[1:])
        match = _match(block.text)
        if match is None or _key(match["label"]) not in self._labels:
            return None
        known = _key(match["label"]) in _KNOWN
        return (match["label"], match["text"] or "") if known or not is_heading(block) else None


def is_why(text: str) -> bool:
    """Whether *text* is “Why it matters” and nothing else."""
    return re.fullmatch(WHY, text, re.IGNORECASE) is not None


def _match(text: str) -> re.Match[str] | None:
    match = _LABEL.fullmatch(text)
    short = match and match["label"][0].isupper() and len(match["label"].split()) <= _WORDS
    return match if short else None


def _key(label: str) -> str:
    return label.replace("’", "'").casefold()
