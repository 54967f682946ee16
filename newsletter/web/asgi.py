"""The shapes of ASGI, and an answer in plain text for those who are turned away at the door."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Marks the beginning of an answer that is a line of plain text, so that it may become a page further out.
PLAIN = "newsletter.plain"
#: The methods that change nothing.
SAFE = frozenset({"GET", "HEAD"})


async def answer(send: Send, status: int, text: str, headers: dict[str, str] | None = None) -> None:
    """Answer with *status* and a line of plain text; no application was asked."""
    body = text.encode()
    fields = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    fields += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": fields, PLAIN: True})
    await send({"type": "http.response.body", "body": body})
