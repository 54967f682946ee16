"""The readers' web service, put together."""

from __future__ import annotations

import logging
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException as AnyHTTPException

from newsletter.catalogues import phrase
from newsletter.editions.media import find_published
from newsletter.public.archive import archive
from newsletter.public.asking import asking
from newsletter.public.confirming import confirming
from newsletter.public.desk import Desk
from newsletter.public.hooks import MAX_BODY, SENDGRID, hooks
from newsletter.public.joining import joining
from newsletter.public.leaving import leaving
from newsletter.public.own_data import own_data
from newsletter.public.preferences import preferences
from newsletter.public.tracking import tracking
from newsletter.web import Guard, Languages, media
from subscribers import now

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Engine

    from newsletter.config import Publication

_log = logging.getLogger(__name__)

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",  # a path may hold a reader's token
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}

_WORDS = {
    HTTPStatus.NOT_FOUND: (
        phrase("There is nothing here"),
        phrase("The link may have been cut off on its way. Try to open it again from the mail itself."),
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        phrase("That does not work here"),
        phrase("This page can be opened, but not sent to."),
    ),
    HTTPStatus.BAD_REQUEST: (phrase("That could not be read"), phrase("Please go back and try again.")),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        phrase("One moment, please"),
        phrase("We cannot do this just now. Please try again in a minute."),
    ),
}


def create_app(
    publication: Publication,
    engine: Engine,
    *,
    call_postman: Callable[[], None] = lambda: None,
    clock: Callable[[], datetime] = now,
) -> FastAPI:
    """The web service of *publication* for its readers, on its database.

    ``GET /`` · ``GET,POST /subscribe`` · ``GET,POST /confirm/{token}`` · ``GET,POST /unsubscribe/{token}`` ·
    ``GET,POST /preferences`` · ``GET,POST /preferences/{token}`` · ``GET,POST /data/{token}`` ·
    ``GET,POST /erase/{token}`` · ``GET /issues/`` · ``GET /issues/{slug}`` · ``GET /c/{mark}`` ·
    ``GET /o/{mark}.gif`` · ``POST /webhooks/sendgrid`` · ``GET /media/{name}`` · ``GET /healthz``. A GET
    changes nothing for a reader; no page needs a cookie or a script.

    Args:
        publication: whose readers they are.
        engine: its database.
        call_postman: called when a notice was written that is to be mailed.
        clock: tells the moment in UTC.
    """
    desk = Desk(publication, engine, call_postman, clock)
    app = FastAPI(
        title=publication.settings.publication.name, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.router.redirect_slashes = False  # a one-click request must never be redirected (RFC 8058 section 3.1)
    app.include_router(joining(desk))
    app.include_router(confirming(desk))
    app.include_router(leaving(desk))
    app.include_router(asking(desk))
    app.include_router(preferences(desk))
    app.include_router(own_data(desk))
    app.include_router(archive(desk))
    app.include_router(tracking(desk))
    app.include_router(hooks(desk))
    app.include_router(media(partial(find_published, publication.media)))
    _upkeep(app, desk)
    _troubles(app, desk)
    app.add_middleware(Languages)
    app.add_middleware(Guard, headers=HEADERS, max_bodies={SENDGRID: MAX_BODY})
    return app


def _upkeep(app: FastAPI, desk: Desk) -> None:
    """The routes that machines ask for."""

    @app.api_route("/healthz", methods=["GET", "HEAD"])
    def healthz() -> JSONResponse:
        with desk.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        return JSONResponse({"status": "ok"})

    @app.api_route("/assets/{digest}/{name}", methods=["GET", "HEAD"])
    def asset(digest: str, name: str) -> Response:  # noqa: ARG001 - the digest makes caches forget
        found = desk.pages.file(name)
        if found is None:
            raise HTTPException(404)
        return found


def _troubles(app: FastAPI, desk: Desk) -> None:
    """What readers see when something is not as it should be: a kind page, and no inside of ours."""

    def page(status: int, headers: dict[str, str] | None = None) -> Response:
        title, words = _WORDS.get(HTTPStatus(status), _WORDS[HTTPStatus.BAD_REQUEST])
        response = desk.pages.page("message", status=status, title=title, text=words)
        response.headers.update(headers or {})
        return response

    @app.exception_handler(AnyHTTPException)
    def refused(_: Request, error: Exception) -> Response:
        return page(getattr(error, "status_code", 400), dict(getattr(error, "headers", None) or {}))

    @app.exception_handler(SQLAlchemyError)
    def unavailable(_: Request, error: Exception) -> Response:
        # The text of a database error holds addresses and tokens; its name does not.
        _log.error("the database did not answer: %s", type(error).__name__)
        return page(HTTPStatus.SERVICE_UNAVAILABLE, {"retry-after": "60"})
