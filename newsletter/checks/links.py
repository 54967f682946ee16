"""Rules on links, as the editor wrote them: where they lead, and what they say about it."""

from __future__ import annotations

import re
from collections import defaultdict
from difflib import get_close_matches
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from newsletter.checks.body_links import host_of, is_local, links_of, site_of
from newsletter.checks.finding import Finding, Severity
from newsletter.checks.reading import LINK_SCHEME
from newsletter.checks.rule import Rule
from newsletter.errors import did_you_mean
from newsletter.issues import SCHEMES, forgotten_scheme, scheme_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.checks.body_links import Link
    from newsletter.checks.subject import Subject

_URL = "https://url.spec.whatwg.org/#url-writing"
_PURPOSE = "https://www.w3.org/WAI/WCAG22/Understanding/link-purpose-link-only.html"

LINK_EMPTY = Rule(
    "link-empty",
    Severity.ERROR,
    "A link without a target does nothing when it is clicked.",
    "https://html.spec.whatwg.org/multipage/links.html",
    "See [this report](#).",
    "See [this report](https://example.com/report).",
)
LINK_SYNTAX = Rule(
    "link-syntax",
    Severity.ERROR,
    "What is no web address cannot be opened.",
    _URL,
    "See [this report](https:///report).",
    "See [this report](https://example.com/report).",
)
LINK_RELATIVE = Rule(
    "link-relative",
    Severity.ERROR,
    "Without its scheme an address is taken for a page of this publication.",
    _URL,
    "See [this report](example.com/report).",
    "See [this report](https://example.com/report).",
)
LINK_ANCHOR = Rule(
    "link-anchor",
    Severity.ERROR,
    "A link within the mail needs something in the mail to lead to.",
    "https://html.spec.whatwg.org/multipage/browsing-the-web.html#scroll-to-fragid",
    "See [below](#parrt).\n\n## Part\n\nText.",
    "See [the part below](#part).\n\n## Part\n\nText.",
)
LINK_LOCAL = Rule(
    "link-local",
    Severity.ERROR,
    "An address of your own machine or network opens for nobody else.",
    "https://www.rfc-editor.org/rfc/rfc6761#section-6.3",
    "See [the preview](http://localhost:8000/report).",
    "See [the report](https://example.com/report).",
)
LINK_HTTP = Rule(
    "link-http",
    Severity.WARNING,
    "Without encryption, anybody on the way can read and change what the reader gets.",
    "https://www.rfc-editor.org/rfc/rfc7258",
    "See [this report](http://example.com/report).",
    "See [this report](https://example.com/report).",
)
LINK_TEXT = Rule(
    "link-text",
    Severity.WARNING,
    "Screen readers list links by their text alone, and “here” says nothing there.",
    _PURPOSE,
    "The report is out, [click here](https://example.com/report).",
    "The [yearly report](https://example.com/report) is out.",
)
LINK_TRACKING = Rule(
    "link-tracking",
    Severity.WARNING,
    "An address that was copied from a mail or an advert carries whoever copied it to every reader.",
    "https://developer.mozilla.org/en-US/docs/Web/Privacy/Guides/Redirect_tracking_protection",
    "See [this report](https://example.com/report?utm_source=x&fbclid=IwAR0).",
    "See [this report](https://example.com/report?utm_source=x).",
)
LINK_SAME_TEXT = Rule(
    "link-same-text",
    Severity.WARNING,
    "Links that say the same and lead to different places cannot be told apart in a list of links.",
    "https://www.w3.org/WAI/WCAG22/Understanding/consistent-identification.html",
    "[Full report](https://example.com/a) and [full report](https://example.com/b).",
    "[Spring report](https://example.com/a) and [autumn report](https://example.com/b).",
)
LINK_MISMATCH = Rule(
    "link-mismatch",
    Severity.WARNING,
    "A link that shows one site and leads to another is what phishing looks like, to filters too.",
    "https://support.google.com/mail/answer/8253",
    "Read it at [example.com](https://tracker.example.net/r/1).",
    "Read it at [example.com](https://www.example.com/).",
)
LINK_CREDENTIALS = Rule(
    "link-credentials",
    Severity.ERROR,
    "A name and a password in an address go out to every reader.",
    "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1",
    "See [this report](https://ann:secret@example.com/report).",
    "See [this report](https://example.com/report).",
)
LINK_SHORTENER = Rule(
    "link-shortener",
    Severity.WARNING,
    "Shorteners hide where a link leads, so spam uses them, and filters count them.",
    "https://www.spamhaus.org/resource-hub/spam/a-guide-to-url-shorteners-and-spam/",
    "See [this report](https://bit.ly/3xyz).",
    "See [this report](https://example.com/report).",
)

