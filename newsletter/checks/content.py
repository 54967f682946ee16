"""Rules on what the reader sees first: subject, preheader, and text that was not meant to go out."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity
from newsletter.checks.inbox import INBOXES, cut_subjects
from newsletter.checks.rule import Rule
from newsletter.checks.worst import usual
from newsletter.issues import Code, iter_blocks, iter_inlines, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.checks.subject import Subject

#: In characters: what is shown well of a preheader.
PREHEADER_SHORTEST, PREHEADER_LONGEST = 40, 150
#: In characters: Gmail shows as much of what comes first in a mail.
PREHEADER_ROOM = 200
_INBOXES = "https://www.emailtooltester.com/en/blog/email-subject-lines-character-limit/"
_GMAIL_PREVIEW = "https://github.com/resend/react-email/issues/2268"

SUBJECT_LENGTH = Rule(
    "subject-length",
    Severity.WARNING,
    "A subject that every inbox cuts off says its end to nobody.",
    _INBOXES,
    "title: How a small team moved four hundred newsletters to one system in a single quiet weekend",
    "title: Four hundred newsletters, moved in one weekend",
    "front",
)
PREHEADER_MISSING = Rule(
    "preheader-missing",
    Severity.NOTE,
    "Without a preheader of its own, the inbox shows whatever text comes first.",
    _INBOXES,
    "title: News",
    "title: News\npreheader: What this issue says in one line, long enough for an inbox.",
    "front",
)
PREHEADER_LENGTH = Rule(
    "preheader-length",
    Severity.WARNING,
    "A short preheader wastes the line that decides whether a mail is opened, a long one is cut off.",
    _INBOXES,
    "title: News\npreheader: Hello!",
    "title: News\npreheader: What this issue says in one line, long enough for an inbox.",
    "front",
)
PREHEADER_REPEATS = Rule(
    "preheader-repeats",
    Severity.WARNING,
    "A preheader that says the subject again tells the reader nothing.",
    _INBOXES,
    "title: Four hundred newsletters, moved in one weekend\n"
    "preheader: Four hundred newsletters, moved in one weekend",
    "title: Four hundred newsletters, moved in one weekend\n"
    "preheader: What broke, what held, and what we would do again.",
    "front",
)
PREHEADER_BLEED = Rule(
    "preheader-bleed",
    Severity.WARNING,
    "Where the preheader ends too early, the inbox shows what follows it: often a menu or “view online”.",
    _GMAIL_PREVIEW,
    '<body><div style="display:none">Short.</div><p>View this mail in your browser</p></body>',
    '<body><div style="display:none">Short.' + "&#847;&zwnj;&nbsp;" * 70 + "</div><p>View online</p></body>",
    "document",
)
PLACEHOLDER_TEXT = Rule(
    "placeholder-text",
    Severity.WARNING,
    "Words that editors leave for later must not reach a reader.",
    "https://en.wikipedia.org/wiki/To_come_(publishing)",
    "The price is TK euros.",
    "The price is 12 euros.",
)
DRAFT = Rule(
    "draft",
    Severity.WARNING,
    "An issue that calls itself a draft is not finished.",
    "https://www.rfc-editor.org/rfc/rfc5321#section-6.1",
    "title: News\ndraft: true",
    "title: News",
    "front",
)
REPEATED_WORD = Rule(
    "repeated-word",
    Severity.WARNING,
    "A word that was typed twice is seen by every reader, and by the writer last.",
    "https://proselint.com/",
    "We moved all of the the data.",
    "We moved all of the data.",
)
FOREIGN_TAG = Rule(
    "merge-foreign",
    Severity.ERROR,
    "Merge tags of another service are text here, and readers see them as they are.",
    "https://mailchimp.com/help/all-the-merge-tags-cheat-sheet/",
    "Hello *|FNAME|*, welcome.",
    'Hello {{ subscriber.first_name | default("reader") }}, welcome.',
)

#: What editors leave for later; whole words in capitals, so that prose is not accused.
_PLACEHOLDER = re.compile(
    r"\b(?:TK|TKTK|TODO|FIXME|XXX|TBD|LOREM IPSUM)\b|\b[Ll]orem ipsum\b|\bdolor sit amet\b"
    r"|\[(?:insert|add|your) [^\]\n]{2,40}\](?![\[(:])|\b[Yy]our text here\b"
)
_FOREIGN = re.compile(
    r"\*\|[A-Z][A-Z0-9_:]*\|\*|%%[A-Za-z_]\w*%%|%recipient[.\w]*%|\{\$[A-Za-z_][\w.]*\}|\[\[\w+(?:\|[^\]]*)?\]\]"
    r"|\{\{\{?[#/][\w. ]+\}\}|(?<![{$\\])\{(?i:(?:f|l|first|last|full)_?name)\}(?!\})"
)
#: What nobody writes for any other reason, in any language: Mailchimp's, ExactTarget's in capitals or not,
#: Mailgun's. Others may be prose: a template's `[[name]]` is a link of a wiki, too.
_SURELY_FOREIGN = re.compile(r"\*\|[A-Z][A-Z0-9_:]*\|\*|%%[A-Za-z_]\w*%%|%recipient[.\w]*%")
#: English words that stand twice in a row for a reason.
_TWICE = frozenset(
    "had that is do no so very really bye ha hey knock blah there now never well yes is on in".split()  # noqa: SIM905
)
_REPEATED = re.compile(r"(?<![\w'’-])([a-z]{2,})[ \n]+\1(?![\w'’-])")
_DRAFT = re.compile(r"^\W*(?:draft|entwurf|wip|do not send)\b", re.IGNORECASE)
_HIDDEN = re.compile(r"display:\s*none")
_INVISIBLE = re.compile("[\u034f\u200b\u200c\u200d\u00a0\u00ad\ufeff\u2007\u2060\\s]+")


def subject_length(subject: Subject) -> Iterator[Finding]:
    """The subject, against the room of every inbox."""
    text = usual(subject.edition, subject.edition.subject)
    cut = cut_subjects(text)
    if len(cut) == len(INBOXES):
        longest = max(cut.values(), key=len)
        yield subject.finding(
            SUBJECT_LENGTH,
            f"the subject has {len(text)} characters; no inbox shows more than “{longest}”",
            hint="set a shorter `subject:` in the front matter",
            line=subject.key_line("subject" if "subject" in subject.issue.lines else "title"),
            clients=tuple(cut),
        )


def preheader(subject: Subject) -> Iterator[Finding]:
    """The issue's own preheader."""
    line = subject.key_line("preheader")
    if not subject.issue.preheader:
        yield subject.finding(
            PREHEADER_MISSING,
            "there is no preheader; the inbox shows the beginning of the text",
            hint="add `preheader:` to the front matter, 40 to 100 characters",
            line=1,
        )
        return
    text = usual(subject.edition, subject.edition.preheader)
    if not PREHEADER_SHORTEST <= len(text) <= PREHEADER_LONGEST:
        yield subject.finding(
            PREHEADER_LENGTH,
            f"the preheader has {len(text)} characters; {PREHEADER_SHORTEST} to 100 are shown well",
            line=line,
        )
    if text.strip().lower() == usual(subject.edition, subject.edition.subject).strip().lower():
        yield subject.finding(
            PREHEADER_REPEATS,
            "the preheader is the subject",
            hint="say what the subject leaves out",
            line=line,
        )


