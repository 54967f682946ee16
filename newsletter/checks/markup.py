"""Rules on the HTML document that the theme makes: what every mail program needs to lay it out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity
from newsletter.checks.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.checks.subject import Subject

_GOOD = "https://www.goodemailcode.com/email-code/template"
_HEAD = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
_META = f'{_HEAD}<meta name="color-scheme" content="light dark">'
_PAGE = '<!doctype html><html lang="en" dir="ltr"><head>{}</head><body></body></html>'

DOCTYPE = Rule(
    "doctype",
    Severity.ERROR,
    "Without `<!doctype html>` browsers lay a mail out as in 1998.",
    "https://html.spec.whatwg.org/multipage/syntax.html#the-doctype",
    '<html lang="en" dir="ltr"><head></head><body></body></html>',
    _PAGE.format(""),
    "document",
)
CHARSET = Rule(
    "charset",
    Severity.WARNING,
    "Without its encoding a mail that is saved, forwarded or shown on the web may lose its letters.",
    "https://html.spec.whatwg.org/multipage/semantics.html#charset",
    _PAGE.format("<title>News</title>"),
    _PAGE.format(_HEAD),
    "document",
)
VIEWPORT = Rule(
    "viewport",
    Severity.WARNING,
    "Without it phones show the mail as wide as a desk, and tiny.",
    _GOOD,
    _PAGE.format('<meta charset="utf-8">'),
    _PAGE.format(_HEAD),
    "document",
)
COLOR_SCHEME = Rule(
    "color-scheme",
    Severity.NOTE,
    "A mail that does not say that it knows dark mode gets colours of the mail program's choice.",
    "https://drafts.csswg.org/css-color-adjust-1/#color-scheme-meta",
    _PAGE.format(_HEAD),
    _PAGE.format(_META),
    "document",
)
CONDITIONAL_COMMENTS = Rule(
    "conditional-comments",
    Severity.ERROR,
    "A conditional comment that is not closed hides the rest of the mail from Outlook, or from all others.",
    "https://learn.microsoft.com/en-us/previous-versions/windows/internet-explorer/ie-developer/"
    "compatibility/ms537512(v=vs.85)",
    "<!--[if mso]><p>For Outlook</p>",
    "<!--[if mso]><p>For Outlook</p><![endif]-->",
    "html",
)
OUTLOOK_MARKUP = Rule(
    "outlook-markup",
    Severity.WARNING,
    "Outlook's own elements outside of a conditional comment are seen by all others.",
    _GOOD,
    "<o:p>Text</o:p>",
    "<!--[if mso]><o:p>Text</o:p><![endif]-->",
    "html",
)
FORBIDDEN_ELEMENT = Rule(
    "forbidden-element",
    Severity.ERROR,
    "Mail programs take out scripts, frames and forms, and some refuse the whole mail.",
    "https://support.google.com/a/answer/6590",
    '<iframe src="https://example.com/"></iframe>',
    '<a href="https://example.com/video">Watch the video</a>',
    "html",
)
EXTERNAL_STYLE = Rule(
    "external-style",
    Severity.WARNING,
    "Style sheets that must be loaded are not loaded by most mail programs.",
    "https://www.caniemail.com/features/html-link/",
    _PAGE.format('<link rel="stylesheet" href="https://example.com/a.css">'),
    _PAGE.format("<style>.a { color: #111111; }</style>"),
    "document",
)
EVENT_HANDLER = Rule(
    "event-handler",
    Severity.ERROR,
    "Scripts in attributes never run in a mail, and make filters suspicious.",
    "https://developers.google.com/gmail/design/css",
    '<p onclick="go()">Text</p>',
    "<p>Text</p>",
    "html",
)

_OPENS = re.compile(r"<!--\[if[^\]]*\]>")
_CLOSES = re.compile(r"<!\[endif\]-->")
_FORBIDDEN = frozenset("script iframe form input button select textarea object embed applet frame".split())  # noqa: SIM905


def document_head(subject: Subject) -> Iterator[Finding]:
    """What stands in front: doctype, encoding, viewport, colour schemes, style sheets."""
    html = subject.edition.html
    if html.lstrip()[:14].lower() != "<!doctype html":
        yield subject.finding(
            DOCTYPE, "the document has no `<!doctype html>`", hint="let it be the first line"
        )
    metas = [each.attributes for each in subject.elements if each.name == "meta"]
    if not any("charset" in each or "charset=" in each.get("content", "").lower() for each in metas):
        yield subject.finding(
            CHARSET, "the document does not say its encoding", hint='`<meta charset="utf-8">`'
        )
    names = {each.get("name", "") for each in metas}
    if "viewport" not in names:
        yield subject.finding(
            VIEWPORT,
            "the document has no viewport",
            hint='`<meta name="viewport" content="width=device-width, initial-scale=1">`',
        )
    if "color-scheme" not in names:
        yield subject.finding(
            COLOR_SCHEME,
            "the document does not say that it knows dark mode",
            hint='`<meta name="color-scheme" content="light dark">`',
        )
    for element in subject.elements:
        if element.name == "link" and "stylesheet" in element.attributes.get("rel", ""):
            yield subject.at_element(
                EXTERNAL_STYLE,
                element,
                f"the style sheet {element.attributes.get('href', '')} must be loaded",
            )


def outlook(subject: Subject) -> Iterator[Finding]:
    """What is written for Outlook on Windows, and only for it."""
    html = subject.edition.html
    opens, closes = len(_OPENS.findall(html)), len(_CLOSES.findall(html))
    if opens != closes:
        yield subject.finding(
            CONDITIONAL_COMMENTS,
            f"{opens} conditional comments are opened and {closes} closed",
            hint="end each `<!--[if …]>` with `<![endif]-->`",
        )
    for element in subject.elements:
        if element.name.startswith(("o:", "v:", "w:")):
            yield subject.at_element(
                OUTLOOK_MARKUP,
                element,
                f"<{element.name}> stands outside of a conditional comment",
                hint="put `<!--[if mso]> … <![endif]-->` around it",
            )


def forbidden(subject: Subject) -> Iterator[Finding]:
    """What no mail program runs."""
    for element in subject.elements:
        if element.name in _FORBIDDEN:
            yield subject.at_element(
                FORBIDDEN_ELEMENT,
                element,
                f"<{element.name}> is taken out of mails",
                hint="link to a page with it",
            )
        if handler := next((name for name in element.attributes if name.startswith("on")), None):
            yield subject.at_element(EVENT_HANDLER, element, f"`{handler}` never runs in a mail")


RULES = (
    DOCTYPE,
    CHARSET,
    VIEWPORT,
    COLOR_SCHEME,
    EXTERNAL_STYLE,
    CONDITIONAL_COMMENTS,
    OUTLOOK_MARKUP,
    FORBIDDEN_ELEMENT,
    EVENT_HANDLER,
)
LOOKS = (document_head, outlook, forbidden)
