"""The way in from another machine: the token once, then a cookie; or a share link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from newsletter.studio.access import COOKIE, SIGNED_IN, Access

if TYPE_CHECKING:
    from newsletter.web import Pages


def add_door(app: FastAPI, pages: Pages, access: Access) -> None:
    """Add the page for the token, and that of share links."""

    @app.get("/sign-in")
    def door() -> HTMLResponse:
        return pages.page("sign_in", wrong=False)

    @app.post("/sign-in")
    def sign_in(request: Request, token: Annotated[str, Form()] = "") -> Response:
        cookie = access.sign_in(token.strip())
        if cookie is None:
            return pages.page("sign_in", wrong=True, status=403)
        return _with_cookie(RedirectResponse("/", 303), cookie, request)

    @app.get("/shared/{signed}")
    def shared(request: Request, signed: str) -> Response:
        grant = access.grant(signed) if access.remote else None
        if grant is None or grant.issue is None:
            raise HTTPException(404)
        return _with_cookie(RedirectResponse(f"/issues/{quote(grant.issue)}", 303), signed, request)


def _with_cookie(answer: Response, value: str, request: Request) -> Response:
    # Lax: a link in a mail or a chat must open the page; what changes something is checked by its origin.
    answer.set_cookie(
        COOKIE,
        quote(value, safe="="),
        max_age=SIGNED_IN,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer
