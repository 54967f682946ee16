"""Joining: a form that tells nobody who is on the list, and a mail that asks for one press."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from markupsafe import Markup

from newsletter.catalogues import phrase
from newsletter.notices import CONSENT, NoticeKind, enqueue
from newsletter.public.gate import TRAP, Gate, Pass, Visitor
from newsletter.public.heads import INDEXED, Head
from subscribers import AddressError, Consent, ConsentKind, FieldError, writing
from subscribers.joining import Standing, ask_for_topics, sign_up, sign_up_entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsletter.public.desk import Desk
    from subscribers.registration import Entry

#: These pages, unlike the others, have a script: ours, which talks to us alone.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: What any page may read: it has no cookie, and its answers tell nothing of anybody.
OPEN = {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}
SCRIPT = "signup.js"
_LONGEST_NAME = 100
_FIELDS = ("email", "first_name", TRAP, "form", "altcha", "from")

SENT = phrase("Thank you. Please check your inbox: we have sent you a mail with the next step.")
JOINED = phrase("Thank you. The next issue will come to you; if something is left to do, a mail says so.")
NO_ADDRESS = phrase("We cannot write to this e-mail address. Please check it.")
FLOOD = phrase("There were too many requests from your network just now. Please try again in an hour.")
AGAIN = phrase("Nearly there: please press the button once more.")


@dataclass(frozen=True)
class Form:
    """What was sent: texts by the names of fields, the topics that were ticked, and from whom."""

    texts: Mapping[str, str]
    topics: tuple[str, ...]
    visitor: Visitor
    wants_json: bool
    shown_topics: bool = False


async def sent_form(request: Request) -> Form:
    """The form that was sent, its texts on one line."""
    async with request.form(max_files=0, max_fields=200) as form:
        sent = {name: value for name in _FIELDS if isinstance(value := form.get(name), str)}
        topics = tuple(value for value in form.getlist("topic") if isinstance(value, str))
        shown = "topics" in form
    texts = {name: " ".join(value.split())[:4000] for name, value in sent.items()}
    accepts = request.headers.get("accept", "")
    return Form(texts, topics, Visitor.of(request), "application/json" in accepts, shown)


SentForm = Annotated[Form, Depends(sent_form)]


def joining(desk: Desk) -> APIRouter:
    """The routes of ``/subscribe``."""
    router, gate = APIRouter(), Gate(desk)
    settings = desk.publication.settings.signup

    def enabled() -> None:
        if not settings.enabled:
            raise HTTPException(404)

    @router.api_route("/subscribe", methods=["GET", "HEAD"], dependencies=[Depends(enabled)])
    def ask() -> Response:
        """Show the form, which search engines may find."""
        response = _page(desk, gate, Form({}, (), Visitor("", ""), wants_json=False))
        response.headers.update(INDEXED)
        return response

    @router.post("/subscribe", dependencies=[Depends(enabled)])
    def subscribe(form: SentForm) -> Response:
        """Record a sign-up, whatever is known of the address, and answer always the same."""
        try:
            entry = _entry(desk, form)
        except (AddressError, FieldError):
            return _answer(desk, gate, form, NO_ADDRESS, HTTPStatus.BAD_REQUEST)
        way = gate.judge(form.texts, form.visitor)
        if way is Pass.UNKNOWN:
            # A form on another page cannot have a token of ours; its sender presses once more, on our page.
            status = HTTPStatus.FORBIDDEN if form.wants_json else HTTPStatus.OK
            return _answer(desk, gate, form, AGAIN, status)
        if way is Pass.FLOOD:
            return _answer(desk, gate, form, FLOOD, HTTPStatus.TOO_MANY_REQUESTS)
        if way is not Pass.TRAPPED:
            _sign_up(desk, gate, form, entry, way)
            desk.call_postman()
        return _answer(desk, gate, form, SENT if settings.double_opt_in else JOINED, HTTPStatus.OK)

    @router.get("/subscribe/challenge", dependencies=[Depends(enabled)])
    def challenge() -> JSONResponse:
        """A sum for the browser, for forms here and elsewhere."""
        return JSONResponse(gate.challenge() if settings.proof_of_work else {}, headers=OPEN)

    @router.api_route("/subscribe.js", methods=["GET", "HEAD"], dependencies=[Depends(enabled)])
    def script() -> Response:
        """The script for forms on other pages, whose address never changes."""
        found = desk.pages.file(SCRIPT)
        if found is None:
            raise HTTPException(404)
        found.headers.update({**OPEN, "cache-control": "public, max-age=3600"})
        return found

    return router


def _entry(desk: Desk, form: Form) -> Entry:
    settings, language = desk.publication.settings.signup, desk.pages.language()
    offered = desk.offered_topics()
    # A form that shows no topics is about all of them; who could choose gets what they ticked.
    asked = form.topics if form.shown_topics or form.topics else tuple(offered)
    topics = [slug for slug in asked if slug in offered]
    consent = Consent(
        ConsentKind.OPT_IN,
        source="form" if form.texts.get("from") == "page" else "form elsewhere",
        text=consent_text(desk),
        ip=form.visitor.ip if settings.store_ip else "",
        user_agent=form.visitor.user_agent if settings.store_ip else "",
        text_version=settings.consent_version,
    )
    name = form.texts.get("first_name", "")[:_LONGEST_NAME] if settings.names else ""
    return sign_up_entry(
        desk.store.secret,
        form.texts.get("email", ""),
        consent,
        first_name=name,
        locale=language,
        topics=topics,
    )


def _sign_up(desk: Desk, gate: Gate, form: Form, entry: Entry, way: Pass) -> None:
    """One transaction, whatever is known of the address: so it takes as long for everybody."""
    settings, at, language = desk.publication.settings.signup, desk.clock(), entry.texts["locale"]
    with writing(desk.engine) as connection:
        if not gate.admit(connection, form.texts, form.visitor, way, entry.address.key):
            return
        who, standing = sign_up(connection, entry, at, confirmed=not settings.double_opt_in)
        if who is None or standing is Standing.JOINED:
            return
        # A form that shows no topics asks for no more of them.
        ticked = entry.topics if form.shown_topics or form.topics else ()
        until = at + timedelta(days=settings.confirm_days)
        if standing is Standing.PENDING:
            enqueue(connection, NoticeKind.CONFIRM, who, language, at, until=until)
        elif ask_for_topics(connection, who, ticked, entry.consent, at):
            enqueue(connection, NoticeKind.TOPICS, who, language, at, until=until)
        else:
            until, repeat = at + timedelta(hours=settings.link_hours), timedelta(hours=settings.repeat_hours)
            enqueue(connection, NoticeKind.ALREADY, who, language, at, until=until, repeat=repeat)


def consent_text(desk: Desk) -> str:
    """What a person agrees to by sending the form, in the words of the publication or in ours."""
    name = desk.publication.settings.publication.name
    return desk.publication.settings.signup.consent or desk.say(CONSENT, publication=name)


def _answer(desk: Desk, gate: Gate, form: Form, text: str, status: HTTPStatus) -> Response:
    """The answer, as JSON for a script or as a page: the form again, or that all is done."""
    said, done = desk.say(text), text in (SENT, JOINED)
    if form.wants_json:
        body = {"done": done, "message": said}
        response: Response = JSONResponse(body, status_code=status, headers=OPEN)
    elif done:
        response = desk.pages.page("sent", message=said)
    else:
        response = _page(desk, gate, form, said, status)
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        response.headers["retry-after"] = "3600"
    return response


def _page(desk: Desk, gate: Gate, form: Form, problem: str = "", status: int = HTTPStatus.OK) -> Response:
    settings = desk.publication.settings.signup
    topics = desk.offered_topics()
    chosen = set(form.topics) if form.shown_topics or form.topics else set(topics)
    response = desk.pages.page(
        "subscribe",
        status=status,
        problem=problem,
        gentle=status == HTTPStatus.OK,
        email=form.texts.get("email", "")[:320],
        first_name=form.texts.get("first_name", "")[:_LONGEST_NAME],
        names=settings.names,
        double=settings.double_opt_in,
        longest=_LONGEST_NAME,
        topics=[(slug, title, slug in chosen) for slug, title in topics.items()],
        consent=consent_text(desk),
        token=gate.form_token(),
        trap=TRAP,
        head=Markup(_head(desk).html()),  # noqa: S704 - escaped there
    )
    response.headers["content-security-policy"] = CONTENT_SECURITY_POLICY
    return response


def _head(desk: Desk) -> Head:
    settings = desk.publication.settings.publication
    url, language = settings.url, desk.pages.language()
    return Head(f"{url}/subscribe", settings.name, settings.name, f"{url}/feed.xml", language=language)
