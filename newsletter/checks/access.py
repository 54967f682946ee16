"""Rules on accessibility: what a screen reader, a keyboard and a tired eye get of tables, links and shapes.

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

_VML = re.compile(r"<v:(rect|roundrect|image|fill|oval)\b([^>]*)>")
_OUTLOOK = re.compile(r"<!--\[if[^\]]*(?:mso|vml)[^\]]*\]>(.*?)<!\[endif\]-->", re.DOTALL)


def tables(subject: Subject) -> Iterator[Finding]:
    """The roles of tables."""
    for element in subject.elements:
        if element.name != "table":
            continue
        data = any(each.name == "th" and _table_of(each) is element for each in subject.within(element))
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
            images = any(each.name == "img" for each in subject.within(element))
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


def _name(subject: Subject, element: Element) -> str:
    said = element.attributes.get("aria-label", "").strip() or subject.text(element)
    if said or element.attributes.get("title", "").strip():
        return said or "title"
    alts = (each.attributes.get("alt", "").strip() for each in subject.within(element) if each.name == "img")
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
    TABLE_ROLE,
    TABLE_HEADERS,
    LINK_NAME,
    LINK_UNDERLINE,
    FOCUS_HIDDEN,
    DUPLICATE_ID,
    VML_ALT,
    VML_LINK,
)
LOOKS = (tables, links, anchors, outlook_shapes)
