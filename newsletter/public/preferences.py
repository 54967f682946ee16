"""Preferences: what a reader may change about themself, without an account."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING, Annotated

from babel import Locale, UnknownLocaleError
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from newsletter.public.desk import masked
from subscribers import Consent, FieldError, Status
from subscribers.models import TrackingConsent
from subscribers.tracking import allows, set_tracking

if TYPE_CHECKING:
    from newsletter.public.desk import Desk
    from subscribers import Profile

#: The longest name that is kept, in characters.
LONGEST_NAME = 100
#: Languages offered beside the reader's and the publication's own.
_OFFERED = {
    *("ar", "cs", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "hu", "id", "it", "ja", "ko"),
    *("nb", "nl", "pl", "pt", "ro", "ru", "sv", "th", "tr", "uk", "vi", "zh"),
}
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

_FIELDS = {"first_name": "first_name", "last_name": "last_name", "language": "locale"}


#: What the buttons about tracking say.
TRACKING = {"allow": TrackingConsent.GRANTED, "deny": TrackingConsent.DENIED}
#: How long the page offers to pause.
MONTH = timedelta(days=30)


@dataclass(frozen=True)
class _Form:
    """What was sent: texts by the names of the list, the topics if these were shown, and a wish to pause.

    ``tracking`` is ``allow`` or ``deny`` if the reader said that.
    """

    texts: dict[str, str]
    topics: list[str] | None
    pause: str
    tracking: str = ""


async def _sent(request: Request) -> _Form:
    """The fields of the form that were sent, empty ones too, cleaned."""
    async with request.form(max_files=0, max_fields=200) as form:
        sent = {name: value for name, value in form.items() if isinstance(value, str)}
        topics = [value for value in form.getlist("topic") if isinstance(value, str)]
    return _Form(
        texts={ours: _UNSEEN.sub(" ", sent[name]).strip() for name, ours in _FIELDS.items() if name in sent},
        topics=topics if "topics" in sent else None,
        pause=sent.get("pause", ""),
        tracking=sent.get("tracking", ""),
    )


def preferences(desk: Desk) -> APIRouter:
    """The routes of ``/preferences/{token}``."""
    router = APIRouter()

    def reader(token: str) -> Profile | None:
        """Who opened the page; None when there is nothing left to prefer."""
        profile = desk.store.find_public(desk.public_id("preferences", token))
        return profile if profile and profile.status in {Status.ACTIVE, Status.PENDING} else None

    @router.api_route("/preferences/{token}", methods=["GET", "HEAD"])
    def show(token: str) -> HTMLResponse:
        """Show what is known."""
        profile = reader(token)
        return _page(desk, profile) if profile else desk.pages.page("left", address="")

    @router.post("/preferences/{token}")
    def save(token: str, form: Annotated[_Form, Depends(_sent)]) -> HTMLResponse:
        """Save what was sent; a field that was not sent stays as it is."""
        profile = reader(token)
        if profile is None:
            return desk.pages.page("left", address="")
        if problem := _problem(desk, profile, form):
            return _page(desk, profile, form.texts, problem=problem)
        if form.pause:
            until = None if form.pause == "end" else desk.store.clock() + MONTH
            desk.store.pause(profile.public_id, until, source="preferences")
        if form.tracking in TRACKING:
            said = Consent(source="preferences", text=tracking_words(desk))
            set_tracking(desk.store, profile.id, TRACKING[form.tracking], said)
        try:
            saved = desk.store.update(profile.public_id, **form.texts, topics=form.topics)
        except FieldError as error:
            return _page(desk, profile, problem=f"{error}. Nothing was changed.")
        return _page(desk, saved, saved=True) if saved else desk.pages.page("left", address="")

    return router


def tracking_words(desk: Desk) -> str:
    """What a reader is shown who is asked whether they may be tracked, for the consent log."""
    return " ".join(unescape(bytes(desk.pages.page("tracking_words").body).decode()).split())


def languages(desk: Desk, profile: Profile) -> list[tuple[str, str]]:
    """The languages to choose from, as ``(tag, name in that language)``, first the choice of none."""
    own = {profile.locale, desk.publication.settings.publication.language} - {"", None}
    named = {code: _autonym(code) for code in [*_OFFERED, *map(str, own)]}
    return [("", "No preference"), *sorted(named.items(), key=lambda pair: pair[1].casefold())]


def _autonym(code: str) -> str:
    try:
        name = Locale.parse(code, sep="-").get_display_name()
    except (ValueError, UnknownLocaleError):
        return code
    return f"{name[:1].upper()}{name[1:]}" if name else code


def tracking_asked(desk: Desk, profile: Profile) -> str:
    """Whether this reader is tracked: ``yes`` or ``no``; empty where nobody is."""
    settings = desk.publication.settings.tracking
    if not settings.anywhere:
        return ""
    return "yes" if allows(profile.tracking, opt_out=settings.consent == "opt-out") else "no"


def _problem(desk: Desk, profile: Profile, form: _Form) -> str:
    if any(len(value) > LONGEST_NAME for value in form.texts.values()):
        return f"A name may have up to {LONGEST_NAME} characters. Nothing was changed."
    if form.texts.get("locale", "") not in {code for code, _ in languages(desk, profile)}:
        return "This language cannot be chosen. Nothing was changed."
    if form.topics and not desk.topics().keys() >= set(form.topics):
        return "There is no such topic any more. Nothing was changed."
    return ""


def _page(
    desk: Desk,
    profile: Profile,
    changes: dict[str, str] | None = None,
    *,
    saved: bool = False,
    problem: str = "",
) -> HTMLResponse:
    shown = {"first_name": profile.first_name, "last_name": profile.last_name, "locale": profile.locale}
    shown |= changes or {}
    paused = (
        profile.paused_until if profile.paused_until and profile.paused_until > desk.store.clock() else None
    )
    return desk.pages.page(
        "preferences",
        status=400 if problem else 200,
        address=masked(profile.email),
        first_name=shown["first_name"] or "",
        last_name=shown["last_name"] or "",
        language=shown["locale"] or "",
        languages=languages(desk, profile),
        unsubscribe=desk.link("unsubscribe", profile),
        topics=[(slug, title, slug in profile.topics) for slug, title in desk.topics().items()],
        paused=f"{paused:%Y-%m-%d}" if paused else "",
        longest=LONGEST_NAME,
        tracking=tracking_asked(desk, profile),
        saved=saved,
        problem=problem,
    )
