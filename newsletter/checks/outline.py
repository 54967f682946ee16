"""Rules on accessibility: what a document says of itself, and the outline of its headings.

The rules are those that the Email Markup Consortium's report counts, and what WCAG 2.2 says of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity
from newsletter.checks.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.checks.subject import Subject

_EMC = "https://emailmarkup.org/en/reports/accessibility/2026"
_WCAG = "https://www.w3.org/WAI/WCAG22/Understanding"
_PAGE = '<!doctype html><html lang="en" dir="ltr"><head><title>News</title></head><body>{}</body></html>'
_WRAPPED = _PAGE.format('<div lang="en" dir="ltr">{}</div>')

HTML_LANGUAGE = Rule(
    "html-language",
    Severity.ERROR,
    "Without the language a screen reader reads the mail with the wrong voice.",
    f"{_WCAG}/language-of-page.html",
    _WRAPPED.format("<p>Text</p>").replace(' lang="en"', "", 1),
    _WRAPPED.format("<p>Text</p>"),
    "document",
)
HTML_DIRECTION = Rule(
    "html-direction",
    Severity.WARNING,
    "Without the direction, text from right to left is laid out from left to right.",
    _EMC,
    _WRAPPED.format("<p>Text</p>").replace(' dir="ltr"', "", 1),
    _WRAPPED.format("<p>Text</p>"),
    "document",
)
BODY_LANGUAGE = Rule(
    "body-language",
    Severity.WARNING,
    "Webmail keeps only what is in the body, so language and direction must stand there once more.",
    _EMC,
    _PAGE.format("<div><p>Text</p></div>"),
    _WRAPPED.format("<p>Text</p>"),
    "document",
)
TITLE_MISSING = Rule(
    "title-missing",
    Severity.WARNING,
    "The title is what a screen reader says first when the mail is opened on the web.",
    f"{_WCAG}/page-titled.html",
    _WRAPPED.format("<p>Text</p>").replace("<title>News</title>", ""),
    _WRAPPED.format("<p>Text</p>"),
    "document",
)
HEADING_FIRST = Rule(
    "heading-first",
    Severity.WARNING,
    "One first-level heading says what the mail is; readers jump to it.",
    f"{_WCAG}/headings-and-labels.html",
    _WRAPPED.format("<h1>One</h1><h1>Two</h1>"),
    _WRAPPED.format("<h1>One</h1><h2>Two</h2>"),
    "document",
)
HEADING_ORDER = Rule(
    "heading-order",
    Severity.WARNING,
    "A skipped level is a hole in the outline by which screen readers move.",
    f"{_WCAG}/info-and-relationships.html",
    _WRAPPED.format("<h1>One</h1><h3>Three</h3>"),
    _WRAPPED.format("<h1>One</h1><h2>Two</h2><h3>Three</h3>"),
    "document",
)
HEADING_EMPTY = Rule(
    "heading-empty",
    Severity.WARNING,
    "An empty heading is announced, and says nothing.",
    f"{_WCAG}/headings-and-labels.html",
    _WRAPPED.format("<h1>One</h1><h2> </h2>"),
    _WRAPPED.format("<h1>One</h1><h2>Two</h2>"),
    "document",
)
ZOOM_BLOCKED = Rule(
    "zoom-blocked",
    Severity.WARNING,
    "Whoever needs larger letters must be able to enlarge them.",
    f"{_WCAG}/resize-text.html",
    _WRAPPED.format("").replace("<title>", '<meta name="viewport" content="user-scalable=no"><title>'),
    _WRAPPED.format("").replace("<title>", '<meta name="viewport" content="width=device-width"><title>'),
    "document",
)

_HEADING = re.compile(r"h[1-6]")
_ZOOM = re.compile(r"user-scalable\s*=\s*(?:no|0)|maximum-scale\s*=\s*1(?:\.0)?(?!\d)")


def document(subject: Subject) -> Iterator[Finding]:
    """What the document says of itself: language, direction, title, and that it can be enlarged."""
    root = next((each for each in subject.elements if each.name == "html"), None)
    if root is None:
        return
    if not root.attributes.get("lang", "").strip():
        yield subject.at_element(HTML_LANGUAGE, root, "the document does not say its language")
    if root.attributes.get("dir", "").lower() not in {"ltr", "rtl"}:
        yield subject.at_element(HTML_DIRECTION, root, "the document does not say its direction")
    for element in subject.elements:
        if element.parent and element.parent.name == "body" and element.name not in {"style", "script"}:
            lacking = [name for name in ("lang", "dir") if not element.attributes.get(name)]
            if lacking and subject.text(element):
                named = " and ".join(f"`{name}`" for name in lacking)
                yield subject.at_element(
                    BODY_LANGUAGE, element, f"<{element.name}>, which stands in the body, has no {named}"
                )
    if not any(each.name == "title" and subject.text(each) for each in subject.elements):
        yield subject.at_element(TITLE_MISSING, root, "the document has no title")
    for element in subject.elements:
        if element.attributes.get("name") == "viewport" and _ZOOM.search(
            element.attributes.get("content", "")
        ):
            yield subject.at_element(ZOOM_BLOCKED, element, "the mail cannot be enlarged on a phone")


def headings(subject: Subject) -> Iterator[Finding]:
    """The outline: one first heading, no holes, nothing empty."""
    found = [each for each in subject.elements if _HEADING.fullmatch(each.name)]
    first = [each for each in found if each.name == "h1"]
    if len(first) != 1 and subject.elements:
        where = first[1] if first else subject.elements[0]
        count = f"there are {len(first)} first-level headings" if first else "there is no first-level heading"
        yield subject.at_element(
            HEADING_FIRST, where, count, hint="let the title of the issue be the only one"
        )
    level = 0
    for element in found:
        now = int(element.name[1])
        if level and now > level + 1:
            yield subject.at_element(
                HEADING_ORDER,
                element,
                f"“{subject.text(element)[:40]}” is a heading of level {now} after one of level {level}",
                hint=f"make it one of level {level + 1}",
            )
        level = now
        if not subject.text(element) and not any(e.name == "img" for e in subject.within(element)):
            yield subject.at_element(HEADING_EMPTY, element, "a heading is empty")


RULES = (
    HTML_LANGUAGE,
    HTML_DIRECTION,
    BODY_LANGUAGE,
    TITLE_MISSING,
    HEADING_FIRST,
    HEADING_ORDER,
    HEADING_EMPTY,
    ZOOM_BLOCKED,
)
LOOKS = (document, headings)
