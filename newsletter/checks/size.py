"""Rules on how much a mail may weigh, and on what makes mail programs cut it or drop its styles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity
from newsletter.checks.rule import Rule
from newsletter.checks.stylesheets import read_css

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.checks.subject import Subject

#: Gmail cuts a message off: the usual figure; the lowest measured cut was at 99,507 bytes of HTML.
CLIP, CLIP_WARNS = 102_400, 80_000
#: In bytes of the whole message, images encoded.
ATTACHED_WARNS = 1_000_000
#: In bytes: Gmail drops style elements from here on.
STYLE_MOST = 16_384
_CLIP = "https://github.com/hteumeuleu/email-bugs/issues/41"
_GMAIL_CSS = "https://github.com/hteumeuleu/caniemail/issues/144"
_PAGE = '<!doctype html><html lang="en" dir="ltr"><head>{}</head><body></body></html>'

GMAIL_CLIP = Rule(
    "gmail-clip",
    Severity.ERROR,
    "A clipped message loses its end, and with it the way to unsubscribe.",
    _CLIP,
    "<p>" + "A very long mail. " * 6_000 + "</p>",
    "<p>A mail of ordinary length.</p>",
    "html",
)
ATTACHMENT_WEIGHT = Rule(
    "attachment-weight",
    Severity.WARNING,
    "Every recipient's message carries its images, over a phone's connection and into a mailbox's quota.",
    "https://web.dev/learn/performance/image-performance",
    "title: News\nimages: attach\nlook: huge.png",
    "title: News\nimages: publish",
    "front",
)
STYLE_SIZE = Rule(
    "style-size",
    Severity.WARNING,
    "Gmail drops style elements once there are more than 16 KB of them.",
    _GMAIL_CSS,
    _PAGE.format("<style>" + ".a { color: #111111; }\n" * 800 + "</style>"),
    _PAGE.format("<style>.a { color: #111111; }</style>"),
    "document",
)
STYLE_NESTED = Rule(
    "style-nested",
    Severity.WARNING,
    "Gmail drops a whole style element in which one at-rule stands in another.",
    "https://github.com/hteumeuleu/email-bugs/issues/90",
    _PAGE.format("<style>@media screen { @font-face { font-family: A; } }</style>"),
    _PAGE.format("<style>@media screen { .a { color: #111111; } }</style>"),
    "document",
)
CONTROL_CHARACTERS = Rule(
    "control-characters",
    Severity.ERROR,
    "A single character of Windows-1252, pasted as a control character, makes Gmail clip a short mail.",
    _CLIP,
    "<p>It\u0092s a pasted apostrophe.</p>",
    "<p>It’s a typed apostrophe.</p>",
    "html",
)
INVISIBLE_CHARACTERS = Rule(
    "invisible-characters",
    Severity.WARNING,
    "Invisible characters, mostly pasted, break words in two for search, filters and screen readers.",
    "https://www.unicode.org/reports/tr36/#Invisible",
    "The new\u200b\u200bsletter is out.",
    "The newsletter is out.",
)

_C1 = re.compile("[\x80-\x9f]")
_INVISIBLE = re.compile("(?<=[A-Za-z])[\u200b\u2060\ufeff\u00ad]+(?=[A-Za-z])|[\ufffd\ufeff]")


def clipped(subject: Subject) -> Iterator[Finding]:
    """The bytes of the largest personal message, against where Gmail cuts; and which section weighs most."""
    limit = subject.settings.html_bytes
    if not subject.may_have(min(CLIP_WARNS, limit)):
        return
    size = subject.most_bytes
    if size >= min(CLIP_WARNS, limit):
        heavy = ", ".join(f"“{name}” {weight / 1024:.0f} KB" for name, weight in _heaviest(subject)[:3])
        marks = f", {subject.tracking_bytes:,} of them for tracking" if subject.tracking_bytes else ""
        yield subject.finding(
            GMAIL_CLIP,
            f"the HTML has up to {size:,} bytes{marks}; Gmail cuts messages off from about {limit:,} bytes",
            severity=Severity.ERROR if size >= limit else Severity.WARNING,
            hint="shorten the issue, or link to the longer parts"
            + (f"; the heaviest: {heavy}" if heavy else ""),
            clients=("Gmail (web)", "Gmail (iOS)", "Gmail (Android)"),
        )


def _heaviest(subject: Subject) -> list[tuple[str, int]]:
    """The title and the bytes of HTML of each section, the heaviest first."""
    sections = [(each.title, each.size) for each in subject.weights if each.line is not None]
    return sorted(sections, key=lambda section: -section[1])


def attachment_weight(subject: Subject) -> Iterator[Finding]:
    """The whole message, with the images that go with it."""
    edition = subject.edition
    images = sum(each.encoded_size for each in edition.attachments)
    weight = images + len(edition.html.encode()) + len(edition.text.encode())
    if images and weight > ATTACHED_WARNS:
        yield subject.finding(
            ATTACHMENT_WEIGHT,
            f"with the images attached, each message has {weight / 1e6:.1f} MB",
            hint="make the images smaller, or write `images: publish`, so that they are loaded from the web",
            line=subject.key_line("images"),
        )


def style_elements(subject: Subject) -> Iterator[Finding]:
    """What Gmail takes of style elements."""
    styles = [each for each in subject.elements if each.name == "style"]
    total = 0
    for element in styles:
        css = subject.edition.html[element.inner : element.end]
        before, total = total, total + len(css.encode())
        if before <= STYLE_MOST < total:
            yield subject.at_element(
                STYLE_SIZE,
                element,
                f"the style elements have more than {STYLE_MOST:,} bytes together",
                hint="take out what is not used, or let it be inlined",
                clients=("Gmail (web)",),
            )
        for part in read_css(css):
            if part.kind == "at" and part.depth:
                yield subject.at_element(
                    STYLE_NESTED,
                    element,
                    f"`@{part.name}` stands within another at-rule",
                    hint="write them one after the other",
                    clients=("Gmail (web)",),
                )
                break


def characters(subject: Subject) -> Iterator[Finding]:
    """Characters that nobody sees and machines stumble over."""
    for number, line in enumerate(subject.issue.body.splitlines(), subject.issue.body_line):
        if match := _C1.search(line):
            yield _control(subject, match, number)
        if match := _INVISIBLE.search(line):
            yield subject.finding(
                INVISIBLE_CHARACTERS,
                f"U+{ord(match[0][0]):04X} stands here, which nobody sees",
                hint="delete it and type what is meant",
                line=number,
                column=match.start() + 1,
            )
    if (match := _C1.search(subject.edition.html)) and not _C1.search(subject.issue.body):
        yield _control(subject, match, None)


def _control(subject: Subject, match: re.Match[str], line: int | None) -> Finding:
    return subject.finding(
        CONTROL_CHARACTERS,
        f"U+{ord(match[0]):04X} is a control character",
        hint="delete it and type what is meant, such as ’ or …",
        line=line,
        column=match.start() + 1 if line else None,
        clients=("Gmail (web)",),
    )


RULES = (GMAIL_CLIP, ATTACHMENT_WEIGHT, STYLE_SIZE, STYLE_NESTED, CONTROL_CHARACTERS, INVISIBLE_CHARACTERS)
LOOKS = (clipped, attachment_weight, style_elements, characters)
