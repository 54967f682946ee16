"""Leaving: a page with one button that changes nothing, and a request that unsubscribes for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from newsletter.public.desk import masked
from newsletter.public.gathering import Gathering
from subscribers import Status
from subscribers.leaving import Wish, leave_by_links

if TYPE_CHECKING:
    from newsletter.public.desk import Desk
    from subscribers import Profile
    from subscribers.tokens import Grant


def leaving(desk: Desk) -> APIRouter:
    """The routes of ``/unsubscribe/{token}``."""
    router = APIRouter()

    @router.api_route("/unsubscribe/{token}", methods=["GET", "HEAD"])
    def ask(token: str) -> HTMLResponse:
        """Ask; mail scanners open every link, so this changes nothing."""
        grant = desk.grant("unsubscribe", token)
        profile = desk.store.find_public(grant.public_id)
        topic = _about(desk, grant)
        if profile is None or profile.status == Status.UNSUBSCRIBED:
            return _left(desk, profile)
        if topic and grant.topic in profile.left_topics:
            return _left_topic(desk, profile, topic)
        return desk.pages.page(
            "leave",
            wish=profile.locale,
            address=masked(profile.email),
            topic=topic,
            everything=desk.link("unsubscribe", profile),
            preferences=desk.link("preferences", profile),
            choices=bool(desk.topics()),
        )

    nobody = _left(desk, None)
    gathering: Gathering[Wish] = Gathering(
        desk.engine, lambda connection, wishes: leave_by_links(connection, wishes, desk.store.clock())
    )

    @router.post("/unsubscribe/{token}")
    async def leave(token: str, request: Request) -> Response:
        """Unsubscribe durably, then answer 200; again and again.

        The token alone says who leaves what (RFC 8058 section 3.1), so neither a cookie nor any part of the
        body is needed, and a body that cannot be parsed is no reason to keep somebody. A message about a
        topic belongs to the list of that topic, which its link leaves; or everything, if that is no more.
        """
        one_click = b"One-Click" in await request.body()
        grant = desk.tokens.glance("unsubscribe", token)
        if grant is None:  # perhaps another process made a key since
            grant = await run_in_threadpool(desk.grant, "unsubscribe", token)
        source = "one-click" if one_click else "unsubscribe page"
        await gathering.add(Wish(grant.public_id, source, grant.topic))
        if one_click and not grant.topic:  # a mail service asks, and shows nobody the answer
            return HTMLResponse(nobody.body)
        return await run_in_threadpool(_gone, desk, grant)

    return router


def _gone(desk: Desk, grant: Grant) -> HTMLResponse:
    """What somebody sees who has left."""
    profile, topic = desk.store.find_public(grant.public_id), _about(desk, grant)
    if profile is None or not topic or profile.status == Status.UNSUBSCRIBED:
        return _left(desk, profile)
    return _left_topic(desk, profile, topic)


def _about(desk: Desk, grant: Grant) -> str:
    """The topic that a link is about, as readers see it; empty if it is about everything."""
    return desk.topics().get(grant.topic, "") if grant.topic else ""


def _left(desk: Desk, profile: Profile | None) -> HTMLResponse:
    # Of somebody erased only the token is left: they are off the list all the same.
    address = masked(profile.email) if profile and profile.email else ""
    return desk.pages.page("left", wish=profile.locale if profile else None, address=address)


def _left_topic(desk: Desk, profile: Profile, topic: str) -> HTMLResponse:
    return desk.pages.page(
        "left_topic",
        wish=profile.locale,
        address=masked(profile.email),
        topic=topic,
        everything=desk.link("unsubscribe", profile),
        preferences=desk.link("preferences", profile),
    )
