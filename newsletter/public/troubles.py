"""What readers see when something is not as it should be: a kind page, and no inside of ours."""

from __future__ import annotations

import json
import logging
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from newsletter.catalogues import phrase
from newsletter.public.joining import OPEN
from newsletter.web.language import browsers_language
from newsletter.web.refusals import reads_pages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI

    from newsletter.public.desk import Desk
    from newsletter.web.asgi import Scope

_log = logging.getLogger(__name__)

_AGAIN = phrase("Please go back and try again.")
_WORDS = {
    HTTPStatus.NOT_FOUND: (
        phrase("There is nothing here"),
        phrase("The link may have been cut off on its way. Try opening it again from the mail itself."),
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        phrase("That does not work here"),
        phrase("This page can be opened, but not sent to."),
    ),
    HTTPStatus.BAD_REQUEST: (phrase("That could not be read"), _AGAIN),
    HTTPStatus.FORBIDDEN: (
        phrase("This is not our address"),
        phrase(
            "Somebody's link led here by a name that is not ours. The newsletter has an address of its own:"
        ),
    ),
    HTTPStatus.REQUEST_TIMEOUT: (
        phrase("That took too long"),
        phrase("What you sent did not arrive in time. Please go back and try again."),
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        phrase("That was too much"),
        phrase("What you sent is longer than anything we ask for. Please go back and shorten it."),
    ),
    HTTPStatus.REQUEST_URI_TOO_LONG: (
        phrase("This address is too long"),
        phrase("None of our links is this long. Try opening it again from the mail itself."),
    ),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (
        phrase("That was too much"),
        phrase(
            "Your browser sends more than we can take. It may help to delete its cookies for this address."
        ),
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (
        phrase("One moment, please"),
        phrase("There were too many requests from your network. Please try again in a moment."),
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        phrase("Something went wrong here"),
        phrase("That is our fault, not yours. Please try again later."),
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        phrase("One moment, please"),
        phrase("We cannot do this just now. Please try again in a minute."),
    ),
}
_NO_WORDS = _WORDS[HTTPStatus.BAD_REQUEST]


def troubles(app: FastAPI, desk: Desk) -> None:
    """Have *app* answer with a page when a route refuses, or the database does not answer."""

    def page(request: Request, status: int, headers: dict[str, str] | None = None) -> Response:
        body, said = (None, {}) if reads_pages(request.scope) else word(desk, request.scope, status)
        if body is not None:
            return Response(body, status, {**said, **(headers or {})})
        title, words = _WORDS.get(HTTPStatus(status), _NO_WORDS)
        response = desk.pages.page("message", status=status, title=title, text=words)
        response.headers.update({**said, **(headers or {})})
        return response

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: Exception) -> Response:
        return page(request, getattr(error, "status_code", 400), dict(getattr(error, "headers", None) or {}))

    @app.exception_handler(SQLAlchemyError)
    def unavailable(request: Request, error: Exception) -> Response:
        # The text of a database error holds addresses and tokens; its name does not.
        _log.error("the database did not answer: %s", type(error).__name__)
        return page(request, HTTPStatus.SERVICE_UNAVAILABLE, {"retry-after": "60"})


def word(desk: Desk, scope: Scope, status: int) -> tuple[bytes | None, Mapping[str, str]]:
    """What a program is told that was refused with *status*: the body, None for a line of text, and headers.

    A form on somebody else's page asks by our script, which shows the answer there: so that one may be read
    from any page, and says in JSON what a page would say.
    """
    if scope["path"] not in _OPEN_PATHS:
        return None, {}
    if not any(
        name == b"accept" and b"application/json" in value.lower() for name, value in scope["headers"]
    ):
        return None, OPEN
    _, words = _WORDS.get(HTTPStatus(status), _NO_WORDS)
    message = f"{desk.say(words)} {_elsewhere(desk, status)}".strip()
    body = json.dumps({"done": False, "message": message}, ensure_ascii=False).encode()
    about = {"content-type": "application/json", "content-length": str(len(body))}
    return body, {
        **about,
        "content-language": desk.pages.language(),
        "vary": "Accept, Accept-Language",
        **OPEN,
    }


def _elsewhere(desk: Desk, status: int) -> str:
    """Where the name is not ours, no link of our own leads on, but the whole address of the publication."""
    return f"{desk.publication.settings.publication.url}/" if status == HTTPStatus.FORBIDDEN else ""


#: What forms on other pages ask for (`newsletter.public.joining`).
_OPEN_PATHS = frozenset({"/subscribe", "/subscribe/challenge", "/subscribe.js"})


class Door:
    """The pages for whom the door turns away, for `newsletter.web.refusals.Refusals`.

    There may be very many of them at once, so each is made once in a language.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._body = lru_cache(maxsize=128)(self._made)

    def page(self, status: int) -> tuple[bytes, dict[str, str]]:
        """The body of the page for a *status*, and its headers."""
        language = self._desk.pages.language()
        body = self._body(status, language, browsers_language())
        return body, {
            "content-type": "text/html; charset=utf-8",
            "content-length": str(len(body)),
            "content-language": language,
            "vary": "Accept, Accept-Language",
        }

    def word(self, scope: Scope, status: int) -> tuple[bytes | None, Mapping[str, str]]:
        """As `word`, for the present request."""
        return word(self._desk, scope, status)

    def _made(self, status: int, language: str, _: str | None) -> bytes:
        # The links in it depend on the language of the browser, too.
        title, words = _WORDS.get(HTTPStatus(status), _NO_WORDS)
        names = {"title": title, "text": words, "elsewhere": _elsewhere(self._desk, status)}
        return self._desk.pages.render("message", names, language).encode()


def is_one_click(scope: Scope) -> bool:
    """Whether a request may be a mail service's (RFC 8058): a POST to a link for leaving, by no form.

    A browser says of what it shows to its reader that it navigates (Fetch Metadata, section 2.2).
    """
    leaves = scope["method"] == "POST" and scope["path"].startswith("/unsubscribe/")
    return leaves and (b"sec-fetch-mode", b"navigate") not in scope["headers"]