def preheader_bleed(subject: Subject) -> Iterator[Finding]:
    """What the mail says before anything visible: the preheader, and what keeps the rest away from it."""
    body = next((each for each in subject.elements if each.name == "body"), None)
    first = next((each for each in subject.elements if each.parent is body), None) if body else None
    if first is None or not _HIDDEN.search(first.attributes.get("style", "")):
        return
    held = len(unescape(subject.edition.html[first.inner : first.end]))
    after = subject.edition.html[first.end :]
    text = " ".join(
        _INVISIBLE.sub(" ", unescape(re.sub(r"<!--.*?-->|<[^>]*>", " ", after, flags=re.S))).split()
    )
    if held < PREHEADER_ROOM and text:
        yield subject.finding(
            PREHEADER_BLEED,
            f"behind the preheader, inboxes show “{text[: PREHEADER_ROOM - held][:60]}”",
            hint="let the theme fill it up with `&#847;&zwnj;&nbsp;` to 200 characters",
            line=subject.key_line("preheader"),
        )


def unfinished(subject: Subject) -> Iterator[Finding]:
    """What was left for later, in the text and in the front matter, and tags of other services."""
    code = {
        line for block in iter_blocks(subject.document) if isinstance(block, Code) for line in _lines(block)
    }
    for number, line in enumerate(subject.issue.body.splitlines(), subject.issue.body_line):
        if number in code:
            continue
        plain = re.sub(r"`[^`]*`", lambda match: " " * len(match[0]), line)
        if match := _PLACEHOLDER.search(plain):
            yield _left(subject, match[0], number, match.start() + 1)
        if match := _FOREIGN.search(plain):
            yield _foreign(subject, match[0], number, match.start() + 1)
    for key in ("title", "subject", "preheader"):
        if match := _PLACEHOLDER.search(getattr(subject.issue, key)):
            yield _left(subject, match[0], subject.key_line(key), None)
        if key in subject.issue.lines and (match := _FOREIGN.search(getattr(subject.issue, key))):
            yield _foreign(subject, match[0], subject.key_line(key), None)
    marked = subject.issue.extra.get("draft") in (True, "true", "yes")
    if marked or _DRAFT.match(subject.issue.subject or subject.issue.title):
        yield subject.finding(
            DRAFT,
            "the issue says that it is a draft",
            hint="take the mark out when it is finished",
            line=subject.key_line("draft" if marked else "title"),
        )


