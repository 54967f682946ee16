"""One's own data: a copy of it, and an end to it; each behind a link that was mailed a short while ago."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.responses import Response

from newsletter.delivery.deliveries import deliveries_of
from newsletter.notices import Forgetting
from newsletter.public.desk import masked
from subscribers.transfer.person import export_person

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.public.desk import Desk
    from subscribers import Profile


def own_data(desk: Desk) -> APIRouter:
    """The routes of ``/data/{token}`` and ``/erase/{token}``."""
    router = APIRouter()

    def of_owner(action: str, token: str, answer: Callable[[Profile], Response]) -> Response:
        """The answer for the owner of the data; or that the link is over, or that nothing is left."""
        grant = desk.fresh(action, token)
        if grant is None:
            return desk.pages.page("over", status=410, again="preferences")
        profile = desk.store.find_public(grant.public_id)
        return answer(profile) if profile else desk.pages.page("erased")

    @router.api_route("/data/{token}", methods=["GET", "HEAD"])
    def offer(token: str) -> Response:
        """Offer the copy."""
        return of_owner("data", token, lambda profile: _shown(desk, "data", profile))

    @router.post("/data/{token}")
    def copy(token: str) -> Response:
        """The copy, as a file; nothing is changed."""
        return of_owner("data", token, lambda profile: _copy(desk, profile))

    @router.api_route("/erase/{token}", methods=["GET", "HEAD"])
    def warn(token: str) -> Response:
        """Say what will be forgotten."""
        return of_owner("erase", token, lambda profile: _shown(desk, "erase", profile))

    @router.post("/erase/{token}")
    def erase(token: str) -> Response:
        """Forget the person, durably; a second press finds it done."""
        return of_owner("erase", token, lambda profile: _erase(desk, profile))

    return router


def _shown(desk: Desk, page: str, profile: Profile) -> Response:
    return desk.pages.page(page, wish=profile.locale, address=masked(profile.email))


def _copy(desk: Desk, profile: Profile) -> Response:
    known = export_person(desk.store, profile.email)
    document = {**known, "deliveries": deliveries_of(desk.engine, profile.id)}
    text = json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n"
    headers = {"content-disposition": 'attachment; filename="my-data.json"'}
    return Response(text, media_type="application/json", headers=headers)


def _erase(desk: Desk, profile: Profile) -> Response:
    with Forgetting(desk.publication.outbox) as along:
        desk.store.erase(profile.public_id, source="link in a mail", along=along)
    return desk.pages.page("erased", wish=profile.locale)