_VAGUE = frozenset(
    {
        *(
            "here",
            "click here",
            "click",
            "link",
            "this link",
            "this",
            "read more",
            "more",
            "learn more",
            "go",
        ),
        *("see more", "find out more", "continue", "details", "website", "this page", "tap here"),
        *(
            "hier",
            "hier klicken",
            "mehr",
            "weiterlesen",
            "ici",
            "cliquez ici",
            "lire la suite",
            "en savoir plus",
        ),
        *("aquí", "haz clic aquí", "leer más", "qui", "clicca qui", "hier klikken", "lees meer", "aqui"),
    }
)
#: Parameters that name a person or a click, by the services that add them.
_PERSONAL = re.compile(
    r"fbclid|gclid|dclid|msclkid|yclid|twclid|igshid|mc_eid|mkt_tok|_hsenc|_hsmi|vero_id|oly_(?:anon|enc)_id"
    r"|ck_subscriber_id|wickedid|__s|_ke|hsctatracking|rb_clickid|s_cid",
    re.IGNORECASE,
)
_SHORTENERS = frozenset(
    "bit.ly tinyurl.com t.co goo.gl ow.ly is.gd buff.ly rebrand.ly cutt.ly rb.gy t.ly tiny.cc shorturl.at"  # noqa: SIM905
    " bl.ink lnkd.in v.gd s.id".split()
)
#: Text that is an address, and no name such as Node.js or ASP.NET.
_DOMAIN = re.compile(
    r"(?:https?://(?:[a-z0-9-]+\.)+[a-z]{2,}|www\.(?:[a-z0-9-]+\.)+[a-z]{2,}"
    r"|(?:[a-z0-9-]+\.)+(?:com|org|net|edu|gov|info|de|fr|uk|eu|nl|it|es|ch|at))(?:/\S*)?"
)
_ANCHOR = re.compile(r"(?:<[^>]*?\sid|<a\s[^>]*?\bname)=\"([^\"]+)\"")


def link_targets(subject: Subject) -> Iterator[Finding]:
    """A link leads somewhere that the reader can reach, by an encrypted way."""
    for link in links_of(subject):
        href, line = link.href, link.line
        if not href or href == "#":
            yield subject.finding(LINK_EMPTY, f"the link “{link.text}” leads nowhere", line=line)
        elif href.startswith("#"):
            yield from _anchor(subject, line, href)
        elif href.lower().startswith(("http://", "https://")):
            yield from _web_link(subject, line, href)
        elif scheme := scheme_of(href):
            yield from _scheme(subject, line, href, scheme, shown=link.text == href)
        elif meant := forgotten_scheme(href):
            yield subject.finding(
                LINK_RELATIVE,
                f"`{href}` would lead to a page of this publication: its scheme is missing",
                hint=f"write {meant}",
                line=line,
            )


def link_texts(subject: Subject) -> Iterator[Finding]:
    """What links say: that they say something, that it is true, and that it is not said of two places."""
    places: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for link in links_of(subject):
        said = link.text.strip().rstrip(".!…→»> ").lower()
        if said in _VAGUE:
            yield subject.finding(
                LINK_TEXT,
                f"the link text “{link.text}” does not say where it leads",
                hint="let the words name what is there",
                line=link.line,
            )
        elif len(said) > 1 and not said.isdigit() and not link.cited:
            places[said].setdefault(link.href.rstrip("/"), link.line)
        yield from _mismatch(subject, link)
    for said, targets in places.items():
        if len(targets) > 1:
            (first, _), (other, line) = list(targets.items())[:2]
            yield subject.finding(
                LINK_SAME_TEXT,
                f"“{said}” leads to {other} here, and to {first} before",
                hint="let each say what is there",
                line=line,
            )


