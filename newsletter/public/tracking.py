"""Tracked links: a redirect to where the edition pointed and nowhere else, and a picture of one pixel."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.background import BackgroundTask

from newsletter.delivery.tracking import Extent, frozen_extent
from newsletter.feedback.machines import Asked
from newsletter.feedback.tracking import note
from newsletter.messages.marks import Marks

if TYPE_CHECKING:
    from newsletter.messages.marks import Mark
    from newsletter.public.desk import Desk

_log = logging.getLogger(__name__)

#: A transparent GIF of one pixel (GIF89a: https://www.w3.org/Graphics/GIF/spec-gif89a.txt), 43 bytes.
PIXEL = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
}


def tracking(desk: Desk) -> APIRouter:
    """The routes of ``/c/{mark}`` and ``/o/{mark}.gif``."""
    router = APIRouter()
    settings = desk.publication.settings.tracking
    marks = Marks(desk.engine)

    # What is frozen never changes; that nothing is frozen yet, may.
    @lru_cache(maxsize=256)
    def known(dispatch: int) -> Extent:
        with desk.engine.connect() as connection:
            extent = frozen_extent(connection, dispatch)
        if extent is None:
            raise HTTPException(404)
        return extent

    def found(text: str) -> tuple[Mark, Extent]:
        mark = marks.read(text)
        if mark is None:
            raise HTTPException(404)
        return mark, known(mark.dispatch)

    def noting(request: Request, mark: Mark, extent: Extent) -> BackgroundTask | None:
        """What records the request once it is answered: a reader waits for no statistics."""
        if not settings.anywhere:
            return None
        asked = Asked(request.method, dict(request.headers))

        def record() -> None:
            try:
                note(desk.engine, settings, extent, mark, asked, desk.store.clock())
            except SQLAlchemyError as error:
                _log.warning("an open or a click was not recorded: %s", type(error).__name__)

        return BackgroundTask(record)

    @router.api_route("/c/{text}", methods=["GET", "HEAD"])
    def follow(text: str, request: Request) -> Response:
        """Go where the link of the edition pointed, which is frozen; what is in the request has no say."""
        mark, extent = found(text)
        url = extent.url(mark.place)
        if url is None:
            raise HTTPException(404)
        headers = {**_HEADERS, "location": url}
        return Response(status_code=302, headers=headers, background=noting(request, mark, extent))

    @router.api_route("/o/{text}.gif", methods=["GET", "HEAD"])
    def picture(text: str, request: Request) -> Response:
        """The picture, which is the same whoever asks."""
        mark, extent = found(text)
        if mark.place != 0:
            raise HTTPException(404)
        headers = {
            **_HEADERS,
            "cross-origin-resource-policy": "cross-origin",
            "content-security-policy": "default-src 'none'",
        }
        task = noting(request, mark, extent)
        return Response(PIXEL, media_type="image/gif", headers=headers, background=task)

    return router
