"""Leaving: a page with one button that changes nothing, and a request that unsubscribes for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from newsletter.public.desk import masked
from subscribers import Status

if TYPE_CHECKING:
    from newsletter.public.desk import Desk
    from subscribers import Profile


async def _body(request: Request) -> bytes:
    return await request.body()


def leaving(desk: Desk) -> APIRouter:
    """The routes of ``/unsubscribe/{token}``."""
    router = APIRouter()

    @router.api_route("/unsubscribe/{token}", methods=["GET", "HEAD"])
    def ask(token: str) -> HTMLResponse:
        """Ask; mail scanners open every link, so this changes nothing."""
        profile = desk.store.find_public(desk.public_id("unsubscribe", token))
        if profile is None or profile.status == Status.UNSUBSCRIBED:
            return _left(desk, profile)
        preferences = desk.link("preferences", profile)
        return desk.pages.page("leave", address=masked(profile.email), preferences=preferences)

    @router.post("/unsubscribe/{token}")
    def leave(token: str, body: Annotated[bytes, Depends(_body)]) -> HTMLResponse:
        """Unsubscribe durably, then answer 200; again and again.

        The token alone says who leaves (RFC 8058 section 3.1), so neither a cookie nor any part of the
        body is needed, and a body that cannot be parsed is no reason to keep somebody.
        """
        public_id = desk.public_id("unsubscribe", token)
        profile = desk.store.find_public(public_id)
        if profile is not None:
            desk.store.unsubscribe(
                public_id, source="one-click" if b"One-Click" in body else "unsubscribe page"
            )
        return _left(desk, profile)

    return router


def _left(desk: Desk, profile: Profile | None) -> HTMLResponse:
    # Of somebody erased only the token is left: they are off the list all the same.
    return desk.pages.page("left", address=masked(profile.email) if profile and profile.email else "")
