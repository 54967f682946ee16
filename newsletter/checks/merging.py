"""Rules on merge tags: who would be skipped because a value is missing, and what the others read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity
from newsletter.checks.inbox import INBOXES, cut_subjects
from newsletter.checks.rule import Rule
from newsletter.checks.worst import ALWAYS, LINKS, subjects, texts
from newsletter.editions import Choice, Context, Evaluator, Value, split
from newsletter.issues import fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from newsletter.checks.subject import Subject
    from newsletter.editions import Edition, Piece, Slot

MISSING = "\N{REPLACEMENT CHARACTER}"
_OURS = "https://jinja.palletsprojects.com/en/stable/templates/#jinja-filters.default"

MERGE_DEFAULT = Rule(
    "merge-default",
    Severity.ERROR,
    "Whoever lacks a value that has no default is skipped.",
    _OURS,
    "Hello {{ subscriber.first_name }}.",
    'Hello {{ subscriber.first_name | default("reader") }}.',
)
MERGE_GAP = Rule(
    "merge-gap",
    Severity.WARNING,
    "An empty default leaves a gap before the comma for whoever lacks the value.",
    _OURS,
    'Hello {{ subscriber.first_name | default("") }}, welcome back.',
    'Hello {{ subscriber.first_name | default("reader") }}, welcome back.',
)
MERGE_SUBJECT = Rule(
    "merge-subject",
    Severity.NOTE,
    "With a long name in front, the inbox shows nothing else of the subject.",
    "https://www.w3.org/International/questions/qa-personal-names",
    "title: News\nsubject: '{{ subscriber.name | default(\"Reader\") }}, this is what happened in spring'",
    "title: News\nsubject: 'This is what happened in spring'",
    "front",
)
#: A blank before a sign that stands behind a word, and a greeting without a name.
_GAP = re.compile(r"[^\W\d_] +[,.!?;:](?=\s|$)")


def missing_default(subject: Subject) -> Iterator[Finding]:
    """A value that somebody may lack needs a default, or a condition around it."""
    edition = subject.edition
    slots = {slot.token: slot for slot in edition.slots}
    values = Evaluator(edition).values(ALWAYS, LINKS, missing=MISSING)
    lacking = {token for token, value in values.items() if value == MISSING}
    for token in _unguarded(edition, slots):
        if token in lacking:
            slot = slots[token]
            file, line = (subject.file, slot.line) if slot.line else _in_theme(subject, slot)
            yield subject.finding(
                MERGE_DEFAULT,
                f"`{slot.source}` has no value for some subscribers, and no default; they would be skipped",
                hint=f'give it one: `{{{{ {slot.expression} | default("…") }}}}`',
                file=file,
                line=line,
            )


def worst_values(subject: Subject) -> Iterator[Finding]:
    """What the readers at the edges get."""
    personal = [slot for slot in subject.edition.slots if slot.kind == "value" and slot.line]
    if not personal:
        return
    read = texts(subject.edition)
    usual = {match[0] for match in _GAP.finditer(read["usual"])}
    gap = next((match for match in _GAP.finditer(read["nameless"]) if match[0] not in usual), None)
    if gap:
        emptied = [slot for slot in personal if "default" in slot.expression]
        yield subject.finding(
            MERGE_GAP,
            f"whoever lacks the value reads “{_around(read['nameless'], gap)}”",
            hint="give it a default that can stand there, or a condition around the sentence",
            line=(emptied or personal)[0].line,
        )
    said = subjects(subject.edition)
    if len(cut_subjects(said["longest"])) == len(INBOXES) > len(cut_subjects(said["usual"])):
        yield subject.finding(
            MERGE_SUBJECT,
            f"with a name of 60 letters no inbox shows the end of “{said['usual']}”",
            hint="let the subject begin with what it is about",
            line=subject.key_line("subject" if "subject" in subject.issue.lines else "title"),
        )


def _around(text: str, match: re.Match[str]) -> str:
    start = text.rfind("\n", 0, match.start()) + 1
    return text[max(start, match.start() - 20) : match.end() + 15].split("\n")[0].strip()


def _in_theme(subject: Subject, slot: Slot) -> tuple[str, int | None]:
    """The file and line of the theme in which a slot that the issue does not have is made."""
    expression = slot.source.strip("{} ")
    for name, text in subject.theme.files.items() if subject.theme else ():
        for number, line in enumerate(text.splitlines(), 1):
            if "merge(" in line and expression in line:
                return subject.theme.place(name) if subject.theme else name, number
    return subject.file, None


def _unguarded(edition: Edition, slots: dict[str, Slot]) -> list[str]:
    """The tokens of values, each once, that stand outside of conditions on the fields that they use."""
    parts = ((edition.subject, Context.HEADER), (edition.html, Context.HTML), (edition.text, Context.TEXT))
    found = (token for text, context in parts for token in _walk(split(text, edition, context), slots, set()))
    return list(dict.fromkeys(found))


def _walk(pieces: Sequence[Piece], slots: dict[str, Slot], guarded: set[str]) -> Iterator[str]:
    for piece in pieces:
        if isinstance(piece, Value):
            if not fields(slots[piece.token].expression) & guarded:
                yield piece.token
        elif isinstance(piece, Choice):
            for token, branch in piece.branches:
                asked = fields(slots[token].expression) if token else set()
                yield from _walk(branch, slots, guarded | asked)


RULES = (MERGE_DEFAULT, MERGE_GAP, MERGE_SUBJECT)
LOOKS = (missing_default, worst_values)
