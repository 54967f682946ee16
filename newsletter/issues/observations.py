"""What reading an issue notices that is no error: text that was perhaps meant as something else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from markdown_it.rules_block.table import escapedSplit

from newsletter.issues.citations import CITATION
from newsletter.issues.kinds import Code, Footnote, Html, Table
from newsletter.issues.merge_tags import ROOTS, blanked, is_rooted
from newsletter.issues.walk import iter_blocks, iter_inlines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.issues.kinds import Inline
    from newsletter.issues.model import Document, Issue

_BRACES = re.compile(r"\{\{[^\n{}]*(?:\}\})?")
_CONTROL = re.compile(r"\{%[^\n{}]*%\}")
_REFERENCE = re.compile(r"\[([^\[\]\n]+)\]\[([^\[\]\n]*)\]")
_DEFINITION = re.compile(r"^\[([^\[\]\n]+)\]:\s+\S+", re.MULTILINE)
_NOTE_MARK = re.compile(r"\[\^([^\]\s]+)\](?!:)")
_NOTE = re.compile(r"^ {0,3}\[\^([^\]\s]+)\]:", re.MULTILINE)
_CONTAINER = re.compile(r"^:::.*\w.*$", re.MULTILINE)
_ATTRIBUTE = re.compile(r"\{\s*(?:\.[\w-]+|(?:width|height|class|id|alt|track)\s*=[^{}\n]*)\s*\}")
#: Links that Markdown refuses to make, so that they go out as they were typed.
_REFUSED = re.compile(r"\[[^\[\]\n]*\]\(\s*<?(javascript|vbscript|file|data):[^\s]*\)", re.IGNORECASE)
_FIRST_NAME = re.compile(r"[^\W\d]\w*")
#: What people write when they mean ``subscriber.…``.
_FIELDS = frozenset(
    {"email", "name", "first_name", "last_name", "locale", "tags", "topics", "firstname", "lastname"}
)


@dataclass(frozen=True)
class Observation:
    """One thing that was noticed, and where in the file; lines and columns count from 1."""

    rule: str
    line: int
    column: int
    message: str
    hint: str


def observations(issue: Issue, document: Document) -> list[Observation]:
    """All that is worth a look in *issue*, of which *document* was read, in the order of the file.

    Rules: ``merge-tag-misspelt``, ``merge-tag-unclosed`` and ``merge-control`` for what would go out to
    readers as braces, ``braces-kept`` for other braces, ``reference-unresolved`` for links without a
    definition, ``citation-unknown`` for numbers that the list of sources lacks, ``footnote-unknown`` and
    ``footnote-unused`` for marks without a note and notes without a mark, ``table-cells-lost`` for cells
    beyond the last column, which GFM (4.10) ignores, ``container-kept`` and
    ``attribute-kept`` for what looks like cards, a button or a width and is none, ``link-scheme`` for
    links to what runs or lies on the editor's machine, which stay text.
    """
    places = _Places(issue)
    found = {*_front_matter(issue, document), *_unused_notes(issue, document), *_lost_cells(issue, document)}
    for line, text in _prose(document):
        for snippet, rule, message, hint in _notice(text, document):
            for place in places.of(snippet, line):
                found.add(Observation(rule, *place, message, hint))
    return sorted(found, key=lambda seen: (seen.line, seen.column, seen.rule))


def _front_matter(issue: Issue, document: Document) -> Iterator[Observation]:
    values = {"title": document.title, "subject": document.subject, "preheader": document.preheader}
    for key, text in values.items():
        if key in issue.lines:
            source = getattr(issue, key)
            for snippet, rule, message, hint in _braces(text):
                if "\\" + snippet not in source:
                    yield Observation(rule, issue.lines[key], 1, message, hint)


def _unused_notes(issue: Issue, document: Document) -> Iterator[Observation]:
    """Notes that no mark refers to, which reach no reader."""
    blocks = list(iter_blocks(document))
    used = {block.label for block in blocks if isinstance(block, Footnote)}
    code = "\n".join(block.text for block in blocks if isinstance(block, Code))
    for match in _NOTE.finditer(issue.body):
        if match[1] not in used and match[0].strip() not in code:
            line = issue.body_line + issue.body.count("\n", 0, match.start())
            message = f"the note `[^{match[1]}]` has no mark in the text and is left out"
            yield Observation("footnote-unused", line, 1, message, f"put `[^{match[1]}]` where it belongs")


def _lost_cells(issue: Issue, document: Document) -> Iterator[Observation]:
    """Rows of tables that have more cells than the head, which is as many as readers get."""
    lines = issue.body.split("\n")
    for table in (block for block in iter_blocks(document) if isinstance(block, Table)):
        width = len(table.head)
        # The rows stand each on its line, below the head and the line of dashes.
        first = table.line - issue.body_line + 2
        for index, line in enumerate(lines[first : first + len(table.rows)], first):
            cells = escapedSplit(blanked(line).lstrip(" \t>").strip())
            count = len(cells) - (not cells[0]) - (not cells[-1])
            if any(cell.strip() for cell in cells[not cells[0] :][width:]):
                message = f"this row has {count} cells, and the head {width}; the rest reaches no reader"
                hint = "give the head as many, or write `\\|` for a bar that is text"
                yield Observation("table-cells-lost", issue.body_line + index, 1, message, hint)


def _prose(document: Document) -> Iterator[tuple[int, str]]:
    """The text of each block without its code, and raw HTML."""
    for line, content in iter_inlines(document):
        yield line, _text(content)
    for block in iter_blocks(document):
        if isinstance(block, Html):
            yield block.line, block.text


def _text(content: Inline) -> str:
    """Text as it was typed, line ends kept; code, citations and images are gaps."""
    parts = {"softbreak": "\n", "hardbreak": "\n"}
    return "".join(
        token.content
        if token.type in {"text", "html_inline"}
        else parts.get(token.type, "\x00" if token.content else "")
        for token in content
    )


def _notice(text: str, document: Document) -> Iterator[tuple[str, str, str, str]]:
    """What is worth a look in *text*: the snippet, the rule, the message and the hint."""
    yield from _braces(text)
    for match in _REFERENCE.finditer(text):
        if not match[2].isdigit():
            name = match[2] or match[1]
            hint = f"add a line `[{name}]: https://…`, with a blank line before it"
            yield match[0], "reference-unresolved", f"`{match[0]}` has no definition and stays text", hint
    for match in _DEFINITION.finditer(text):
        yield (
            match[0],
            "reference-unresolved",
            f"the definition of `[{match[1]}]` stands within a paragraph and stays text",
            "put a blank line before it",
        )
    yield from _marks(text)
    if document.sources:
        known = {source.number for source in document.sources}
        for match in CITATION.finditer(text):
            missing = [number for number in map(int, match[1].split(",")) if number not in known]
            if missing:
                numbers = ", ".join(map(str, missing))
                hint = f"the list ends with {max(known)}; add an entry or correct the number"
                yield (
                    match[0],
                    "citation-unknown",
                    f"`{match[0]}` cites {numbers}, which the list of sources lacks",
                    hint,
                )


def _marks(text: str) -> Iterator[tuple[str, str, str, str]]:
    """Marks of Markdown that stayed text."""
    for match in _NOTE_MARK.finditer(text):
        hint = f"add a line `[^{match[1]}]: …`"
        yield match[0], "footnote-unknown", f"`{match[0]}` has no note and stays text", hint
    for match in _CONTAINER.finditer(text):
        hint = "write `::: cards`, the cards, and `:::`, each on a line of its own"
        yield match[0], "container-kept", f"`{match[0]}` goes out as text", hint
    for match in _REFUSED.finditer(text):
        message = f"`{match[0]}` is no link and goes out as text: nothing may lead to `{match[1]}:`"
        yield match[0], "link-scheme", message, "write where it leads on the web: `https://…`"
    for match in _ATTRIBUTE.finditer(text):
        hint = (
            "a button is a link alone in its paragraph, `[…](…){.button}`; an image takes `{width=300}`,"
            " and a link that is no button `{track=no}`"
        )
        yield match[0], "attribute-kept", f"`{match[0]}` goes out as text", hint


def _braces(text: str) -> Iterator[tuple[str, str, str, str]]:
    for match in _BRACES.finditer(text):
        yield match[0], *_explain(match[0])
    for match in _CONTROL.finditer(text):
        words = match[0].strip("{}%- ").split(maxsplit=1)
        stray = bool(words) and words[0] in {"elif", "else", "endif"}
        if stray or (len(words) == 2 and is_rooted(words[1])):
            message = f"`{match[0]}` is text here"
            yield (
                match[0],
                "merge-control",
                message,
                "control tags stand on lines of their own: if, elif, else, endif",
            )
        else:
            yield (
                match[0],
                "braces-kept",
                f"`{match[0]}` goes out as text",
                "remove it, or put it in `code` if it is meant",
            )


def _explain(braces: str) -> tuple[str, str, str]:
    """The rule, message and hint for braces that are no merge tag."""
    inner = braces.strip("{}- ")
    first = match[0] if (match := _FIRST_NAME.match(inner)) else ""
    if first in ROOTS:
        return (
            "merge-tag-unclosed",
            f"`{braces}` is not complete and goes out as text",
            "close it on the same line with `}}`, its quotes too; put `\\` before it if it is text",
        )
    if near := get_close_matches(first, ROOTS, 1, 0.75):
        return (
            "merge-tag-misspelt",
            f"`{braces}` is no merge tag and goes out as text",
            f"did you mean `{near[0]}`?",
        )
    if first.lower() in _FIELDS and inner.lower().startswith(first.lower()):
        hint = f"did you mean `subscriber.{first.lower()}`?"
        return "merge-tag-misspelt", f"`{braces}` is no merge tag and goes out as text", hint
    return (
        "braces-kept",
        f"`{braces}` goes out as text",
        "merge tags begin with "
        + ", ".join(f"`{root}`" for root in ROOTS)
        + "; put text in `code` to say so",
    )


class _Places:
    """Finds what was noticed in the file again."""

    def __init__(self, issue: Issue) -> None:
        self._lines = issue.body.split("\n")
        self._first = issue.body_line

    def of(self, snippet: str, start: int) -> Iterator[tuple[int, int]]:
        """The place of *snippet*, from line *start* of the file on; none if it stands there escaped only."""
        escaped = False
        for index in range(max(start - self._first, 0), len(self._lines)):
            column = self._lines[index].find(snippet)
            if column > 0 and self._lines[index][column - 1] == "\\":
                escaped = True
            elif column >= 0:
                yield self._first + index, column + 1
                return
        if not escaped:
            yield start, 1
