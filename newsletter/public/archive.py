"""The archive: the web version of every issue that went to everybody, as frozen then; lists, search, feed."""

from __future__ import annotations

import re
from functools import lru_cache, partial
from math import ceil
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response
from markupsafe import Markup

from newsletter.catalogues import choose
from newsletter.public.feed import ATOM_TYPE, XML_TYPE, atom, robots, sitemap
from newsletter.public.heads import INDEXED, Head, picture_of
from newsletter.public.search import LONGEST_QUERY, Search
from newsletter.public.shelf import Published, Shelf
from newsletter.public.web_version import web_version
from newsletter.web.kept import Kept

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from newsletter.public.desk import Desk
    from newsletter.public.shelf import Entry
    from newsletter.public.web_version import WebVersion

#: How many issues the front page shows, and a page of the list.
LATEST = 5
PAGE = 20
#: A mail may hold any image and its own styles; nothing of it may run, be framed, or send a form.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; img-src 'self' https: http: data:; font-src https: data:; "
    "style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
#: Behind this, an issue of the archive has a line with the ways on, for who was led here by a search.
_BODY = re.compile(r"<body\b[^>]*>")
ISSUE_HEADERS = {**INDEXED, "content-security-policy": CONTENT_SECURITY_POLICY}


def archive(desk: Desk) -> APIRouter:
    """The routes of the front page, ``/issues/``, ``/issues/{slug}``, the feed and the sitemap."""
    router = APIRouter()
    reading = partial(router.api_route, methods=["GET", "HEAD"])
    rooms = _Archive(desk)

    @reading("/")
    def front(request: Request) -> Response:
        return rooms.front().answer(request, INDEXED)

    @reading("/issues")
    @reading("/issues/")
    def listing(request: Request, q: str = "", page: str = "1") -> Response:
        query = " ".join(q.replace("\x00", " ").split())[:LONGEST_QUERY]
        kept = rooms.listing(query, _number(page))
        return kept.answer(request, None if query else INDEXED)

    @reading("/issues/{slug}")
    def issue(slug: str, request: Request) -> Response:
        return rooms.issue(slug).answer(request, ISSUE_HEADERS)

    @reading("/issues/{slug}/{token}")
    def unlisted(slug: str, token: str) -> Response:
        return rooms.unlisted(slug, token)

    @reading("/feed.xml")
    def feed(request: Request, topic: str = "") -> Response:
        return rooms.feed(topic).answer(request)

    @reading("/sitemap.xml")
    def site_map(request: Request) -> Response:
        return rooms.sitemap().answer(request)

    @reading("/robots.txt")
    def asked_of_robots(request: Request) -> Response:
        said = robots(desk.publication.settings.publication.url)
        return Kept(said.encode(), "text/plain; charset=utf-8", fresh=3600).answer(request)

    return router


