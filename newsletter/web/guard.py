"""The door of a web service: who may ask, how much may be sent, and the headers that every answer carries."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from newsletter.web.asgi import SAFE, answer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from newsletter.web.asgi import App, Event, Receive, Scope, Send

#: The names under which a browser reaches its own machine.
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
#: More than any form of ours or one-click request needs, in bytes.
MAX_BODY = 64 * 1024
#: More than browsers and proxies send, in bytes; and than any address of ours has.
MAX_HEADERS = 32 * 1024
MAX_ADDRESS = 8 * 1024
#: Enough for the longest body over the slowest line that anybody still has (64 KiB at 56 kbit/s take 9 s).
BODY_SECONDS = 20.0


class Guard:
    """ASGI middleware: refuses what does not belong, limits bodies, and adds headers to every answer.

    Args:
        app: the application behind it.
        headers: added to each answer that does not set them itself; names in lower case.
        hosts: the only names in Host, and in the Origin of anything but GET, that are answered
            (against DNS rebinding and forged requests of other sites); None answers all.
        max_body: the longest request body in bytes; a longer one is answered with 413.
        max_bodies: the same for single paths, instead.
        over_tls: further headers for answers over https, as the connection or a trusted proxy has it.
        forms_of_others: whether Origin is not looked at: where a token in the path says who asks, a mail
            service's page may send it (RFC 8058), and a browser that hides the page says ``null``.
        any_host: paths that are answered whatever Host says, for probes that ask by address.
        body_seconds: how long a client may take to send a body; a slower one is answered with 408.
    """

    def __init__(
        self,
        app: App,
        *,
        headers: Mapping[str, str],
        hosts: Collection[str] | None = None,
        max_body: int = MAX_BODY,
        max_bodies: Mapping[str, int] | None = None,
        over_tls: Mapping[str, str] | None = None,
        forms_of_others: bool = False,
        any_host: Collection[str] = (),
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._app = app
        self._headers = _encoded(headers)
        self._over_tls = self._headers + _encoded(over_tls or {})
        self._hosts = hosts
        self._max_body = max_body
        self._max_bodies = max_bodies or {}
        self._forms_of_others = forms_of_others
        self._any_host = any_host
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = self._with_headers(send, self._over_tls if scope.get("scheme") == "https" else self._headers)
        if fault := _fault(scope):
            await answer(send, *fault, {"connection": "close"})
            return
        if not self._welcomes(scope):
            await answer(send, 403, "This address is not served here.\n")
            return
        if scope["method"] not in SAFE:
            try:
                async with asyncio.timeout(self._body_seconds):
                    body = await _read(receive, self._max_bodies.get(scope["path"], self._max_body))
            except TimeoutError:
                await answer(send, 408, "This request took too long to arrive.\n", {"connection": "close"})
                return
            if body is None:
                await answer(send, 413, "This request is too long.\n")
                return
            receive = _replay(body, receive)
        await self._app(scope, receive, send)

    def _welcomes(self, scope: Scope) -> bool:
        if self._hosts is None or scope["path"] in self._any_host:
            return True
        fields = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if _hostname("//" + fields.get(b"host", "")) not in self._hosts:
            return False
        origin = fields.get(b"origin")
        unasked = self._forms_of_others or scope["method"] in SAFE or origin is None
        return unasked or _hostname(origin or "") in self._hosts

    def _with_headers(self, send: Send, headers: list[tuple[bytes, bytes]]) -> Send:
        async def sending(event: Event) -> None:
            if event["type"] == "http.response.start":
                own = list(event.get("headers", ()))
                names = {name.lower() for name, _ in own}
                event["headers"] = own + [pair for pair in headers if pair[0] not in names]
            await send(event)

        return sending


def _fault(scope: Scope) -> tuple[int, str] | None:
    """What keeps a request from being answered before anything of it is looked at; None if nothing does.

    One with two lengths may be read differently by a proxy before us, and another request be hidden in it
    (RFC 9112 section 6.1). The parser limits only headers that come in pieces.
    """
    names = {name for name, _ in scope["headers"]}
    if b"content-length" in names and b"transfer-encoding" in names:
        return 400, "This request has two lengths.\n"
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS:
        return 431, "The headers of this request are too long.\n"
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_ADDRESS:
        return 414, "This address is too long.\n"
    return None


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _hostname(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


async def _read(receive: Receive, limit: int) -> bytes | None:
    """The whole body, or None as soon as it is longer than *limit*."""
    body = b""
    more = True
    while more:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
        if len(body) > limit:
            return None
    return body


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Event:
        return waiting.pop() if waiting else await receive()

    return receiving
