"""The door of a web service: who may ask, how much may be sent, and the headers that every answer carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping

    Scope = MutableMapping[str, Any]
    Event = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Event]]
    Send = Callable[[Event], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: The names under which a browser reaches its own machine.
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
#: More than any form of ours or one-click request needs, in bytes.
MAX_BODY = 64 * 1024
_SAFE = frozenset({"GET", "HEAD"})


class Guard:
    """ASGI middleware: refuses what does not belong, limits bodies, and adds headers to every answer.

    Args:
        app: the application behind it.
        headers: added to each answer that does not set them itself; names in lower case.
        hosts: the only names in Host, and in the Origin of anything but GET, that are answered
            (against DNS rebinding and forged requests of other sites); None answers all.
        max_body: the longest request body in bytes; a longer one is answered with 413.
        max_bodies: the same for single paths, instead.
    """

    def __init__(
        self,
        app: App,
        *,
        headers: Mapping[str, str],
        hosts: Collection[str] | None = None,
        max_body: int = MAX_BODY,
        max_bodies: Mapping[str, int] | None = None,
    ) -> None:
        self._app = app
        self._headers = {name.encode(): value.encode() for name, value in headers.items()}
        self._hosts = hosts
        self._max_body = max_body
        self._max_bodies = max_bodies or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = self._with_headers(send)
        if self._hosts is not None and not _welcome(scope, self._hosts):
            await _answer(send, 403, "This address is not served here.\n")
            return
        if scope["method"] not in _SAFE:
            body = await _read(receive, self._max_bodies.get(scope["path"], self._max_body))
            if body is None:
                await _answer(send, 413, "This request is too long.\n")
                return
            receive = _replay(body, receive)
        await self._app(scope, receive, send)

    def _with_headers(self, send: Send) -> Send:
        async def sending(event: Event) -> None:
            if event["type"] == "http.response.start":
                own = list(event.get("headers", ()))
                names = {name.lower() for name, _ in own}
                event["headers"] = own + [pair for pair in self._headers.items() if pair[0] not in names]
            await send(event)

        return sending


def _welcome(scope: Scope, hosts: Collection[str]) -> bool:
    fields = {name: value.decode("latin-1") for name, value in scope["headers"]}
    if _hostname("//" + fields.get(b"host", "")) not in hosts:
        return False
    origin = fields.get(b"origin")
    return scope["method"] in _SAFE or origin is None or _hostname(origin) in hosts


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


async def _answer(send: Send, status: int, text: str) -> None:
    body = text.encode()
    fields = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})
