"""Rules on merge tags: who would be skipped because a value is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity, Subject
from newsletter.editions import Choice, Context, Evaluator, Value, split
from newsletter.issues import fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from newsletter.editions import Edition, Piece, Slot

#: What every subscriber has.
ALWAYS = {"email": "reader@example.com", "tags": (), "topics": (), "joined": "2026-01-01", "status": "active"}
MISSING = "\N{REPLACEMENT CHARACTER}"


def missing_default(subject: Subject) -> Iterator[Finding]:
    """A value that somebody may lack needs a default, or a condition around it; else they are skipped."""
    edition = subject.edition
    slots = {slot.token: slot for slot in edition.slots}
    links = {"unsubscribe": "https://x/", "preferences": "https://x/", "web": "https://x/"}
    values = Evaluator(edition).values(ALWAYS, links, missing=MISSING)
    lacking = {token for token, value in values.items() if value == MISSING}
    for token in _unguarded(edition, slots):
        if token in lacking:
            slot = slots[token]
            file, line = (subject.file, slot.line) if slot.line else _in_theme(subject, slot)
            yield Finding(
                "merge-default",
                Severity.ERROR,
                file,
                line,
                None,
                f"`{slot.source}` has no value for some subscribers, and no default; they would be skipped",
                f'give it one: `{{{{ {slot.expression} | default("…") }}}}`',
            )


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
    texts = ((edition.subject, Context.HEADER), (edition.html, Context.HTML), (edition.text, Context.TEXT))
    found = (token for text, context in texts for token in _walk(split(text, edition, context), slots, set()))
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


RULES = (missing_default,)
