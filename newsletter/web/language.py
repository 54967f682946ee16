"""In which language a page is asked for: ``?lang=`` before what the browser says it likes best."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from newsletter.catalogues import preferred, spoken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    App = Callable[..., Awaitable[None]]

#: What ``?lang=`` asks for, and what the browser likes best.
_ASKED: ContextVar[tuple[str | None, str | None]] = ContextVar("asked_language", default=(None, None))


def asked_language() -> str | None:
    """The language in which the present request asks to be answered, if it does and we speak it."""
    explicit, browsers = _ASKED.get()
    return explicit or browsers


def browsers_language() -> str | None:
    """The same, but for what its address says: the language in which the next request will ask by itself."""
    return _ASKED.get()[1]


class Languages:
    """ASGI middleware that notes the language of each request for `asked_language`."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: object, send: object) -> None:
        """Note the language and pass the request on."""
        mark = _ASKED.set(_asked(scope) if scope["type"] == "http" else (None, None))
        try:
            await self._app(scope, receive, send)
        finally:
            _ASKED.reset(mark)


def _asked(scope: MutableMapping[str, Any]) -> tuple[str | None, str | None]:
    # A query that asks for no language is not worth parsing, and nobody sends one of a thousand fields.
    query = scope["query_string"].decode("latin-1")[:2000]
    wishes = parse_qs(query, max_num_fields=50).get("lang", []) if query.count("&") < 50 else []
    accept = b",".join(value for name, value in scope["headers"] if name == b"accept-language")
    return spoken(wishes[-1]) if wishes else None, preferred(accept.decode("latin-1"))
