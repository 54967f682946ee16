"""Rules on how much a mail may weigh, and that nobody is left without a way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Gmail cuts a message off; the lowest measured cut was at 99,507 bytes of HTML, the usual figure is 102,400.
CLIP_BEGINS = 99_500
CLIP_WARNS = 80_000
#: In bytes of the whole message, images encoded.
ATTACHED_WARNS = 1_000_000


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


def attachment_weight(subject: Subject) -> Iterator[Finding]:
    """Every recipient's message carries its images, over a phone's connection and into a mailbox's quota."""
    edition = subject.edition
    images = sum(each.encoded_size for each in edition.attachments)
    weight = images + len(edition.html.encode()) + len(edition.text.encode())
    if images and weight > ATTACHED_WARNS:
        yield subject.finding(
            "attachment-weight",
            Severity.WARNING,
            f"with the images attached, each message has {weight / 1e6:.1f} MB",
            hint="make the images smaller, or write `images: publish`, so that they are loaded from the web",
            line=subject.key_line("images"),
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


RULES = (clipped, attachment_weight, unsubscribe_link)
