"""Confirming a sign-up: a page with one button that changes nothing, and a press that joins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from newsletter.public.desk import masked
from newsletter.public.gate import Visitor
from newsletter.public.joining import consent_text
from subscribers import Consent, ConsentError, ConsentKind, Status
from subscribers.joining import asked_topics, confirm_topics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.public.desk import Desk
    from subscribers import Profile


def confirming(desk: Desk) -> APIRouter:
    """The routes of ``/confirm/{token}``; the token stays good after it was used, until it ends."""
    router = APIRouter()

    @router.api_route("/confirm/{token}", methods=["GET", "HEAD"])
    def ask(token: str) -> HTMLResponse:
        """Ask; mail scanners open every link, so this changes nothing."""
        profile = _signed_up(desk, token)
        if profile is None:
            return _over(desk)
        if profile.status is Status.ACTIVE:
            return _more(desk, profile, _asked(desk, token, profile))
        return desk.pages.page("confirm", wish=profile.locale, address=masked(profile.email))

    @router.post("/confirm/{token}")
    def confirm(token: str, request: Request) -> HTMLResponse:
        """Join; a second press finds that all is well."""
        profile = _signed_up(desk, token)
        if profile is None:
            return _over(desk)
        if profile.status is Status.PENDING:
            profile = _confirm(desk, profile, Visitor.of(request))
        elif asked := _asked(desk, token, profile):
            said = _consent(desk, Visitor.of(request))
            given = confirm_topics(desk.engine, profile.public_id, asked, said, desk.clock())
            return _joined(desk, profile, given)
        return _joined(desk, profile) if profile is not None else _over(desk)

    return router


def _asked(desk: Desk, token: str, profile: Profile) -> list[str]:
    """The topics that a link is about, of somebody on the list, which they do not have yet."""
    slugs = desk.grant("confirm", token).topic.split("\n")
    with desk.engine.connect() as connection:
        return [slug for slug in asked_topics(connection, profile.id) if slug in slugs]


def _more(desk: Desk, profile: Profile, asked: list[str]) -> HTMLResponse:
    if not asked:
        return _joined(desk, profile)
    return _page("more", desk, profile, asked)


def _signed_up(desk: Desk, token: str) -> Profile | None:
    """Whose sign-up a link confirms; None if it is over, or they left since, or were forgotten."""
    grant = desk.fresh("confirm", token)
    profile = desk.store.find_public(grant.public_id) if grant else None
    return profile if profile and profile.status in (Status.PENDING, Status.ACTIVE) else None


def _confirm(desk: Desk, profile: Profile, visitor: Visitor) -> Profile | None:
    try:
        return desk.store.confirm(profile.public_id, _consent(desk, visitor))
    except ConsentError:
        return None  # the publication forbade mailing the address since


def _consent(desk: Desk, visitor: Visitor) -> Consent:
    settings = desk.publication.settings.signup
    return Consent(
        ConsentKind.CONFIRMED,
        source="link in a mail",
        text=consent_text(desk),
        ip=visitor.ip if settings.store_ip else "",
        user_agent=visitor.user_agent if settings.store_ip else "",
        text_version=settings.consent_version,
    )


def _joined(desk: Desk, profile: Profile, given: Sequence[str] = ()) -> HTMLResponse:
    return _page("joined", desk, profile, given)


def _page(name: str, desk: Desk, profile: Profile, topics: Sequence[str]) -> HTMLResponse:
    """The page of that name for somebody on the list, which names *topics* by their titles."""
    titles = desk.topics()
    return desk.pages.page(
        name,
        wish=profile.locale,
        address=masked(profile.email),
        topics=[titles.get(slug, slug) for slug in topics],
        preferences=desk.link("preferences", profile),
    )


def _over(desk: Desk) -> HTMLResponse:
    # 410: the link was good once (RFC 9110, section 15.5.11); the page offers a new one.
    return desk.pages.page("over", status=410, again="subscribe")
