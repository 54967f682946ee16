"""The studio, put together: the list of issues, a page for each, its frames, and the stream of changes."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException as AnyHTTPException

from newsletter.messages import UnmailableError
from newsletter.resources import builtin_templates
from newsletter.studio.desk import Desk
from newsletter.studio.frames import FRAME_HEADERS, frame
from newsletter.studio.look import Look
from newsletter.studio.readers import Readers
from newsletter.studio.trouble import explain, with_code
from newsletter.studio.watch import Watch
from newsletter.studio.workbench import Workbench
from newsletter.web import Guard, Pages, media
from newsletter.web.guard import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sqlalchemy import Engine

    from newsletter.config import Publication
    from newsletter.studio.workbench import Draft

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def create_studio(
    publication: Publication, engine: Engine | None, clock: Callable[[], float] = time.time
) -> FastAPI:
    """The studio of *publication*, for browsers on this machine only.

    Args:
        publication: what is worked on.
        engine: its database, for looking at an issue as a subscriber; None when there is no list yet.
        clock: tells the time that a proof bears, in seconds since the epoch.
    """
    watch = Watch(publication)
    readers = Readers(engine)
    desk = Desk(Workbench(publication, readers.attributes), readers, clock)
    pages = Pages(builtin_templates() / "studio", {"desk": desk, "with_code": with_code})

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with watch.running():
            yield

    app = FastAPI(title="Studio", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.on_stop = watch.stop
    _pages(app, desk, pages)
    _parts(app, desk, pages, watch)
    app.include_router(media(desk.workbench.image))
    app.add_middleware(Guard, headers=HEADERS, hosts=LOOPBACK)
    return app


def _pages(app: FastAPI, desk: Desk, pages: Pages) -> None:
    """What a person opens."""

    @app.get("/")
    def issues(page: int = 1) -> HTMLResponse:
        return pages.page("list", listing=desk.listing(page))

    @app.get("/issues/{slug}")
    def issue(slug: str, request: Request) -> HTMLResponse:
        draft = _found(desk, slug)
        return pages.page("issue", **desk.issue(draft, Look.of(request.query_params)))

    @app.exception_handler(AnyHTTPException)
    def missing(_: Request, error: Exception) -> HTMLResponse:
        return pages.page("missing", status=getattr(error, "status_code", 404))

    @app.exception_handler(UnmailableError)
    def unmailable(_: Request, error: UnmailableError) -> HTMLResponse:
        return pages.page("error", status=422, trouble=explain(error, desk.workbench.publication.root))


def _parts(app: FastAPI, desk: Desk, pages: Pages, watch: Watch) -> None:
    """What a page needs."""

    @app.get("/issues/{slug}/frame")
    def framed(slug: str, request: Request) -> HTMLResponse:
        look = Look.of(request.query_params)
        proof = desk.proof(_found(desk, slug), look)
        if proof is None:
            raise HTTPException(404)
        return HTMLResponse(frame(desk.with_own_images(proof), look.mode), headers=FRAME_HEADERS[look.images])

    @app.get("/issues/{slug}/message.eml")
    def message(slug: str, request: Request) -> Response:
        draft = _found(desk, slug)
        proof = desk.proof(draft, Look.of(request.query_params))
        if proof is None:
            raise HTTPException(404)
        headers = {"content-disposition": f'attachment; filename="{proof.message.composer.edition.slug}.eml"'}
        return Response(proof.bytes, media_type="message/rfc822", headers=headers)

    @app.get("/events")
    async def events() -> StreamingResponse:
        return StreamingResponse(watch.events(), media_type="text/event-stream")

    @app.get("/assets/{digest}/{name}")
    def asset(digest: str, name: str) -> Response:  # noqa: ARG001 - the digest makes caches forget
        found = pages.file(name)
        if found is None:
            raise HTTPException(404)
        return found


def _found(desk: Desk, slug: str) -> Draft:
    draft = desk.workbench.find(slug)
    if draft is None:
        raise HTTPException(404)
    return draft
