"""The links of an issue's body, and what their hosts are."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from newsletter.checks.raw_html import elements
from newsletter.issues import iter_inlines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.checks.subject import Subject

_BREAKS = frozenset({"softbreak", "hardbreak"})
_LOCAL = re.compile(r"(?:.*\.)?(?:localhost|local|internal|lan|home\.arpa|intranet)")


@dataclass(frozen=True)
class Link:
    """A link of the body: its line, its text and its target; of a link in raw HTML, no text."""

    line: int
    text: str
    href: str
    cited: bool = False


def links_of(subject: Subject) -> Iterator[Link]:
    """Each link of the body; the links of the list of sources are ``cited``."""
    for found in elements(subject):
        if found.name == "a" and (target := found.attributes.get("href")) is not None:
            yield Link(found.line, "", target.strip())
    sources = {id(source.content) for source in subject.document.sources}
    for first, inline in iter_inlines(subject.document):
        line = first
        href: str | None = None
        text = ""
        for token in inline:
            line += token.type in _BREAKS
            if token.type == "link_open":
                href, text = str(token.attrGet("href") or ""), ""
            elif token.type == "link_close" and href is not None:
                yield Link(line, text, href, id(inline) in sources)
                href = None
            elif token.type in _BREAKS:
                text += " "
            else:
                text += token.content


def is_local(host: str) -> bool:
    """Whether *host* names this machine or a private network (RFC 6761, RFC 6762, RFC 1918)."""
    if _LOCAL.fullmatch(host.lower()):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def site_of(host: str) -> str:
    """The part of a host by which readers know a site: its last two labels, without ``www``."""
    labels = host.lower().split(".")
    return ".".join(labels[-3:] if len(labels) > 2 and len(labels[-2]) <= 3 else labels[-2:])


def host_of(href: str) -> str:
    """The host of an address, empty if it has none."""
    try:
        return urlsplit(href).hostname or ""
    except ValueError:
        return ""
