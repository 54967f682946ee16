"""The head of pasted digest text: title, publication, date and byline, often more than once."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from newsletter.issues.dates import parse_day
from newsletter.issues.digest import Passage
from newsletter.issues.pasted import is_short, split_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from newsletter.issues.pasted import Block

_TITLE_LONGEST = 250
_BY = re.compile(r"(?:by|von|par|por|di|door|av|af)\s+(?P<who>\S.*)", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s+[•·|–—-]\s+|,\s+|\s+(?=by\s)", re.IGNORECASE)
#: How long a text takes to read, which web pages put beside the date; an issue does not need it.
_READING_TIME = re.compile(
    r"\s*[•·|–—-]\s*\d+[- ]?min(?:ute)?s?\.?(?: read)?$|^\d+[- ]?min(?:ute)?s?\.?(?: read)?\s*[•·|–—-]\s*",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"(?:[A-ZÀ-ÞŁŚŻŠČŽ][\w’'-]*\.?)(?: (?:[A-ZÀ-ÞŁŚŻŠČŽ][\w’'-]*\.?|de|van|von|der|da|di|la|le)){1,3}"
)
_AND = re.compile(r"\s*,\s*|\s+(?:and|und|et|y|&)\s+")


@dataclass(frozen=True)
class Head:
    """What the head says; ``unplaced`` is what it says beside that."""

    title: str
    publication: str
    date: date | None
    authors: tuple[str, ...]
    unplaced: tuple[Passage, ...]


@dataclass(frozen=True)
class _Line:
    """A line of the head: a date, a byline with or without one, or other text."""

    text: str
    line: int
    day: date | None = None
    who: str = ""

    @property
    def plain(self) -> bool:
        return not self.day and not self.who


def read_head(blocks: Sequence[Block], notes: list[str]) -> tuple[Head, list[Block]]:
    """The head of *blocks* and the blocks after it; doubts are added to *notes*."""
    candidates = _leading(blocks)
    if not candidates:
        notes.append(f"line {blocks[0].line if blocks else 1}: no title was found")
        return Head("", "", None, (), ()), list(blocks)
    head = candidates[: _extent(candidates)]
    rest = _rest(blocks, len(head))
    names = [line for line in head if line.plain]
    title, publication = _names(names, next((line.who for line in head if line.who), ""))
    unplaced = {line.text: line for line in names if line.text not in {title, publication}}
    notes += [f"line {line.line}: “{line.text}” was kept as a paragraph" for line in unplaced.values()]
    days = [line.day for line in head if line.day]
    if len(set(days)) > 1:
        notes.append(f"line {head[0].line}: the head has several dates; {days[0]} was taken")
    authors = tuple(_AND.split(next((line.who for line in head if line.who), "")))
    return Head(
        title,
        publication,
        days[0] if days else None,
        tuple(filter(None, authors)),
        tuple(Passage("paragraph", (line.text,), line.line) for line in unplaced.values()),
    ), rest


def _leading(blocks: Sequence[Block]) -> list[_Line]:
    """The lines at the top that could belong to the head: the first, and short ones after it."""
    lines: list[_Line] = []
    for block in blocks:
        inner = [
            _read(each.text, each.line, first=not lines and number == 0)
            for number, each in enumerate(split_lines([block]))
        ]
        known = {line.text for line in lines}
        if lines and not all(is_short(line.text) or line.text in known or not line.plain for line in inner):
            break
        if not lines and len(inner[0].text) > _TITLE_LONGEST:
            break
        lines += inner
    return _with_names(lines)


def _with_names(lines: Sequence[_Line]) -> list[_Line]:
    """*lines* with a name right beneath a date as a byline, unless another line is one."""
    named = any(line.who for line in lines)
    return [
        replace(line, who=line.text)
        if not named
        and before.day
        and line.line == before.line + 1
        and line.plain
        and _NAME.fullmatch(line.text)
        else line
        for before, line in zip([_Line("", 0), *lines], lines, strict=False)
    ]


def _read(text: str, line: int, *, first: bool) -> _Line:
    if first:
        return _Line(text, line)
    timeless = _READING_TIME.sub("", text)
    if day := parse_day(timeless):
        return _Line(text, line, day)
    by = _BY.fullmatch(timeless)
    who = by["who"] if by else timeless
    for separator in _SEPARATOR.finditer(who):
        before, behind = who[: separator.start()], who[separator.end() :]
        if (day := parse_day(before)) and _looks_like_names(behind):
            return _Line(text, line, day, match["who"] if (match := _BY.fullmatch(behind)) else behind)
        if day := parse_day(behind):
            return _Line(text, line, day, before)
    return _Line(text, line, None, who) if by and _looks_like_names(who) else _Line(text, line)


def _looks_like_names(text: str) -> bool:
    """Whether every word of *text* that is no small connecting word begins with a capital."""
    words = [word for word in _AND.sub(" ", text).split() if len(word) > 3 or word[0].isupper()]
    return 0 < len(words) <= 12 and all(not word[0].islower() for word in words) and is_short(text)


def _extent(lines: Sequence[_Line]) -> int:
    """How many of *lines* are the head: up to the last date, byline or repetition, at least one."""
    extent, seen = 1, {lines[0].text}
    for index, line in enumerate(lines[1:], start=2):
        if not line.plain or line.text in seen:
            extent = index
        seen.add(line.text)
    return extent


def _names(lines: Sequence[_Line], author: str) -> tuple[str, str]:
    """The title and the publication among the plain lines of a head."""
    counts = Counter(line.text for line in lines)
    order = sorted(counts, key=lambda text: (-counts[text], text == author))
    title = order[0]
    others = [text for text in order[1:] if counts[text] > 1 or text == author] or order[1:]
    return title, others[0] if others else ""


def _rest(blocks: Sequence[Block], count: int) -> list[Block]:
    """*blocks* without their first *count* lines."""
    rest = list(blocks)
    while rest and count >= len(rest[0].lines):
        count -= len(rest.pop(0).lines)
    if rest and count:
        first = rest[0]
        rest[0] = type(first)(first.line + count, first.lines[count:])
    return rest
