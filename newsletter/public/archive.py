"""The archive: the web version of every issue that was dispatched, as it was frozen then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import exists, or_, select

from newsletter.delivery.models import DELIVERY, DISPATCH, DeliveryState, DispatchState
from newsletter.editions import Edition
from newsletter.editions.language import long_date
from newsletter.public.web_version import WebVersion, web_version

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from newsletter.public.desk import Desk

#: How many issues the front page shows.
LATEST = 5
#: A mail may hold any image and its own styles; nothing of it may run, be framed, or send a form.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; img-src 'self' https: http: data:; font-src https: data:; "
    "style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Entry:
    """One line of the archive; ``date`` is ISO 8601 and ``day`` the same in the issue's language."""

    slug: str
    title: str
    preheader: str
    language: str
    direction: str
    date: str
    day: str


def archive(desk: Desk) -> APIRouter:
    """The routes of the front page, ``/issues/`` and ``/issues/{slug}``."""
    router = APIRouter()
    url = desk.publication.settings.publication.url

    @lru_cache(maxsize=64)
    def version(dispatch: int) -> WebVersion:
        return web_version(_edition(desk.engine, dispatch), url)

    # What an archive lists is frozen, so it is read from an edition once.
    @lru_cache(maxsize=10_000)
    def entry(dispatch: int) -> Entry:
        return _entry(_edition(desk.engine, dispatch), url)

    def listed() -> list[Entry]:
        """The newest first; of those of one date, the one that was dispatched last."""
        dispatches = sorted(published(desk.engine).values(), reverse=True)
        return sorted(map(entry, dispatches), key=lambda each: each.date, reverse=True)

    @router.api_route("/", methods=["GET", "HEAD"])
    def front() -> HTMLResponse:
        entries = listed()
        return desk.pages.page("home", issues=entries[:LATEST], more=len(entries) > LATEST)

    @router.api_route("/issues", methods=["GET", "HEAD"])
    @router.api_route("/issues/", methods=["GET", "HEAD"])
    def listing() -> HTMLResponse:
        return desk.pages.page("archive", issues=listed())

    @router.api_route("/issues/{slug}", methods=["GET", "HEAD"])
    def issue(slug: str, request: Request) -> Response:
        # PostgreSQL takes no NUL in a text; a slug has no such character anyway.
        dispatch = published(desk.engine, slug).get(slug) if slug.isprintable() else None
        if dispatch is None:
            raise HTTPException(404)
        return _answer(version(dispatch), request.headers.get("if-none-match", ""))

    return router


def published(engine: Engine, slug: str | None = None) -> dict[str, int]:
    """The latest dispatch of each issue that may have reached somebody, by slug; or that of *slug* alone."""
    accepted = exists().where(
        DELIVERY.c.dispatch_id == DISPATCH.c.id, DELIVERY.c.state == DeliveryState.ACCEPTED
    )
    begun = [DispatchState.RUNNING, DispatchState.PAUSED, DispatchState.FINISHED]
    query = select(DISPATCH.c.slug, DISPATCH.c.id).where(or_(DISPATCH.c.state.in_(begun), accepted))
    if slug is not None:
        query = query.where(DISPATCH.c.slug == slug)
    with engine.connect() as connection:
        return {row.slug: row.id for row in connection.execute(query.order_by(DISPATCH.c.id))}


def _edition(engine: Engine, dispatch: int) -> Edition:
    query = select(DISPATCH.c.edition).where(DISPATCH.c.id == dispatch)
    with engine.connect() as connection:
        return Edition.from_json(connection.execute(query).scalar_one())


def _entry(edition: Edition, url: str) -> Entry:
    version = web_version(edition, url)
    day = long_date(date.fromisoformat(edition.date), edition.language) if edition.date else ""
    return Entry(
        slug=edition.slug,
        title=version.title,
        preheader=version.preheader,
        language=edition.language,
        direction=edition.direction,
        date=edition.date or "",
        day=day,
    )


def _answer(version: WebVersion, known: str) -> Response:
    headers = {
        "etag": version.etag,
        "cache-control": "public, max-age=300",
        "content-security-policy": CONTENT_SECURITY_POLICY,
    }
    if version.etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
        return Response(status_code=304, headers=headers)
    return HTMLResponse(version.html, headers=headers)
