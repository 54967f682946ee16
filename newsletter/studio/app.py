"""The studio, put together: who may open it, its pages, their frames and parts, and the stream of changes."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException as AnyHTTPException

from newsletter.errors import NewsletterError
from newsletter.messages import UnmailableError
from newsletter.resources import builtin_templates
from newsletter.studio.access import Access, Gate
from newsletter.studio.clicked import spot_of
from newsletter.studio.desk import Desk
from newsletter.studio.door import add_door
from newsletter.studio.findings import counts
from newsletter.studio.issue_pages import add_issue_pages
from newsletter.studio.readers import Readers
from newsletter.studio.report_pages import add_report_pages
from newsletter.studio.reports import Reports
from newsletter.studio.review_pages import add_review_pages
from newsletter.studio.trouble import explain, with_code
from newsletter.studio.watch import Watch
from newsletter.studio.workbench import Workbench
from newsletter.web import Guard, Pages, media
from newsletter.web.guard import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sqlalchemy import Engine

    from newsletter.config import Publication

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    # With `no-referrer` a browser would say of its own forms that they come from nowhere ("Origin: null").
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


def create_studio(
    publication: Publication,
    engine: Engine | None,
    clock: Callable[[], float] = time.time,
    token: str | None = None,
) -> FastAPI:
    """The studio of *publication*.

    Args:
        publication: what is worked on.
        engine: its database, for looking at issues as a subscriber and for reports; None without one.
        clock: tells the time that a proof bears, in seconds since the epoch.
        token: what opens it for browsers on other machines; without one, only this machine's are answered.
    """
    readers = Readers(engine)
    attributes = partial(readers.attributes, publication.settings.subscribers.attributes)
    workbench = Workbench(publication, attributes)
    watch = Watch(publication, workbench.again)
    desk = Desk(workbench, readers, clock, engine)
    access = Access(token, clock)
    shared = {
        "desk": desk,
        "with_code": with_code,
        "counts": counts,
        "spot_of": spot_of,
        "access": access,
        "engine": engine,
    }
    pages = Pages(builtin_templates() / "studio", shared)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with watch.running():
            yield

    app = FastAPI(title="Studio", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.on_stop = watch.stop
    add_door(app, pages, access)
    add_issue_pages(app, desk, pages)
    add_review_pages(app, desk, pages, access, clock)
    add_report_pages(app, Reports(engine, desk), pages, watch)
    _parts(app, pages, watch)
    _errors(app, desk, pages)
    app.include_router(media(desk.workbench.image))
    app.add_middleware(Gate, access=access)
    app.add_middleware(Guard, headers=HEADERS, hosts=None if access.remote else LOOPBACK)
    return app


def _parts(app: FastAPI, pages: Pages, watch: Watch) -> None:
    """What every page needs."""

    @app.get("/events")
    async def events() -> StreamingResponse:
        return StreamingResponse(watch.events(), media_type="text/event-stream")

    @app.get("/assets/{digest}/{name}")
    def asset(digest: str, name: str) -> Response:  # noqa: ARG001 - the digest makes caches forget
        found = pages.file(name)
        if found is None:
            raise HTTPException(404)
        return found


def _errors(app: FastAPI, desk: Desk, pages: Pages) -> None:
    @app.exception_handler(AnyHTTPException)
    def missing(_: Request, error: Exception) -> HTMLResponse:
        return pages.page("missing", status=getattr(error, "status_code", 404))

    @app.exception_handler(NewsletterError)
    def trouble(_: Request, error: NewsletterError) -> HTMLResponse:
        told = explain(error, desk.workbench.publication.root)
        unmailable = isinstance(error, UnmailableError)
        return pages.page("error", status=422, trouble=told, unmailable=unmailable)
