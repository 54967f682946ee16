"""Rules on links and images, as the editor wrote them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from newsletter.checks.finding import Finding, Severity, Subject
from newsletter.issues import Picture, iter_blocks, iter_inlines

if TYPE_CHECKING:
    from collections.abc import Iterator

_VAGUE = {"here", "click here", "link", "this link", "read more", "more"}
_LOCAL = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\]|.*\.local)$")


def link_targets(subject: Subject) -> Iterator[Finding]:
    """A link leads somewhere that the reader can reach, by an encrypted way."""
    for line, text, href in _links(subject):
        if not href or href == "#":
            yield subject.finding("link-empty", Severity.ERROR, f"the link “{text}” leads nowhere", line=line)
        elif href.startswith(("http://", "https://")):
            yield from _web_link(subject, line, href)


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


def _web_link(subject: Subject, line: int, href: str) -> Iterator[Finding]:
    host = urlsplit(href).hostname or ""
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


def _links(subject: Subject) -> Iterator[tuple[int, str, str]]:
    """Each link of the body: its block's line, its text and its target."""
    for line, inline in iter_inlines(subject.document):
        href: str | None = None
        text = ""
        for token in inline:
            if token.type == "link_open":
                href, text = str(token.attrGet("href") or ""), ""
            elif token.type == "link_close" and href is not None:
                yield line, text, href
                href = None
            else:
                text += token.content


RULES = (link_targets, link_text, image_alternatives)
