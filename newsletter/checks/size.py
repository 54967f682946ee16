"""Rules on how much a mail may weigh, and that nobody is left without a way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Gmail cuts a message off; the lowest measured cut was at 99,507 bytes of HTML, the usual figure is 102,400.
CLIP_BEGINS = 99_500
CLIP_WARNS = 80_000


def clipped(subject: Subject) -> Iterator[Finding]:
    """A clipped message loses its end, and with it the way to unsubscribe."""
    size = len(subject.edition.html.encode())
    if size >= CLIP_WARNS:
        over = size >= CLIP_BEGINS
        yield subject.finding(
            "gmail-clip",
            Severity.ERROR if over else Severity.WARNING,
            f"the HTML has {size:,} bytes; Gmail cuts messages off from about {CLIP_BEGINS:,} bytes",
            hint="shorten the issue, or link to the longer parts",
        )


def unsubscribe_link(subject: Subject) -> Iterator[Finding]:
    """Each form of the mail offers the way out."""
    tokens = [slot.token for slot in subject.edition.slots if slot.expression == "links.unsubscribe"]
    for form, text in (("HTML", subject.edition.html), ("plain text", subject.edition.text)):
        if not any(token in text for token in tokens):
            yield subject.finding(
                "unsubscribe-link",
                Severity.ERROR,
                f"the {form} has no unsubscribe link",
                hint="put `{{ links.unsubscribe }}` into the theme's footer",
            )


RULES = (clipped, unsubscribe_link)