def _mismatch(subject: Subject, link: Link) -> Iterator[Finding]:
    shown = _DOMAIN.fullmatch(link.text.strip())
    host = host_of(link.href)
    said = host_of(shown[0] if "://" in shown[0] else f"https://{shown[0]}") if shown else ""
    if said and host and site_of(said) != site_of(host):
        yield subject.finding(
            LINK_MISMATCH,
            f"the link shows {said} and leads to {host}",
            hint="show where it leads, or words instead of an address",
            line=link.line,
        )


def _anchor(subject: Subject, line: int, href: str) -> Iterator[Finding]:
    """A link within the mail leads to a heading, a source, a note, or an ``id`` of raw HTML."""
    anchors = set(_ANCHOR.findall(subject.edition.html))
    if unquote(href[1:]) not in anchors | {"top"}:
        yield subject.finding(
            LINK_ANCHOR,
            f"`{href}` leads nowhere: no heading or source has this anchor",
            hint=did_you_mean(href, (f"#{anchor}" for anchor in anchors))
            if anchors
            else "add a heading; its anchor is its text in lower case with hyphens",
            line=line,
        )


def _scheme(subject: Subject, line: int, href: str, scheme: str, *, shown: bool) -> Iterator[Finding]:
    """Only some schemes are let through; an address that is *shown* can at least be read."""
    if scheme in SCHEMES - {"http", "https"}:
        return
    known = ", ".join(f"`{name}:`" for name in sorted(SCHEMES))
    host = "." in scheme and forgotten_scheme(scheme)
    near = get_close_matches(scheme, SCHEMES, 1, 0.7)
    yield subject.finding(
        LINK_SCHEME,
        f"`{href}` does not begin as an address does; the link is dropped",
        severity=Severity.WARNING if shown else Severity.ERROR,
        hint=f"write https://{href}"
        if host
        else f"did you mean `{near[0]}:`?"
        if near
        else f"known: {known}",
        line=line,
    )


def _web_link(subject: Subject, line: int, href: str) -> Iterator[Finding]:
    host = host_of(href)
    if not host:
        yield subject.finding(LINK_SYNTAX, f"`{href}` is no web address", line=line)
        return
    if is_local(host):
        yield subject.finding(LINK_LOCAL, f"`{href}` is reachable from your machine only", line=line)
    elif href.lower().startswith("http://"):
        yield subject.finding(
            LINK_HTTP, f"`{href}` is not encrypted", hint="use https:// if the site has it", line=line
        )
    if "@" in urlsplit(href).netloc:
        yield subject.finding(
            LINK_CREDENTIALS, f"the address of {host} holds a name or a password", line=line
        )
    if host.removeprefix("www.") in _SHORTENERS:
        yield subject.finding(
            LINK_SHORTENER,
            f"{host} hides where the link leads",
            hint="use the address that it leads to",
            line=line,
        )
    names = [name for name, _ in parse_qsl(urlsplit(href).query, keep_blank_values=True)]
    if personal := [name for name in names if _PERSONAL.fullmatch(name)]:
        yield subject.finding(
            LINK_TRACKING,
            f"`{personal[0]}` in the address of {host} is the trace of whoever copied it",
            hint=f"take `{'`, `'.join(personal)}` out of the address",
            line=line,
        )


RULES = (
    LINK_EMPTY,
    LINK_SYNTAX,
    LINK_RELATIVE,
    LINK_ANCHOR,
    LINK_LOCAL,
    LINK_HTTP,
    LINK_TEXT,
    LINK_TRACKING,
    LINK_SAME_TEXT,
    LINK_MISMATCH,
    LINK_CREDENTIALS,
    LINK_SHORTENER,
)
LOOKS = (link_targets, link_texts)
