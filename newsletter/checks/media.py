"""Rules on links and images, as the editor wrote them."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from newsletter.checks.finding import Finding, Severity, Subject
from newsletter.checks.raw_html import elements
from newsletter.errors import did_you_mean
from newsletter.issues import (
    SCHEMES,
    Picture,
    forgotten_scheme,
    iter_blocks,
    iter_inlines,
    scheme_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_VAGUE = {"here", "click here", "link", "this link", "read more", "more"}
_ANCHOR = re.compile(r"(?:<[^>]*?\sid|<a\s[^>]*?\bname)=\"([^\"]+)\"")
_BREAKS = frozenset({"softbreak", "hardbreak"})
_LOCAL = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\]|.*\.local)$")


def link_targets(subject: Subject) -> Iterator[Finding]:
    """A link leads somewhere that the reader can reach, by an encrypted way."""
    for line, text, href in _links(subject):
        if not href or href == "#":
            yield subject.finding("link-empty", Severity.ERROR, f"the link “{text}” leads nowhere", line=line)
        elif href.startswith("#"):
            yield from _anchor(subject, line, href)
        elif href.lower().startswith(("http://", "https://")):
            yield from _web_link(subject, line, href)
        elif scheme := scheme_of(href):
            yield from _scheme(subject, line, href, scheme, shown=text == href)
        elif meant := forgotten_scheme(href):
            yield subject.finding(
                "link-relative",
                Severity.ERROR,
                f"`{href}` would lead to a page of this publication: its scheme is missing",
                hint=f"write {meant}",
                line=line,
            )


def link_text(subject: Subject) -> Iterator[Finding]:
    """Screen readers list links by their text alone (WCAG 2.2, 2.4.9)."""
    for line, text, _ in _links(subject):
        if text.strip().lower() in _VAGUE:
            yield subject.finding(
                "link-text",
                Severity.WARNING,
                f"the link text “{text}” does not say where it leads",
                line=line,
            )


def image_alternatives(subject: Subject) -> Iterator[Finding]:
    """An image that is blocked or not seen is its alternative text (WCAG 2.2, 1.1.1)."""
    for block in iter_blocks(subject.document):
        if isinstance(block, Picture) and not block.alt.strip():
            yield subject.finding(
                "image-alt",
                Severity.WARNING,
                f"the image {block.src} has no alternative text",
                hint="write what it shows: `![what it shows](image.png)`",
                line=block.line,
            )


def _anchor(subject: Subject, line: int, href: str) -> Iterator[Finding]:
    """A link within the mail leads to a heading, a source, a note, or an ``id`` of raw HTML."""
    anchors = set(_ANCHOR.findall(subject.edition.html))
    if unquote(href[1:]) not in anchors | {"top"}:
        yield subject.finding(
            "link-anchor",
            Severity.ERROR,
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
        "link-scheme",
        Severity.WARNING if shown else Severity.ERROR,
        f"`{href}` does not begin as an address does; the link is dropped",
        hint=f"write https://{href}"
        if host
        else f"did you mean `{near[0]}:`?"
        if near
        else f"known: {known}",
        line=line,
    )


def _web_link(subject: Subject, line: int, href: str) -> Iterator[Finding]:
    host = _host(href)
    if not host:
        yield subject.finding("link-syntax", Severity.ERROR, f"`{href}` is no web address", line=line)
    elif _LOCAL.fullmatch(host):
        yield subject.finding(
            "link-local", Severity.ERROR, f"`{href}` is reachable from your machine only", line=line
        )
    elif href.startswith("http://"):
        yield subject.finding(
            "link-http",
            Severity.WARNING,
            f"`{href}` is not encrypted",
            hint="use https:// if the site has it",
            line=line,
        )


def _host(href: str) -> str:
    try:
        return urlsplit(href).hostname or ""
    except ValueError:
        return ""


def _links(subject: Subject) -> Iterator[tuple[int, str, str]]:
    """Each link of the body: its line, its text and its target; of links in raw HTML, no text."""
    for found in elements(subject):
        if found.name == "a" and (target := found.attributes.get("href")) is not None:
            yield found.line, "", target.strip()
    for first, inline in iter_inlines(subject.document):
        line = first
        href: str | None = None
        text = ""
        for token in inline:
            line += token.type in _BREAKS
            if token.type == "link_open":
                href, text = str(token.attrGet("href") or ""), ""
            elif token.type == "link_close" and href is not None:
                yield line, text, href
                href = None
            else:
                text += token.content


RULES = (link_targets, link_text, image_alternatives)
