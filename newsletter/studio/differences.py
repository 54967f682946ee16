"""What changed between two texts: paragraph by paragraph, and within a paragraph word by word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WORD = re.compile(r"\s+|[^\s\w]|\w+")
_DRAWN = re.compile(r"(?<=.)\n[=-]{3,}$")
#: Paragraphs that have less in common are two, not one that was changed.
_ALIKE = 0.35
#: So many paragraphs that are the same are shown around a change.
AROUND = 1


@dataclass(frozen=True)
class Run:
    """Words that are ``same``, ``added`` or ``removed``."""

    kind: str
    text: str


@dataclass(frozen=True)
class Change:
    """A paragraph: ``same``, ``added``, ``removed``, ``changed``; or *count* of the same, ``skipped``."""

    kind: str
    runs: tuple[Run, ...] = ()
    count: int = 0


@dataclass(frozen=True)
class Differences:
    """All that changed, and how many words came and went."""

    changes: tuple[Change, ...]
    added: int
    removed: int

    @property
    def none(self) -> bool:
        """Whether both texts are the same."""
        return not (self.added or self.removed)


def compare(before: str, after: str) -> Differences:
    """What is different in the text *after*, its paragraphs being parted by blank lines."""
    old, new = _paragraphs(before), _paragraphs(after)
    changes = list(_changes(old, new))
    runs = [run for change in changes for run in change.runs]
    return Differences(
        tuple(_shortened(changes)),
        sum(len(run.text.split()) for run in runs if run.kind == "added"),
        sum(len(run.text.split()) for run in runs if run.kind == "removed"),
    )


def _paragraphs(text: str) -> list[str]:
    """The paragraphs of plain text, without the lines that are drawn below headings: these are no words."""
    return [
        " ".join(_DRAWN.sub("", part.strip()).split()) for part in re.split(r"\n\s*\n", text) if part.strip()
    ]


def _changes(old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (Change("same", (Run("same", text),)) for text in old[i:j])
            continue
        for was, now in zip_longest(old[i:j], new[k:m]):
            yield from _change(was, now)


def _change(was: str | None, now: str | None) -> Iterator[Change]:
    if was is not None and now is not None:
        before, after = _WORD.findall(was), _WORD.findall(now)
        matcher = SequenceMatcher(None, before, after, autojunk=False)
        if matcher.ratio() >= _ALIKE:
            yield Change("changed", tuple(_runs(matcher, before, after)))
            return
    if was is not None:
        yield Change("removed", (Run("removed", was),))
    if now is not None:
        yield Change("added", (Run("added", now),))


def _runs(matcher: SequenceMatcher[str], before: list[str], after: list[str]) -> Iterator[Run]:
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            yield Run("same", "".join(before[i:j]))
            continue
        if i < j:
            yield Run("removed", "".join(before[i:j]))
        if k < m:
            yield Run("added", "".join(after[k:m]))


def _shortened(changes: Sequence[Change]) -> Iterator[Change]:
    """The changes, with what is the same far from any of them left out and counted."""
    near = {
        place + step
        for place, change in enumerate(changes)
        if change.kind != "same"
        for step in range(-AROUND, AROUND + 1)
    }
    left_out = 0
    for place, change in enumerate(changes):
        if place not in near:
            left_out += 1
            continue
        if left_out:
            yield Change("skipped", count=left_out)
            left_out = 0
        yield change
    if left_out:
        yield Change("skipped", count=left_out)
