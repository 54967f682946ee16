"""The published images of a publication: ``GET /media/{name}``, in both web services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp"}
#: A name is made of the content, so what a browser holds is right for ever (RFC 8246). Mail is read, and its
#: images are shown, within pages of other origins.
_HEADERS = {
    "cache-control": f"public, max-age={365 * 24 * 3600}, immutable",
    "cross-origin-resource-policy": "cross-origin",
    "content-security-policy": "default-src 'none'",
}


def media(find: Callable[[str], Path | None]) -> APIRouter:
    """The route of images.

    Args:
        find: the file of a published name, None when there is none; it must not join names to paths unseen.
    """
    router = APIRouter()

    @router.api_route("/media/{name}", methods=["GET", "HEAD"])
    def image(name: str) -> FileResponse:
        path = find(name)
        if path is None:
            raise HTTPException(404)
        return FileResponse(path, media_type=_TYPES[path.suffix], headers=_HEADERS)

    return router
