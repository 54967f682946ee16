"""A lost link to one's preferences: mailed again to who is on the list, with an answer that tells nothing."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import select

from newsletter.catalogues import phrase
from newsletter.notices import NoticeKind, enqueue
from newsletter.public.gate import TRAP, Gate, Pass
from newsletter.public.joining import AGAIN, CONTENT_SECURITY_POLICY, FLOOD, NO_ADDRESS, Form, SentForm
from subscribers import AddressError, Status, writing
from subscribers.addresses import normalise
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from newsletter.public.desk import Desk

MAILED = phrase("Thank you. If this address is on our list, a mail with your link is on its way.")
#: What is mailed to whom: who has not confirmed yet needs that link, not this one.
_KINDS = {
    Status.ACTIVE: NoticeKind.PREFERENCES,
    Status.UNSUBSCRIBED: NoticeKind.PREFERENCES,
    Status.PENDING: NoticeKind.CONFIRM,
}


def asking(desk: Desk) -> APIRouter:
    """The routes of ``/preferences`` without a token."""
    router, gate = APIRouter(), Gate(desk)

    def page(form: Form | None = None, problem: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
        response = desk.pages.page(
            "ask_link",
            status=status,
            problem=desk.say(problem) if problem else "",
            gentle=status is HTTPStatus.OK,
            email=form.texts.get("email", "")[:320] if form else "",
            token=gate.form_token(),
            trap=TRAP,
        )
        response.headers["content-security-policy"] = CONTENT_SECURITY_POLICY
        if status is HTTPStatus.TOO_MANY_REQUESTS:
            response.headers["retry-after"] = "3600"
        return response

    @router.api_route("/preferences", methods=["GET", "HEAD"])
    def ask() -> Response:
        """Ask for the address."""
        return page()

    @router.post("/preferences")
    def mail(form: SentForm) -> Response:
        """Have the link mailed, if the address is on the list; answer always the same."""
        try:
            key = normalise(form.texts.get("email", "")).key
        except AddressError:
            return page(form, NO_ADDRESS, HTTPStatus.BAD_REQUEST)
        way = gate.judge(form.texts, form.visitor)
        if way is Pass.UNKNOWN:
            return page(form, AGAIN)
        if way is Pass.FLOOD:
            return page(form, FLOOD, HTTPStatus.TOO_MANY_REQUESTS)
        if way is not Pass.TRAPPED:
            with writing(desk.engine) as connection:
                if gate.admit(connection, form.texts, form.visitor, way, key):
                    _enqueue(desk, connection, key)
            desk.call_postman()
        return desk.pages.page("sent", message=desk.say(MAILED))

    return router


def _enqueue(desk: Desk, connection: Connection, key: str) -> None:
    columns = (SUBSCRIBER.c.id, SUBSCRIBER.c.status, SUBSCRIBER.c.locale)
    row = connection.execute(select(*columns).where(SUBSCRIBER.c.email_key == key)).first()
    kind = _KINDS.get(Status(row.status)) if row else None
    if row is None or kind is None:
        return
    settings, at = desk.publication.settings.signup, desk.clock()
    confirming = kind is NoticeKind.CONFIRM
    life = timedelta(days=settings.confirm_days) if confirming else timedelta(hours=settings.link_hours)
    enqueue(connection, kind, row.id, desk.pages.language(row.locale), at, until=at + life)
