"""Rules on what the reader sees first: subject, preheader, and text that was not meant to go out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity, Subject
from newsletter.issues import observations

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What fits: about 70 characters of a subject on a desktop, about 35 on a phone; 40 to 100 of a preheader.
SUBJECT_LONGEST = 70
PREHEADER_SHORTEST, PREHEADER_LONGEST = 40, 150
#: What editors leave for later; whole words in capitals, so that prose is not accused.
_PLACEHOLDER = re.compile(r"\b(?:TK|TODO|FIXME|XXX|LOREM IPSUM)\b|\b[Ll]orem ipsum\b")


def subject_length(subject: Subject) -> Iterator[Finding]:
    """A subject that every inbox cuts off says its end to nobody."""
    length = len(subject.issue.subject or subject.issue.title)
    if length > SUBJECT_LONGEST:
        yield subject.finding(
            "subject-length",
            Severity.WARNING,
            f"the subject has {length} characters; inboxes show about {SUBJECT_LONGEST}",
            hint="set a shorter `subject:` in the front matter",
            line=subject.key_line("subject" if "subject" in subject.issue.lines else "title"),
        )


def preheader(subject: Subject) -> Iterator[Finding]:
    """Without a preheader of its own, the inbox shows whatever text comes first."""
    text = subject.issue.preheader
    if not text:
        yield subject.finding(
            "preheader-missing",
            Severity.NOTE,
            "there is no preheader; the inbox shows the beginning of the text",
            hint="add `preheader:` to the front matter, 40 to 100 characters",
            line=1,
        )
    elif not PREHEADER_SHORTEST <= len(text) <= PREHEADER_LONGEST:
        yield subject.finding(
            "preheader-length",
            Severity.WARNING,
            f"the preheader has {len(text)} characters; {PREHEADER_SHORTEST} to 100 are shown well",
            line=subject.key_line("preheader"),
        )


def placeholder_text(subject: Subject) -> Iterator[Finding]:
    """Words that editors leave for later must not reach a reader."""
    for number, line in enumerate(subject.issue.body.splitlines()):
        if match := _PLACEHOLDER.search(line):
            yield subject.finding(
                "placeholder-text",
                Severity.WARNING,
                f"`{match[0]}` looks like something left for later",
                line=subject.issue.body_line + number,
                column=match.start() + 1,
            )


def source_observations(subject: Subject) -> Iterator[Finding]:
    """What reading the Markdown noticed: dangling references, citations without a source, near merge tags."""
    for seen in observations(subject.issue, subject.document):
        wrong = seen.rule.startswith("merge") or seen.rule == "link-scheme"
        severity = Severity.ERROR if wrong else Severity.WARNING
        yield subject.finding(
            seen.rule, severity, seen.message, hint=seen.hint, line=seen.line, column=seen.column
        )


def postal_address(subject: Subject) -> Iterator[Finding]:
    """Commercial mail must name a postal address (CAN-SPAM Act, 15 U.S.C. 7704(a)(5)(A)(iii))."""
    if not subject.publication.postal_address.strip():
        yield Finding(
            "postal-address",
            Severity.WARNING,
            "newsletter.toml",
            None,
            None,
            "there is no postal address for the footer",
            'add `postal_address = "…"` under `[publication]`',
        )


RULES = (subject_length, preheader, placeholder_text, source_observations, postal_address)
