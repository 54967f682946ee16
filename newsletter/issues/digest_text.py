"""Pasted digest text, read by the looks of its lines, as an editor would.

The text is divided into blocks at blank lines; a block with a line of more than 120 characters was not
wrapped by hand, and each of its lines is a block. Then, from the top:

- *Head*: the leading short lines up to the last that is a date, a byline or the repetition of another. The
  line that is repeated most is the title, another is the publication.
- *Sources*: a line “Sources” (or “References” …) and the numbered lines after it, at the end.
- *Lists*: lines with bullets, or with numbers that rise by one, after one another.
- *Headings*: single lines of at most 120 characters without final punctuation; but no greeting, no line
  within which a sentence ends, and none that begins with a bullet or a dash.
- *Labels*: “Why it matters” with a colon or alone on its line; “The big picture:” and others that newsletters
  share; and one of up to four words with which two paragraphs begin. They are call-outs.
- *Stories and sections*: a heading whose text holds a “Why it matters” is a story. One followed directly by
  another heading is a section; so is, in a text that has “Why it matters”, one with a single paragraph
  before the next heading: its introduction. In a text without either sign, each heading is a section.
  Where two headings or more, but not all, are in capitals, these are the sections and the others stories.
- *Sentences* that a blank line tears apart are joined: the first half is no heading and ends without
  punctuation, the second begins with a small letter.
- *Quotations* are paragraphs that are one quotation in quotation marks, with their citation. A line behind
  a dash after one says whom it is from.

What fits nowhere is kept as a paragraph where it stands, and noted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from newsletter.errors import IssueError, at
from newsletter.issues.citations import CITATION, SOURCES_TITLES
from newsletter.issues.digest import Digest, Passage
from newsletter.issues.digest_head import read_head
from newsletter.issues.digest_labels import Labels, is_why
from newsletter.issues.digest_lists import divide_lists, read_list
from newsletter.issues.digest_outline import outline
from newsletter.issues.pasted import Block, is_heading, to_blocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_NUMBERED = re.compile(r"\[?(\d{1,4})[\].)](?:\s+(.*))?")
#: A name and a role, with no full stop but those of initials and abbreviations.
_WHO = (
    r"(?P<who>[^\W_](?:[^.!?]|(?<=\b[^\W\d_])\.|(?<=\b[DM]r)\.|(?<=\bMs)\.|(?<=\bMrs)\.|(?<=\bSen)\.|(?<=\bRep)\."
    r"|(?<=\bProf)\.|(?<=\bInc)\.|(?<=\bLtd)\.|(?<=\bCorp)\.|(?<=\bCo)\.){0,119})"
)
_QUOTATION = re.compile(
    r"(?P<said>(?:“[^“”]+”|\"[^\"]+\"|«[^«»]+»|„[^„“”]+[“”])[.,]?\s*(?:\[[\d,\s]+\]\s*)*\.?)"
    rf"(?:\s*(?:[—–―]|--?)\s*{_WHO})?"
)
_ATTRIBUTION = re.compile(rf"(?:[—–―]|--?(?=\s))\s*{_WHO}")
_SPOKEN = re.compile(r"[.!?…][”\"»“]")
_ENDED = re.compile(r"[.!?:;…。！？]['\"”’»)]*(?:\s*\[[\d,\s]+\])?$|\]$")
#: Words that begin the second half of a sentence, where the first half is short enough for a heading.
_CONNECTING = frozenset(
    {
        *(
            "a",
            "an",
            "and",
            "are",
            "as",
            "at",
            "but",
            "by",
            "for",
            "from",
            "had",
            "has",
            "have",
            "in",
            "into",
        ),
        *("is", "it", "its", "like", "of", "on", "or", "rather", "that", "the", "their", "these", "they"),
        *("this", "to", "was", "were", "which", "while", "who", "whose", "will", "with", "without"),
    }
)


def read_digest_text(text: str, source: Path | None = None) -> Digest:
    """The parts of pasted digest text.

    Args:
        text: the text; a byte order mark and any line ends are tolerated.
        source: where it is from, for errors.

    Raises:
        IssueError: it is empty, or no text at all.
    """
    if re.search(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]", text):
        raise IssueError(
            "this is binary data, not text", where=at(source), hint="save it as plain text in UTF-8"
        )
    blocks = to_blocks(text)
    if not blocks:
        raise IssueError("the text is empty", where=at(source), hint="paste the digest into it")
    notes: list[str] = []
    blocks, listed = _take_sources(blocks, notes)
    head, rest = read_head(blocks, notes)
    passages = _passages(rest, notes)
    deck, sections = outline(passages, notes)
    _check_citations([passage for _, passage in passages if passage], dict(listed.entries), notes)
    if head.date is None:
        notes.append("no date was found; the issue gets today's unless `--date` says otherwise")
    return Digest(
        title=head.title,
        date=head.date,
        publication=head.publication,
        authors=head.authors,
        deck=(*head.unplaced, *deck),
        sections=sections,
        sources_title=listed.title,
        sources=listed.entries,
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class _Sources:
    title: str = ""
    entries: tuple[tuple[int, str], ...] = ()


def _take_sources(blocks: Sequence[Block], notes: list[str]) -> tuple[list[Block], _Sources]:
    """The blocks without the closing list of sources, and that list.

    Text behind the list is put back as the last blocks.
    """
    for index in range(len(blocks) - 1, 0, -1):
        title = blocks[index].lines[0]
        if title.rstrip(": ").casefold() not in SOURCES_TITLES:
            continue
        remainder = [Block(blocks[index].line + 1, blocks[index].lines[1:]), *blocks[index + 1 :]]
        entries, behind = _entries([block for block in remainder if block.lines])
        if not entries:
            continue
        for block in behind:
            notes.append(f"line {block.line}: text behind the list of sources was put before it")
        for number, text in entries:
            if not text:
                notes.append(f"source {number} has no text and was left out")
        kept = tuple((number, text) for number, text in entries if text)
        if any(a >= b for (a, _), (b, _) in pairwise(kept)):
            notes.append("the numbers of the sources do not rise; they are counted from the first")
        return [*blocks[:index], *behind], _Sources(title.rstrip(": "), kept)
    return list(blocks), _Sources()


def _entries(blocks: Iterable[Block]) -> tuple[list[tuple[int, str]], list[Block]]:
    """The numbered entries in *blocks*, and the blocks behind them."""
    entries: list[tuple[int, str]] = []
    behind: list[Block] = []
    for block in blocks:
        if behind or (not _NUMBERED.fullmatch(block.lines[0]) and not (entries and not entries[-1][1])):
            behind.append(block)
            continue
        for line in block.lines:
            if match := _NUMBERED.fullmatch(line):
                entries.append((int(match[1]), (match[2] or "").strip()))
            else:
                number, text = entries[-1]
                entries[-1] = (number, f"{text} {line}".strip())
    return entries, behind


def _passages(blocks: Sequence[Block], notes: list[str]) -> list[tuple[Block, Passage | None]]:
    """Each block with what it is; None for a heading."""
    found: list[tuple[Block, Passage | None]] = []
    joined = _joined(divide_lists(blocks))
    labels = Labels(joined)
    for block, after in zip(joined, [*joined[1:], None], strict=False):
        alone = is_why(block.text) and after is not None and not is_heading(after)
        passage = _passage(block, labels)
        if is_heading(block) and not alone and not _is_told(passage):
            found.append((block, None))
            continue
        if found and (last := found[-1][1]) and (whole := _completed(last, passage)):
            found[-1] = (found[-1][0], whole)
            continue
        found.append((block, passage))
        if passage.kind == "paragraph" and len(block.text) <= 80 and block.text.endswith("?"):
            notes.append(f"line {block.line}: “{block.text}” may be a heading; it was kept as a paragraph")
    return found


def _is_told(passage: Passage) -> bool:
    """Whether *passage* is no heading though short: a label with its text, a quotation with its speaker."""
    if passage.kind == "quote":
        return bool(passage.label) and _SPOKEN.search(passage.text) is not None
    return passage.kind == "callout" and bool(passage.text)


def _completed(last: Passage, passage: Passage) -> Passage | None:
    """*last* with what *passage* adds to it: the text of a label, whom a quotation is from; else None."""
    if passage.kind != "paragraph":
        return None
    if last.kind == "callout" and not last.text:
        return replace(last, lines=passage.lines)
    if last.kind == "quote" and not last.label and (match := _ATTRIBUTION.fullmatch(passage.text)):
        return replace(last, label=match["who"])
    return None


def _joined(blocks: Iterable[Block]) -> list[Block]:
    """*blocks* with the two halves of sentences that a blank line tore apart joined."""
    joined: list[Block] = []
    for block in blocks:
        if joined and _continues(joined[-1], block):
            joined[-1] = Block(joined[-1].line, (joined[-1].text, block.text))
        else:
            joined.append(block)
    return joined


def _continues(before: Block, block: Block) -> bool:
    word = block.text.split()[0]
    if not word.islower() or _ENDED.search(before.text) or read_list(before):
        return False
    return not is_heading(before) or word in _CONNECTING


def _passage(block: Block, labels: Labels) -> Passage:
    if listed := read_list(block):
        return listed
    if split := labels.split(block):
        return Passage("callout", tuple(filter(None, split[1:])), block.line, split[0])
    if match := _QUOTATION.fullmatch(block.text):
        return Passage("quote", (match["said"].strip(),), block.line, match["who"] or "")
    return Passage("paragraph", (block.text,), block.line)


def _check_citations(passages: Iterable[Passage], sources: dict[int, str], notes: list[str]) -> None:
    for passage in passages:
        for match in CITATION.finditer(passage.text):
            missing = [number for number in match[1].split(",") if int(number) not in sources]
            if missing:
                notes.append(f"line {passage.line}: {match[0]} cites what the list of sources lacks")
