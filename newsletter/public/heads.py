"""What a page says of itself to search engines, and to who shows a link as a card (Open Graph, Twitter)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape, unescape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r'\b(src|width|alt)="([^"]*)"')
#: Of pages that are made to be found; all others tell robots to forget them.
INDEXED = {"x-robots-tag": "all"}
#: A picture that is narrower is an icon or a portrait, and no picture of the issue; in pixels.
NARROWEST = 200
_DESCRIBED = 300


@dataclass(frozen=True)
class Head:
    """A page of the archive, as others show it: its address, and what it is about."""

    url: str
    title: str
    site: str
    feed: str
    description: str = ""
    kind: str = "website"
    language: str = ""
    image: str = ""
    alt: str = ""
    published: datetime | None = None

    def html(self) -> str:
        """The elements for the page's head, everything escaped."""
        description = " ".join(self.description.split())[:_DESCRIBED]
        named = {
            "description": description,
            "twitter:card": "summary_large_image" if self.image else "summary",
        }
        properties = {
            "og:type": self.kind,
            "og:site_name": self.site,
            "og:title": self.title,
            "og:description": description,
            "og:url": self.url,
            "og:locale": _territorial(self.language),
            "og:image": self.image,
            "og:image:alt": self.alt,
            "article:published_time": self.published.isoformat() if self.published else "",
        }
        site, url, feed = map(escape, (self.site, self.url, self.feed))
        lines = [
            f'<link rel="canonical" href="{url}">',
            f'<link rel="alternate" type="application/atom+xml" title="{site}" href="{feed}">',
            *_metas("name", named),
            *_metas("property", properties),
        ]
        return "\n".join(lines) + "\n"

    def put_into(self, html: str) -> str:
        """*html* with this in its head, if it has one."""
        before, closing, behind = html.partition("</head>")
        return f"{before}{self.html()}{closing}{behind}" if closing else html


def _metas(attribute: str, values: dict[str, str]) -> list[str]:
    return [f'<meta {attribute}="{name}" content="{escape(text)}">' for name, text in values.items() if text]


def picture_of(html: str) -> tuple[str, str]:
    """The address and the text of the first picture of an issue that is large enough for a card."""
    for match in _IMAGE.finditer(html):
        said = {name: unescape(value) for name, value in _ATTRIBUTE.findall(match[0])}
        width = said.get("width", "")
        wide = not width.isdigit() or int(width) >= NARROWEST
        if wide and said.get("alt") and said.get("src", "").startswith(("https://", "http://")):
            return said["src"], said["alt"]
    return "", ""


def _territorial(language: str) -> str:
    """A language as Open Graph writes it: ``de_CH``; one without a territory is left out."""
    match = re.fullmatch(r"([a-z]{2,3})-([A-Z]{2})", language)
    return f"{match[1]}_{match[2]}" if match else ""
