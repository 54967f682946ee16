"""The links of an edition that can be counted: found once, in their order, the same ones every time.

A link that is decided per recipient is left alone, and so is each that belongs to a reader: no one's way out
may depend on anything but itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from html import escape, unescape
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from newsletter.editions.cutting import Choice, Context, Value, split
from newsletter.editions.edition import Slot

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from newsletter.config import TrackingSettings
    from newsletter.editions.cutting import Piece
    from newsletter.editions.edition import Edition
    from newsletter.issues import Issue

_ANCHOR = re.compile(r"<(?:a|area)\s(?:\"[^\"]*\"|'[^']*'|[^<>\"'])*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([^\s\"'<>/=]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
#: What a Location header can say as it is (RFC 9110, 10.2.2); any other address stays untracked.
_PLAIN_URL = re.compile(r"https?://[!-~]+", re.IGNORECASE)
_IN_TEXT = re.compile(r"https?://[!-~]+", re.IGNORECASE)
#: How text goes on behind an address.
_TRAILING = ".,;:!?)]}>'\""
#: The pages of readers, below the publication's own address: their links must never be rewritten.
_READERS = frozenset(
    {"unsubscribe", "preferences", "confirm", "subscribe", "issues", "data", "erase", "webhooks", "c", "o"}
)
#: So many letters has a mark in a link.
LETTERS = 22
_DECLINED = frozenset({"no", "off", "false"})


@dataclass(frozen=True)
class Link:
    """A place in the HTML or the text where an address stands, from *start* to *end*."""

    url: str
    part: Literal["html", "text"]
    start: int = 0
    end: int = 0

    @property
    def frozen(self) -> tuple[str, str]:
        """What is kept of it: where it leads, and in which part it stands."""
        return self.url, self.part


def find_links(edition: Edition, base: str) -> tuple[Link, ...]:
    """The links of *edition* that can be tracked, those of the HTML first.

    Left out are addresses that are not of the web, that differ between recipients, that lead to a reader's
    own pages below *base*, and those with ``data-track="no"``; in the text, all that the HTML does not have.

    Args:
        edition: what everybody gets.
        base: where readers reach the publication, without a slash at the end.
    """
    token = f"LP{edition.nonce}"
    found, declined = [], set()
    for start, end, tracked in _addresses(edition.html):
        url = unescape(edition.html[start:end])
        if not tracked:
            declined.add(url)
        elif token not in url and _is_trackable(url, base):
            found.append(Link(url, "html", start, end))
    known = {link.url for link in found} - declined
    return (*found, *_in_text(edition.text, known))


def _addresses(html: str) -> Iterator[tuple[int, int, bool]]:
    """Where the address of each link stands, and whether it may be tracked."""
    for anchor in _ANCHOR.finditer(html):
        attributes = {
            match[1].lower(): match for match in _ATTRIBUTE.finditer(html, anchor.start(), anchor.end())
        }
        if (href := attributes.get("href")) is not None:
            start, end = href.span(2 if href[2] is not None else 3)
            said = attributes.get("data-track")
            declined = said is not None and (said[2] or said[3] or "").strip().lower() in _DECLINED
            yield start, end, not declined


def _is_trackable(url: str, base: str) -> bool:
    if not _PLAIN_URL.fullmatch(url) or "\\" in url:
        return False
    try:
        if not urlsplit(url).hostname:
            return False
    except ValueError:
        return False
    beyond = url[len(base) :] if url.lower().startswith(base.lower()) else ""
    return re.split(r"[/?#]", beyond.removeprefix("/"), maxsplit=1)[0].lower() not in _READERS


def _in_text(text: str, known: Collection[str]) -> Iterator[Link]:
    for match in _IN_TEXT.finditer(text):
        url = match[0]
        while url not in known and url[-1:] and url[-1] in _TRAILING:
            url = url[:-1]
        if url in known:
            yield Link(url, "text", match.start(), match.start() + len(url))


@dataclass(frozen=True)
class Tracked:
    """An edition as those get it whose opens and clicks are learned: the pieces of its parts, with marks.

    ``marks`` are the tokens that stand for marks, by place: 0 is that of the picture, from 1 on the links.
    """

    html: tuple[Piece, ...]
    text: tuple[Piece, ...]
    marks: dict[str, int]


def track(edition: Edition, base: str, links: Iterable[Link], *, opens: bool) -> Tracked:
    """*edition* with a mark of the recipient in each of *links*, and with *opens* in a picture of one pixel.

    The picture is the last thing of the HTML; it says nothing to a screen reader.
    """
    numbered = list(enumerate(links, 1))
    html_links = [(number, link) for number, link in numbered if link.part == "html"]
    text_links = [(number, link) for number, link in numbered if link.part == "text"]
    html = _marked(edition.html, html_links, edition.nonce, escape(f"{base}/c/"))
    text = _marked(edition.text, text_links, edition.nonce, f"{base}/c/")
    if opens:
        picture = _picture(f"{base}/o/", _token(edition.nonce, 0))
        end = html.lower().rfind("</body>")
        end = len(html) if end < 0 else end
        html = html[:end] + picture + html[end:]
    marks = {_token(edition.nonce, number): number for number, _ in numbered}
    if opens:
        marks[_token(edition.nonce, 0)] = 0
    slots = tuple(Slot(token, "value", "", "") for token in marks)
    whole = replace(edition, slots=(*edition.slots, *slots))
    pieces = split(html, whole, Context.HTML), split(text, whole, Context.TEXT)
    return Tracked(_opaque(pieces[0], marks), _opaque(pieces[1], marks), marks)


def tracking_of(settings: TrackingSettings, issue: Issue) -> TrackingSettings | None:
    """What is to be tracked of an issue: what is set for its topic, unless the issue says no; or None."""
    wanted = settings.about(issue.topic or "")
    return wanted if wanted.on and issue.tracking is not False else None


def added_bytes(edition: Edition, base: str, *, opens: bool, clicks: bool) -> int:
    """By how many bytes the HTML of a tracked recipient is longer; less than 0 if it is shorter."""
    mark = "m" * LETTERS
    links = [link for link in find_links(edition, base) if link.part == "html"] if clicks else []
    before = sum(len(edition.html[link.start : link.end].encode()) for link in links)
    after = len(links) * len(f"{escape(base)}/c/{mark}".encode())
    picture = len(_picture(f"{base}/o/", mark).encode()) if opens else 0
    return after - before + picture


def _token(nonce: str, number: int) -> str:
    return f"LP{nonce}k{number}z"


def _marked(text: str, links: Sequence[tuple[int, Link]], nonce: str, address: str) -> str:
    parts, end = [], 0
    for number, link in links:
        parts += [text[end : link.start], address, _token(nonce, number)]
        end = link.end
    return "".join([*parts, text[end:]])


def _picture(address: str, token: str) -> str:
    return (
        f'<img src="{escape(address)}{token}.gif" alt="" width="1" height="1" role="presentation"'
        ' aria-hidden="true" style="display:block;width:1px;height:1px;border:0;" />'
    )


def _opaque(pieces: Sequence[Piece], marks: Collection[str]) -> tuple[Piece, ...]:
    """The same pieces, in which a mark is written as it is."""
    return tuple(
        Value(piece.token, Context.OPAQUE)
        if isinstance(piece, Value) and piece.token in marks
        else Choice(tuple((token, _opaque(branch, marks)) for token, branch in piece.branches))
        if isinstance(piece, Choice)
        else piece
        for piece in pieces
    )