def repeated_words(subject: Subject) -> Iterator[Finding]:
    """Words that stand twice in a row, in English, where few may."""
    if not subject.edition.language.lower().startswith("en"):
        return
    for line, content in iter_inlines(subject.document):
        for match in _REPEATED.finditer(text_of(content)):
            if match[1] not in _TWICE:
                yield subject.finding(
                    REPEATED_WORD,
                    f"“{match[0]}”: the word stands there twice",
                    line=_line_of(subject, match[1], line),
                )


def _left(subject: Subject, text: str, line: int, column: int | None) -> Finding:
    return subject.finding(
        PLACEHOLDER_TEXT, f"`{text}` looks like something left for later", line=line, column=column
    )


def _foreign(subject: Subject, text: str, line: int, column: int | None) -> Finding:
    return subject.finding(
        FOREIGN_TAG,
        f"`{text}` is a merge tag of another service, and text here",
        hint='write `{{ subscriber.first_name | default("…") }}`, or put it in `code` if it is text',
        line=line,
        column=column,
        severity=None if _SURELY_FOREIGN.fullmatch(text) else Severity.WARNING,
    )


def _lines(block: Code) -> range:
    return range(block.line, block.line + block.text.count("\n") + 2)


def _line_of(subject: Subject, word: str, first: int) -> int:
    """The line from *first* on, on which *word* stands twice, or ends one line and begins the next."""
    lines = subject.issue.body.splitlines()
    twice = re.compile(rf"\b{re.escape(word)}\s+{re.escape(word)}\b")
    for number in range(
        first - subject.issue.body_line, min(first - subject.issue.body_line + 40, len(lines))
    ):
        if twice.search(" ".join(lines[number : number + 2])):
            single = twice.search(lines[number]) or not twice.search(" ".join(lines[number + 1 : number + 2]))
            return subject.issue.body_line + (number if single else number + 1)
    return first


RULES = (
    SUBJECT_LENGTH,
    PREHEADER_MISSING,
    PREHEADER_LENGTH,
    PREHEADER_REPEATS,
    PREHEADER_BLEED,
    PLACEHOLDER_TEXT,
    DRAFT,
    REPEATED_WORD,
    FOREIGN_TAG,
)
LOOKS = (subject_length, preheader, preheader_bleed, unfinished, repeated_words)
