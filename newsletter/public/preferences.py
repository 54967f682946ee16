"""Preferences: what a reader may see and change about themself, without an account.

The link in every mail is kept for years and forwarded with it. So it opens what a reader receives; names are
shown and changed, and data is handed out or deleted, only behind a link that was mailed a short while ago.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from html import unescape
from typing import TYPE_CHECKING, Annotated, Any

from babel import Locale, UnknownLocaleError
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from newsletter.catalogues import phrase
from newsletter.editions.language import long_date
from newsletter.notices import NoticeKind
from newsletter.public.desk import masked
from newsletter.public.zones import may_choose, zones
from subscribers import Consent, FieldError, Status
from subscribers.models import TrackingConsent
from subscribers.tracking import allows, set_tracking

if TYPE_CHECKING:
    from newsletter.public.desk import Desk
    from subscribers import Profile

#: This page, unlike most, has a script: ours, which tells nobody anything.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: The longest name that is kept, in characters.
LONGEST_NAME = 100
#: Languages offered beside the reader's and the publication's own.
_OFFERED = {
    *("ar", "cs", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "hu", "id", "it", "ja", "ko"),
    *("nb", "nl", "pl", "pt", "ro", "ru", "sv", "th", "tr", "uk", "vi", "zh"),
}
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

#: The fields of the form, and the names of the list; the first two need a fresh link.
_FIELDS = {
    "first_name": "first_name",
    "last_name": "last_name",
    "language": "locale",
    "time_zone": "time_zone",
}
_NAMES = ("first_name", "last_name")
#: What a reader can have mailed from here.
_MAILS = {"preferences": NoticeKind.PREFERENCES, "data": NoticeKind.DATA, "erasure": NoticeKind.ERASURE}
#: What the buttons about tracking say.
TRACKING = {"allow": TrackingConsent.GRANTED, "deny": TrackingConsent.DENIED}
#: How long the page offers to pause.
MONTH = timedelta(days=30)

NO_PREFERENCE = phrase("No preference")
LONG = phrase("A name may have up to %(longest)s characters. Nothing was changed.")
NO_LANGUAGE = phrase("This language cannot be chosen. Nothing was changed.")
NO_ZONE = phrase("This time zone cannot be chosen. Nothing was changed.")
NO_TOPIC = phrase("There is no such topic any more. Nothing was changed.")
NOT_KEPT = phrase("This cannot be kept. Nothing was changed.")
SAVED = phrase("Your changes are saved.")
MAILED = phrase("A mail with a link is on its way to %(address)s.")


@dataclass(frozen=True)
class _Form:
    """What was sent: texts by the names of the list, topics if these were shown, a pause, a wish for mail.

    ``tracking`` is ``allow`` or ``deny`` if the reader said that.
    """

    texts: dict[str, str]
    topics: list[str] | None
    pause: str
    mail: str
    tracking: str


async def _sent(request: Request) -> _Form:
    """The fields of the form that were sent, empty ones too, cleaned."""
    async with request.form(max_files=0, max_fields=200) as form:
        sent = {name: value for name, value in form.items() if isinstance(value, str)}
        topics = [value for value in form.getlist("topic") if isinstance(value, str)]
    return _Form(
        texts={ours: _UNSEEN.sub(" ", sent[name]).strip() for name, ours in _FIELDS.items() if name in sent},
        topics=topics if "topics" in sent else None,
        pause=sent.get("pause", ""),
        mail=sent.get("mail", ""),
        tracking=sent.get("tracking", ""),
    )


def preferences(desk: Desk) -> APIRouter:
    """The routes of ``/preferences/{token}``."""
    router = APIRouter()

    @router.api_route("/preferences/{token}", methods=["GET", "HEAD"])
    def show(token: str) -> HTMLResponse:
        """Show what is known."""
        profile, fresh = _reader(desk, token)
        return _shown(desk, profile, fresh=fresh)

    @router.post("/preferences/{token}")
    def save(token: str, form: Annotated[_Form, Depends(_sent)]) -> HTMLResponse:
        """Save what was sent; a field that was not sent stays as it is."""
        profile, fresh = _reader(desk, token)
        if profile is None or (profile.status is Status.UNSUBSCRIBED and not (fresh and form.mail)):
            return _shown(desk, profile, fresh=fresh)
        if kind := _MAILS.get(form.mail):
            desk.mail(kind, profile)
            said = desk.say(MAILED, profile.locale, address=masked(profile.email))
            return _shown(desk, profile, fresh=fresh, saved=said)
        return _save(desk, profile, form, fresh=fresh)

    return router


def tracking_words(desk: Desk, profile: Profile) -> str:
    """What a reader is shown who is asked whether they may be tracked, for the consent log."""
    page = desk.pages.page("tracking_words", wish=profile.locale)
    return " ".join(unescape(bytes(page.body).decode()).split())


def tracking_asked(desk: Desk, profile: Profile) -> str:
    """Whether this reader is tracked: ``yes`` or ``no``; empty where nobody is."""
    settings = desk.publication.settings.tracking
    if not settings.anywhere:
        return ""
    return "yes" if allows(profile.tracking, opt_out=settings.consent == "opt-out") else "no"


def _reader(desk: Desk, token: str) -> tuple[Profile | None, bool]:
    """Who opened the page, and whether by a fresh link."""
    grant = desk.grant("preferences", token)
    return desk.store.find_public(grant.public_id), grant.good(desk.clock())


def _save(desk: Desk, profile: Profile, form: _Form, *, fresh: bool) -> HTMLResponse:
    texts = {name: text for name, text in form.texts.items() if fresh or name not in _NAMES}
    if problem := _problem(desk, profile, texts, form.topics):
        said = desk.say(problem, profile.locale, longest=LONGEST_NAME)
        return _page(desk, profile, texts, fresh=fresh, problem=said)
    if form.pause:
        until = None if form.pause == "end" else desk.clock() + MONTH
        desk.store.pause(profile.public_id, until, source="preferences")
    if form.tracking in TRACKING:
        shown = Consent(source="preferences", text=tracking_words(desk, profile))
        set_tracking(desk.store, profile.id, TRACKING[form.tracking], shown)
    try:
        saved = desk.store.update(profile.public_id, **texts, topics=form.topics)
    except FieldError:
        return _page(desk, profile, fresh=fresh, problem=desk.say(NOT_KEPT, profile.locale))
    return _shown(desk, saved, fresh=fresh, saved=desk.say(SAVED, saved.locale if saved else None))


def languages(desk: Desk, profile: Profile) -> list[tuple[str, str]]:
    """The languages to choose from, as ``(tag, name in that language)``, first the choice of none."""
    own = {profile.locale, desk.publication.settings.publication.language} - {"", None}
    named = {code: _autonym(code) for code in [*_OFFERED, *map(str, own)]}
    none = desk.say(NO_PREFERENCE, profile.locale)
    return [("", none), *sorted(named.items(), key=lambda pair: pair[1].casefold())]


@lru_cache(maxsize=200)
def _autonym(code: str) -> str:
    try:
        name = Locale.parse(code, sep="-").get_display_name()
    except (ValueError, UnknownLocaleError):
        return code
    return f"{name[:1].upper()}{name[1:]}" if name else code


def _problem(desk: Desk, profile: Profile, texts: dict[str, str], topics: list[str] | None) -> str:
    if any(len(texts.get(name, "")) > LONGEST_NAME for name in _NAMES):
        return LONG
    if texts.get("locale", "") not in {code for code, _ in languages(desk, profile)}:
        return NO_LANGUAGE
    if not may_choose(texts.get("time_zone", "")):
        return NO_ZONE
    if topics and not desk.topics().keys() >= set(topics):
        return NO_TOPIC
    return ""


def _shown(desk: Desk, profile: Profile | None, *, fresh: bool, saved: str = "") -> HTMLResponse:
    """The page of a reader; of who has left, what remains; of nobody, that they are off the list."""
    if profile is not None and profile.status in {Status.ACTIVE, Status.PENDING}:
        return _page(desk, profile, fresh=fresh, saved=saved)
    address = masked(profile.email) if profile and profile.email else ""
    wish = profile.locale if profile else None
    return desk.pages.page("left", wish=wish, address=address, own_data=bool(profile) and fresh, saved=saved)


def _page(
    desk: Desk,
    profile: Profile,
    changes: dict[str, str] | None = None,
    *,
    fresh: bool,
    saved: str = "",
    problem: str = "",
) -> HTMLResponse:
    known: dict[str, Any] = {ours: getattr(profile, ours) for ours in _FIELDS.values()}
    known |= changes or {}
    until = profile.paused_until
    page_language = desk.pages.language(profile.locale)
    response = desk.pages.page(
        "preferences",
        status=400 if problem else 200,
        wish=profile.locale,
        address=masked(profile.email),
        fresh=fresh,
        first_name=known["first_name"] or "",
        last_name=known["last_name"] or "",
        language=known["locale"] or "",
        languages=languages(desk, profile),
        time_zone=known["time_zone"] or "",
        time_zones=zones(page_language, profile.time_zone),
        unsubscribe=desk.link("unsubscribe", profile),
        topics=[(slug, title, slug in profile.topics) for slug, title in desk.topics().items()],
        paused=long_date(until.date(), page_language) if until and until > desk.clock() else "",
        longest=LONGEST_NAME,
        tracking=tracking_asked(desk, profile),
        saved=saved,
        problem=problem,
    )
    response.headers["content-security-policy"] = CONTENT_SECURITY_POLICY
    return response
