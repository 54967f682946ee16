"""Who may open the studio: whoever sits at this machine or, from elsewhere, whoever has the token.

On this machine's own address the door is the machine's. Served to others, every page needs a cookie, which is
had for the token, or for a share link: that one opens one issue, to be looked at, until a stated moment.
Both are signed with a key that is made of the token, so that a new token ends them all.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from starlette.responses import PlainTextResponse, RedirectResponse

from newsletter.web.asgi import SAFE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from newsletter.web.asgi import App, Receive, Scope, Send

#: A token is guessed at over a network, so it must be long.
SHORTEST_TOKEN = 16
#: How long a cookie for the token lasts, in seconds, and the longest that a share link may.
SIGNED_IN, LONGEST_SHARE = 12 * 3600, 30 * 24 * 3600
COOKIE = "studio"
#: What anybody may ask for: how to get in, and what that page is drawn with.
_OPEN = ("/sign-in", "/shared/", "/assets/")
#: What a share link opens beside its issue.
_WITH_SHARE = ("/events", "/media/")


@dataclass(frozen=True)
class Grant:
    """What a request may: everything, or only look at one issue."""

    issue: str | None = None

    @property
    def everything(self) -> bool:
        """Whether it may change things, and look at all."""
        return self.issue is None


EVERYTHING = Grant()


class Access:
    """The keys of one running studio.

    Args:
        token: what others must know; None for a studio that only this machine reaches.
        clock: tells the time, in seconds since the epoch.
    """

    def __init__(self, token: str | None, clock: Callable[[], float]) -> None:
        self._token = token
        self._key = sha256(f"studio cookie {token}".encode()).digest()
        self._clock = clock

    @property
    def remote(self) -> bool:
        """Whether it is served to other machines."""
        return self._token is not None

    def sign_in(self, token: str) -> str | None:
        """The cookie for the right token; None for a wrong one."""
        if self._token is None or not hmac.compare_digest(token.encode(), self._token.encode()):
            return None
        return self._signed("", self._clock() + SIGNED_IN)

    def share(self, issue: str, seconds: float) -> str:
        """A pass that opens one issue for so long, to be put into a link."""
        return self._signed(issue, self._clock() + min(seconds, LONGEST_SHARE))

    def grant(self, signed: str) -> Grant | None:
        """What a cookie or pass allows; None if it is not ours, was changed, or is out of date."""
        body, _, mark = signed.rpartition(".")
        if not hmac.compare_digest(mark.encode(), self._mark(body).encode()):
            return None
        name, _, until = body.partition(".")
        if not until.isdigit() or int(until) < self._clock():
            return None
        issue = urlsafe_b64decode(name.encode()).decode()
        return Grant(issue) if issue else EVERYTHING

    def _signed(self, issue: str, until: float) -> str:
        body = f"{urlsafe_b64encode(issue.encode()).decode()}.{int(until)}"
        return f"{body}.{self._mark(body)}"

    def _mark(self, body: str) -> str:
        return urlsafe_b64encode(hmac.digest(self._key, body.encode(), "sha256")[:18]).decode()


class Gate:
    """ASGI middleware: lets through who may, and says so to the application as ``state["grant"]``.

    What changes something must come from a page of the studio itself: its ``Origin`` must be the very host
    that is asked (another program on this machine has another port). Browsers send it with every form.
    """

    def __init__(self, app: App, *, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        fields = {name: value.decode("latin-1") for name, value in scope["headers"]}
        grant = self._grant(fields)
        answer: PlainTextResponse | RedirectResponse | None = None
        if scope["method"] not in SAFE and not _own(fields):
            answer = PlainTextResponse("This form is not one of the studio's own.\n", 403)
        elif grant is None and not scope["path"].startswith(_OPEN):
            answer = (
                RedirectResponse("/sign-in", 303)
                if scope["method"] in SAFE
                else PlainTextResponse("Sign in first.\n", 401)
            )
        elif grant is not None and not _within(grant, scope):
            answer = PlainTextResponse("This link opens one issue, to be looked at.\n", 403)
        if answer is not None:
            await answer(scope, receive, send)
            return
        scope.setdefault("state", {})["grant"] = grant or Grant("")
        await self._app(scope, receive, send)

    def _grant(self, fields: Mapping[bytes, str]) -> Grant | None:
        if not self._access.remote:
            return EVERYTHING
        try:
            cookie = SimpleCookie(fields.get(b"cookie", "")).get(COOKIE)
        except CookieError:
            return None
        return self._access.grant(unquote(cookie.value)) if cookie else None


def _own(fields: Mapping[bytes, str]) -> bool:
    """Whether a form comes from the host that is asked; programs that are no browsers send no Origin."""
    origin = fields.get(b"origin")
    if origin is None:
        return fields.get(b"sec-fetch-site", "same-origin") == "same-origin"
    try:
        return urlsplit(origin).netloc == fields.get(b"host")
    except ValueError:
        return False


def _within(grant: Grant, scope: Scope) -> bool:
    path = scope["path"]
    if grant.everything or path.startswith(_OPEN):
        return True
    place = f"/issues/{grant.issue}"
    return scope["method"] in SAFE and (path == place or path.startswith((f"{place}/", *_WITH_SHARE)))
