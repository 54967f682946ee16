"""What providers post: requests of machines, believed only if they are signed."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse

from newsletter.errors import NewsletterError
from newsletter.feedback.consequences import Rules
from newsletter.feedback.sendgrid import NoEventsError, take_body

if TYPE_CHECKING:
    from newsletter.providers.sendgrid_webhook import Verifier
    from newsletter.public.desk import Desk

_log = logging.getLogger(__name__)

#: Where SendGrid posts.
SENDGRID = "/webhooks/sendgrid"
#: The longest body in bytes. SendGrid posts when it has 768 kB
#: (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook).
MAX_BODY = 2 * 1024 * 1024


async def _body(request: Request) -> bytes:
    return await request.body()


def hooks(desk: Desk) -> APIRouter:
    """The routes of ``/webhooks/…``."""
    router = APIRouter()
    rules = Rules.of(desk.publication.settings.feedback)

    @cache
    def verifier() -> Verifier | None:
        return _verifier(desk)

    @router.post(SENDGRID)
    def sendgrid(request: Request, body: Annotated[bytes, Depends(_body)]) -> JSONResponse:
        """Take in events of SendGrid's; the answer is 200 when, and only when, they are kept durably.

        What is not signed by SendGrid is 403. Single events that cannot be read are left out, and counted:
        they would not become readable when they come again.
        """
        known = verifier()
        if known is None:
            _log.warning("events came, but there is no key to verify them: set `[sendgrid] webhook_key`")
            raise HTTPException(404)
        # Imported by now; who has no key need not pay for it.
        from newsletter.providers.sendgrid_webhook import SIGNATURE, TIMESTAMP

        if not known.accepts(body, request.headers.get(SIGNATURE), request.headers.get(TIMESTAMP)):
            _log.warning("a request to %s was refused: it is not signed by SendGrid", SENDGRID)
            return JSONResponse({"error": "not signed by SendGrid"}, status_code=403)
        try:
            taken = take_body(desk.engine, body, rules)
        except NoEventsError as error:
            _log.warning("SendGrid posted what is no list of events (%s)", error)
            return JSONResponse({"error": f"no list of events: {error}"}, status_code=400)
        return JSONResponse({"new": taken.new, "known": taken.known, "unknown": taken.unknown})

    return router


def _verifier(desk: Desk) -> Verifier | None:
    """What knows SendGrid's signature; None if the publication has no key for it."""
    settings = desk.publication.settings.sendgrid
    key = settings.webhook_key
    if settings.webhook_key_file:
        try:
            key = (desk.publication.root / settings.webhook_key_file).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            _log.error("`[sendgrid] webhook_key_file` cannot be read: %s", type(error).__name__)
            return None
    if not key:
        return None
    # Only who has a key pays for importing the library: 0.2 s.
    from newsletter.providers.sendgrid_webhook import Verifier

    try:
        return Verifier(key, hours=settings.webhook_hours)
    except NewsletterError as error:
        _log.error("%s: %s; %s", error.where, error.what, error.hint)
        return None
