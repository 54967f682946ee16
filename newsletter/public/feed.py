"""What machines read of the archive: the Atom feed, the sitemap, and what robots are asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from newsletter.config import PublicationSettings
    from newsletter.public.shelf import Entry

ATOM_TYPE = "application/atom+xml; charset=utf-8"
XML_TYPE = "application/xml; charset=utf-8"
#: A feed tells of so many issues, and a sitemap of so many pages (https://www.sitemaps.org/protocol.html).
FEED_LENGTH = 30
SITEMAP_LENGTH = 49_990
# What XML 1.0 cannot hold (section 2.2); front matter has none of them, but merge values might.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def atom(
    settings: PublicationSettings,
    entries: Sequence[Entry],
    *,
    topic: tuple[str, str] | None = None,
    content: Callable[[Entry], str] | None = None,
) -> str:
    """The feed of *entries*, the newest first (RFC 4287), of a *topic* (its slug and title) or of all.

    *content* gives the HTML of what an entry says; without it, entries have a summary only. An entry has the
    date of its last dispatch as ``updated``, so that a correction is seen, and an id that says where and when
    the issue was first dispatched (RFC 4151): it stays when addresses change their form.
    """
    url, name = settings.url, settings.name
    path = f"/feed.xml?topic={quote(topic[0])}" if topic else "/feed.xml"
    title = f"{name}: {topic[1]}" if topic else name
    shown = entries[:FEED_LENGTH]
    updated = max((each.published.last for each in shown), default=None)
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang={_quoted(settings.language)}>',
        f"<title>{_text(title)}</title>",
        f"<id>{_text(url + path)}</id>",
        f'<link rel="self" type="application/atom+xml" href={_quoted(url + path)}/>',
        f'<link rel="alternate" type="text/html" href={_quoted(url + "/issues/")}/>',
        f"<updated>{_stamp(updated)}</updated>",
        f"<author><name>{_text(name)}</name></author>",
        *(_entry(settings, each, content(each) if content else "") for each in shown),
        "</feed>",
    ]
    return "\n".join(lines) + "\n"


def _entry(settings: PublicationSettings, entry: Entry, html: str) -> str:
    url = f"{settings.url}/issues/{quote(entry.slug)}"
    first, last = entry.published.first, entry.published.last
    authority = urlsplit(settings.url).hostname or "localhost"
    name = f"tag:{authority},{first:%Y-%m-%d}:/issues/{quote(entry.slug)}"
    summary = f"<summary>{_text(entry.preheader)}</summary>\n" if entry.preheader else ""
    content = f'<content type="html">{_text(html)}</content>\n' if html else ""
    return (
        f"<entry xml:lang={_quoted(entry.language)}>\n"
        f"<title>{_text(entry.title)}</title>\n"
        f"<id>{_text(name)}</id>\n"
        f'<link rel="alternate" type="text/html" href={_quoted(url)}/>\n'
        f"<published>{_stamp(first)}</published>\n"
        f"<updated>{_stamp(last)}</updated>\n"
        f"{summary}{content}</entry>"
    )


def sitemap(settings: PublicationSettings, entries: Sequence[Entry], *, signup: bool) -> str:
    """The pages that search engines should know (https://www.sitemaps.org/protocol.html).

    Args:
        settings: whose they are.
        entries: the issues of the archive.
        signup: whether there is a page for joining.
    """
    newest = max((each.published.last for each in entries), default=None)
    pages = [(f"{settings.url}/", newest), (f"{settings.url}/issues/", newest)]
    pages += [(f"{settings.url}/subscribe", None)] if signup else []
    pages += [(f"{settings.url}/issues/{quote(each.slug)}", each.published.last) for each in entries]
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
        *(
            f"<url><loc>{_text(url)}</loc>{f'<lastmod>{_stamp(at)}</lastmod>' if at else ''}</url>"
            for url, at in pages[:SITEMAP_LENGTH]
        ),
        "</urlset>",
    ]
    return "\n".join(lines) + "\n"


def robots(url: str) -> str:
    """What robots are asked (RFC 9309): not to search; all other pages they may open.

    The pages behind a reader's link are left out on purpose. They answer ``X-Robots-Tag: noindex``, which
    only a robot that may open them learns, and a list of their addresses would make them known.
    """
    root = urlsplit(url).path
    return f"User-agent: *\nDisallow: {root}/issues/?q=\nAllow: /\n\nSitemap: {url}/sitemap.xml\n"


def _text(text: str) -> str:
    return escape(_NO_XML.sub("", text))


def _quoted(text: str) -> str:
    return quoteattr(_NO_XML.sub("", text))


def _stamp(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else "1970-01-01T00:00:00Z"
