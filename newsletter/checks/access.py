"""Rules on accessibility: that a screen reader, a keyboard and a tired eye get what everybody gets.

The rules are those that the Email Markup Consortium's report counts, and what WCAG 2.2 says of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity
from newsletter.checks.rule import Rule
from newsletter.checks.stylesheets import read_style

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.checks.subject import Subject
    from newsletter.editions import Element

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
TABLE_ROLE = Rule(
    "table-role",
    Severity.WARNING,
    "A table for layout without its role is read as data, cell by cell.",
    _EMC,
    "<table><tr><td>Text</td></tr></table>",
    '<table role="presentation"><tr><td>Text</td></tr></table>',
    "html",
)
TABLE_HEADERS = Rule(
    "table-headers",
    Severity.WARNING,
    "Header cells say that a table is data, and its role says that it is not.",
    f"{_WCAG}/info-and-relationships.html",
    '<table role="presentation"><tr><th>Price</th></tr><tr><td>12</td></tr></table>',
    '<table role="table"><tr><th>Price</th></tr><tr><td>12</td></tr></table>',
    "html",
)
LINK_NAME = Rule(
    "link-name",
    Severity.ERROR,
    "A link without text, or around an image without one, has no name to be read or spoken.",
    f"{_WCAG}/link-purpose-in-context.html",
    '<a href="https://example.com/there"><img src="https://example.com/a.png" alt="" width="20"></a>',
    '<a href="https://example.com/there"><img src="https://example.com/a.png" alt="Report" width="20"></a>',
    "html",
)
LINK_UNDERLINE = Rule(
    "link-underline",
    Severity.WARNING,
    "A link within text that differs by its colour alone is none to whoever does not see the colour.",
    f"{_WCAG}/use-of-color.html",
    '<p>Some words <a style="color:#00e;text-decoration:none" href="https://example.com/x">a report</a></p>',
    '<p>Some words <a style="color:#00e;text-decoration:underline" href="https://example.com/x">a report</a>'
    "</p>",
    "html",
)
DUPLICATE_ID = Rule(
    "duplicate-id",
    Severity.WARNING,
    "An anchor that is there twice leads to the first only.",
    "https://html.spec.whatwg.org/multipage/dom.html#the-id-attribute",
    '<p id="part">One</p><p id="part">Two</p>',
    '<p id="part">One</p><p id="other">Two</p>',
    "html",
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
VML_ALT = Rule(
    "vml-alt",
    Severity.WARNING,
    "Outlook's own pictures need an alternative text as others do.",
    _EMC,
    '<!--[if mso]><v:rect fill="true"><v:fill src="https://example.com/a.png"/></v:rect><![endif]-->',
    '<!--[if mso]><v:rect alt="" fill="true"><v:fill alt="" src="https://example.com/a.png"/></v:rect>'
    "<![endif]-->",
    "html",
)
VML_LINK = Rule(
    "vml-link",
    Severity.WARNING,
    "A link within Outlook's own shapes cannot be reached by keyboard.",
    _EMC,
    '<!--[if mso]><v:roundrect alt="" href="https://example.com/there">Report</v:roundrect><![endif]-->',
    '<a href="https://example.com/there">Report</a>',
    "html",
)
FOCUS_HIDDEN = Rule(
    "focus-hidden",
    Severity.WARNING,
    "What screen readers are told to skip must not be reached by keyboard either.",
    "https://www.w3.org/TR/wai-aria-1.2/#aria-hidden",
    '<a href="https://example.com/there" aria-hidden="true">Report</a>',
    '<a href="https://example.com/there" aria-hidden="true" tabindex="-1">Report</a>',
    "html",
)

_HEADING = re.compile(r"h[1-6]")
_ZOOM = re.compile(r"user-scalable\s*=\s*(?:no|0)|maximum-scale\s*=\s*1(?:\.0)?(?!\d)")
_VML = re.compile(r"<v:(rect|roundrect|image|fill|oval)\b([^>]*)>")
_OUTLOOK = re.compile(r"<!--\[if[^\]]*(?:mso|vml)[^\]]*\]>(.*?)<!\[endif\]-->", re.DOTALL)


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
        if not subject.text(element) and not any(e.name == "img" for e in _within(subject, element)):
            yield subject.at_element(HEADING_EMPTY, element, "a heading is empty")


def tables(subject: Subject) -> Iterator[Finding]:
    """The roles of tables."""
    for element in subject.elements:
        if element.name != "table":
            continue
        data = any(each.name == "th" and _table_of(each) is element for each in _within(subject, element))
        if not element.attributes.get("role"):
            hint = 'write `role="table"`' if data else 'write `role="presentation"`'
            yield subject.at_element(TABLE_ROLE, element, "a table has no role", hint=hint)
        elif data and element.attributes["role"] in {"presentation", "none"}:
            yield subject.at_element(
                TABLE_HEADERS, element, "a table for layout has header cells", hint='write `role="table"`'
            )


def links(subject: Subject) -> Iterator[Finding]:
    """The names of links, and that they can be seen and reached."""
    for element in subject.elements:
        if element.name != "a" or "href" not in element.attributes:
            continue
        hidden = element.attributes.get("aria-hidden") == "true"
        if hidden and element.attributes.get("tabindex") != "-1":
            yield subject.at_element(
                FOCUS_HIDDEN,
                element,
                "a link is hidden from screen readers and can be reached by keyboard",
                hint='add `tabindex="-1"`',
            )
        if not hidden and not _name(subject, element):
            images = any(each.name == "img" for each in _within(subject, element))
            what = "an image without an alternative text" if images else "nothing"
            yield subject.at_element(
                LINK_NAME,
                element,
                f"the link to {element.attributes['href'][:60]} is around {what}",
                hint="say where it leads",
            )
        if _looks_like_text(subject, element):
            yield subject.at_element(
                LINK_UNDERLINE,
                element,
                f"the link “{subject.text(element)[:40]}” is not underlined",
                hint="write `text-decoration:underline`",
            )


def anchors(subject: Subject) -> Iterator[Finding]:
    """The names of places in the mail."""
    seen: set[str] = set()
    for element in subject.elements:
        name = element.attributes.get("id", "")
        if name and name in seen:
            yield subject.at_element(DUPLICATE_ID, element, f"the anchor `{name}` is there twice")
        seen.add(name)


def outlook_shapes(subject: Subject) -> Iterator[Finding]:
    """What only Outlook reads: VML, in conditional comments."""
    for comment in _OUTLOOK.finditer(subject.edition.html):
        for shape in _VML.finditer(comment[1]):
            if " alt=" not in shape[2]:
                yield subject.finding(VML_ALT, f"<v:{shape[1]}> has no `alt`", hint='add `alt=""`')
            if " href=" in shape[2]:
                yield subject.finding(
                    VML_LINK, f"<v:{shape[1]}> is a link", hint="use a cell with a link in it"
                )


def _table_of(element: Element) -> Element | None:
    return next((each for each in element.ancestors() if each.name == "table"), None)


def _within(subject: Subject, element: Element) -> list[Element]:
    """The elements that stand in *element*."""
    found = []
    for each in subject.elements[element.number + 1 :]:
        if each.start >= element.end:
            break
        found.append(each)
    return found


def _name(subject: Subject, element: Element) -> str:
    said = element.attributes.get("aria-label", "").strip() or subject.text(element)
    if said or element.attributes.get("title", "").strip():
        return said or "title"
    alts = (
        each.attributes.get("alt", "").strip() for each in _within(subject, element) if each.name == "img"
    )
    return next((alt for alt in alts if alt), "")


def _looks_like_text(subject: Subject, element: Element) -> bool:
    """Whether a link that stands among other words has nothing but its colour to be told by."""
    style = read_style(element.attributes.get("style", ""))
    around = element.parent
    if around is None or around.name not in {"p", "li", "span"} or "text-decoration" not in style:
        return False
    said, text = subject.text(around), subject.text(element)
    alone = len(said) - len(text) < 8 or not text
    plain = "none" in style["text-decoration"]
    shown = {"background", "background-color", "border", "border-bottom"} & style.keys()
    return plain and not alone and not shown and style.get("font-weight") not in {"bold", "700"}


RULES = (
    HTML_LANGUAGE,
    HTML_DIRECTION,
    BODY_LANGUAGE,
    TITLE_MISSING,
    HEADING_FIRST,
    HEADING_ORDER,
    HEADING_EMPTY,
    TABLE_ROLE,
    TABLE_HEADERS,
    LINK_NAME,
    LINK_UNDERLINE,
    FOCUS_HIDDEN,
    DUPLICATE_ID,
    ZOOM_BLOCKED,
    VML_ALT,
    VML_LINK,
)
LOOKS = (document, headings, tables, links, anchors, outlook_shapes)