class _Archive:
    """What the routes answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._settings = desk.publication.settings.publication
        self._shelf = Shelf(desk.engine, self._settings.url)
        self._search = Search(desk.engine, self._shelf)
        self._issue = lru_cache(maxsize=64)(self._made)

    def front(self) -> Kept:
        entries = self._shelf.entries()
        latest = entries[:LATEST]
        return self._page("home", self._head("/"), issues=latest, more=len(entries) > LATEST)

    def listing(self, query: str, page: int) -> Kept:
        """One page of all issues, or of those that say what is asked for."""
        entries = self._shelf.entries()
        if query:
            by_dispatch = {each.published.dispatch: each for each in entries}
            entries = [by_dispatch[found] for found in self._search.find(query, list(by_dispatch))]
        last = max(1, ceil(len(entries) / PAGE))
        if not 1 <= page <= last:
            raise HTTPException(404)
        shown = entries[(page - 1) * PAGE : page * PAGE]
        hits = self._search.hits(query, [each.published.dispatch for each in shown]) if query else []
        return self._page(
            "archive",
            self._head("/issues/", page),
            issues=shown,
            snippets={hit.dispatch: hit.snippet for hit in hits},
            query=query,
            longest=LONGEST_QUERY,
            count=len(entries),
            page=page,
            newer=_place(query, page - 1) if page > 1 else "",
            older=_place(query, page + 1) if page < last else "",
        )

    def issue(self, slug: str) -> Kept:
        """The web version of an issue, with what others show of it."""
        # PostgreSQL takes no NUL in a text; a slug has no such character anyway.
        published = self._shelf.published(slug).get(slug) if slug.isprintable() else None
        if published is None:
            raise HTTPException(404)
        return self._issue(slug, published)

    def unlisted(self, slug: str, token: str) -> Response:
        """An issue that was for a segment only, for whoever has the link from the mail."""
        name = self._desk.public_id("issue", token)
        found = self._shelf.unlisted(name)
        if found is None or found[0] != slug:
            raise HTTPException(404)
        web = f"{self._settings.url}/issues/{slug}/{token}"
        version = web_version(self._shelf.edition(found[1]), self._settings.url, web)
        headers = {"content-security-policy": CONTENT_SECURITY_POLICY}
        return HTMLResponse(self._with_bar(version, unlisted=True), headers=headers)

    def feed(self, topic: str) -> Kept:
        title = self._desk.topics().get(topic) if topic else None
        if topic and title is None:
            raise HTTPException(404)
        entries = self._shelf.entries(topic)
        whole = self._desk.publication.settings.archive.feed == "whole"
        content = partial(self._shelf.content, name=self._settings.name) if whole else None
        text = atom(self._settings, entries, topic=(topic, title) if title else None, content=content)
        return Kept(text.encode(), ATOM_TYPE, _newest(entries))

    def sitemap(self) -> Kept:
        entries = self._shelf.entries()
        signup = self._desk.publication.settings.signup.enabled
        text = sitemap(self._settings, entries, signup=signup)
        return Kept(text.encode(), XML_TYPE, _newest(entries))

    def _made(self, slug: str, published: Published) -> Kept:
        version = self._shelf.version(published.dispatch)
        image, alt = picture_of(version.html)
        head = Head(
            url=f"{self._settings.url}/issues/{quote(slug)}",
            title=version.title,
            site=self._settings.name,
            feed=f"{self._settings.url}/feed.xml",
            description=version.preheader,
            kind="article",
            image=image,
            alt=alt,
            language=version.language,
            published=published.first,
        )
        html = self._with_bar(version, unlisted=False)
        return Kept(head.put_into(html).encode(), modified=published.last)

    def _with_bar(self, version: WebVersion, *, unlisted: bool) -> str:
        """The page of an issue with a line above it: the ways on, and whether it is not for everybody."""
        bar = self._desk.pages.render("issue_bar", {"unlisted": unlisted}, choose(version.language))
        return _BODY.sub(lambda tag: f"{tag[0]}{bar}", version.html, count=1)

    def _head(self, path: str, page: int = 1) -> Head:
        settings = self._settings
        url = f"{settings.url}{path}{f'?page={page}' if page > 1 else ''}"
        return Head(url, settings.name, settings.name, f"{settings.url}/feed.xml", language=settings.language)

    def _page(self, name: str, head: Head, **context: object) -> Kept:
        pages = self._desk.pages
        language = pages.language()
        html = pages.render(name, {**context, "head": Markup(head.html())}, language)  # noqa: S704 - escaped there
        # A page changes with the program, too, so it is known by its tag alone, not by a date.
        return Kept(html.encode(), language=language)


def _number(page: str) -> int:
    return int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 0


def _place(query: str, page: int) -> str:
    said = {**({"q": query} if query else {}), **({"page": str(page)} if page > 1 else {})}
    return f"/issues/?{urlencode(said)}" if said else "/issues/"


def _newest(entries: Sequence[Entry]) -> datetime | None:
    return max((each.published.last for each in entries), default=None)
