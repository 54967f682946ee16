"""The rules of RFC 4287 for a feed, as far as they can be held without the network."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from html.parser import HTMLParser
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

ATOM = "{http://www.w3.org/2005/Atom}"
_ID, _TITLE, _UPDATED = f"{ATOM}id", f"{ATOM}title", f"{ATOM}updated"
#: What may stand in a feed (4.1.1) and in an entry (4.1.2), and whether more than once.
_FEED = {
    **dict.fromkeys(("generator", "icon", "logo", "id", "rights", "subtitle", "title", "updated"), 1),
    **dict.fromkeys(("author", "category", "contributor", "link", "entry"), 9999),
}
_ENTRY = {
    **dict.fromkeys(("content", "id", "published", "rights", "source", "summary", "title", "updated"), 1),
    **dict.fromkeys(("author", "category", "contributor", "link"), 9999),
}
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")  # RFC 3339
_NO_ELEMENTS = ("script", "style", "iframe", "object", "embed", "form", "input", "link", "meta", "base")


def faults(document: bytes) -> list[str]:
    """What a feed validator would complain of; nothing if the feed keeps the rules."""
    feed = ET.fromstring(document)
    found = [] if feed.tag == f"{ATOM}feed" else [f"the root is {feed.tag}"]
    found += _counted(feed, _FEED, "feed")
    entries = feed.findall(f"{ATOM}entry")
    if feed.find(f"{ATOM}author") is None and any(each.find(f"{ATOM}author") is None for each in entries):
        found.append("nobody is the author (4.1.1)")
    if not any(link.get("rel") == "self" for link in feed.findall(f"{ATOM}link")):
        found.append("no link to itself (4.1.1)")
    versions = Counter((each.findtext(_ID), each.findtext(_UPDATED)) for each in entries)
    found += [f"{name} is there twice (4.1.1)" for name, number in versions.items() if number > 1]
    return found + [fault for each in entries for fault in _entry(each)]


def _entry(entry: ET.Element) -> list[str]:
    found = _counted(entry, _ENTRY, "entry")
    content = entry.find(f"{ATOM}content")
    alternates = [link for link in entry.findall(f"{ATOM}link") if link.get("rel") == "alternate"]
    kinds = Counter((link.get("type"), link.get("hreflang")) for link in alternates)
    if content is None and not alternates:
        found.append("neither content nor a link to it (4.1.2)")
    if any(number > 1 for number in kinds.values()):
        found.append("two links to the same kind of alternate (4.1.2)")
    if content is not None:
        if content.get("type") not in ("text", "html", "xhtml") or content.get("src"):
            found.append("content of an unknown kind (4.1.3)")
        if len(content):
            found.append("elements in content that is text (4.1.3.3)")
        if content.get("type") == "html":
            found += html_faults(content.text or "")
    return found


def _counted(element: ET.Element, known: dict[str, int], what: str) -> list[str]:
    counts = Counter(child.tag.removeprefix(ATOM) for child in element)
    found = [f"{name} is unknown in {what}" for name in counts if name not in known]
    found += [
        f"{name} {number} times in {what}" for name, number in counts.items() if number > known.get(name, 0)
    ]
    found += [f"no {name} in {what}" for name in ("id", "title", "updated") if not counts[name]]
    if not urlsplit(element.findtext(_ID) or "").scheme:
        found.append(f"the id of the {what} is no IRI (4.2.6)")
    stamps = [child.text or "" for child in element if child.tag in (_UPDATED, f"{ATOM}published")]
    found += [f"{stamp} is no date (3.3)" for stamp in stamps if not _is_moment(stamp)]
    links = element.findall(f"{ATOM}link")
    return found + [
        f"a link without an address in {what}" for link in links if not _absolute(link.get("href"))
    ]


def _is_moment(stamp: str) -> bool:
    return bool(_STAMP.fullmatch(stamp) and datetime.fromisoformat(stamp))


def _absolute(address: str | None) -> bool:
    return urlsplit(address or "").scheme in ("http", "https", "mailto")


def html_faults(html: str) -> list[str]:
    """What a feed's HTML must not hold: what runs, what does not close, and addresses without a beginning."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.found + [f"<{tag}> never closes" for tag in reader.open]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _NO_ELEMENTS:
            self.found.append(f"<{tag}> in content")
        for name, value in attrs:
            if name.startswith("on") or name in ("style", "class", "id"):
                self.found.append(f"{name} in content")
            if name in ("href", "src") and not _absolute(value):
                self.found.append(f"{value} is not absolute")
        if tag not in ("br", "hr", "img", "col"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.found.append(f"</{tag}> closes nothing")

    def handle_comment(self, data: str) -> None:
        self.found.append(f"a comment in content: {data[:20]}")
