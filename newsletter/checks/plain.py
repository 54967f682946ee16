"""Rules on the plain text: that it says what the HTML says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from newsletter.checks.finding import Finding, Severity
from newsletter.checks.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.checks.subject import Subject

_ALTERNATIVE = "https://www.rfc-editor.org/rfc/rfc2046#section-5.1.4"

TEXT_EMPTY = Rule(
    "text-empty",
    Severity.ERROR,
    "Filters distrust a mail whose plain text is empty, and some readers read nothing else.",
    _ALTERNATIVE,
    "\n",
    "All that the mail says, in plain text as well. Unsubscribe: {unsubscribe}\n",
    "text",
)
TEXT_LINKS = Rule(
    "text-links",
    Severity.WARNING,
    "Whoever reads the plain text must be able to go where the others go.",
    _ALTERNATIVE,
    '<p><a href="https://example.com/only-in-html">A report</a></p>',
    "<p>A report</p>",
    "html",
)
TEXT_SECTIONS = Rule(
    "text-sections",
    Severity.WARNING,
    "A section that only one form of the mail has is missed by half of its readers.",
    _ALTERNATIVE,
    "<h2>A section that the plain text lacks</h2>",
    "<p>Text</p>",
    "html",
)
TEXT_ONLY_LINKS = Rule(
    "text-only-links",
    Severity.WARNING,
    "A link that only the plain text has is missed by everybody else.",
    _ALTERNATIVE,
    "Read https://example.com/only-in-text and unsubscribe: {unsubscribe}\n",
    "Read this and unsubscribe: {unsubscribe}\n",
    "text",
)
#: An address in text; signs of Chinese and Japanese end it.
_WEB = re.compile(r"https?://[^\s<>\"，。、；：！？（）「」『』《》]+")
_LETTERS = re.compile(r"[\W_]+")
#: In letters: a plain text that is shorter says nothing.
SHORTEST = 40


def drift(subject: Subject) -> Iterator[Finding]:
    """The links and the headings of both forms, laid side by side."""
    text = subject.edition.text
    if len(_LETTERS.sub("", text)) < SHORTEST:
        yield subject.finding(TEXT_EMPTY, "the plain text is all but empty")
        return
    written = unquote(text)
    told: set[str] = set()
    targets = set()
    for element in subject.elements:
        href = element.attributes.get("href", "") if element.name == "a" else ""
        if href:
            targets.add(_same(href))
        if href.startswith(("http://", "https://")) and _same(href) not in written and href not in told:
            told.add(href)
            yield subject.at_element(
                TEXT_LINKS,
                element,
                f"the plain text has no link to {href[:80]}",
                hint="write the link in Markdown",
            )
    squeezed = _LETTERS.sub("", text).lower()
    for element in subject.elements:
        if element.name in {"h1", "h2", "h3"}:
            said = _LETTERS.sub("", subject.text(element)).lower()
            if said and said not in squeezed:
                yield subject.at_element(
                    TEXT_SECTIONS, element, f"the plain text has no heading “{subject.text(element)[:50]}”"
                )
    html = subject.text(subject.elements[0]) if subject.elements else ""
    for match in _WEB.finditer(text):
        link = match[0].rstrip(".,;:)")
        if _same(link) not in targets and link not in html and link not in told:
            told.add(link)
            yield subject.finding(TEXT_ONLY_LINKS, f"the HTML has no link to {link[:80]}")


def _same(address: str) -> str:
    """*address* in the form in which it is compared."""
    return unquote(address).rstrip("/")


RULES = (TEXT_EMPTY, TEXT_LINKS, TEXT_SECTIONS, TEXT_ONLY_LINKS)
LOOKS = (drift,)
