"""Who is turned away at the door: a page in their language for a person, text or JSON for a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.web.asgi import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from newsletter.web.asgi import App, Event, Receive, Scope, Send

    #: The body of the page for a status, and its headers.
    Page = Callable[[int], tuple[bytes, Mapping[str, str]]]
    #: The body for a program that made this request, None for the line of text, and headers.
    Word = Callable[[Scope, int], tuple[bytes | None, Mapping[str, str]]]


class Refusals:
    """ASGI middleware: puts a page in the place of a line of plain text from `newsletter.web.asgi.answer`.

    The status and all other headers stay, such as when to come again.

    Args:
        app: the application behind it.
        page: makes the page, in the language of the present request.
        word: says it to a program, which may be a script of ours on somebody else's page.
        headers: added to each such answer, also in plain text, that does not set them itself.
        machines: whether a request is one of a machine, whatever it says that it accepts.
    """

    def __init__(
        self,
        app: App,
        *,
        page: Page,
        headers: Mapping[str, str],
        machines: Callable[[Scope], bool] = lambda _: False,
        word: Word = lambda _scope, _status: (None, {}),
    ) -> None:
        self._app = app
        self._page = page
        self._word = word
        self._headers = headers
        self._machines = machines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, and say kindly if it is refused."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body: bytes | None = None

        async def sending(event: Event) -> None:
            nonlocal body
            if event.pop(PLAIN, False):
                if reads_pages(scope) and not self._machines(scope):
                    body, said = self._page(event["status"])
                else:
                    body, said = self._word(scope, event["status"])
                event["headers"] = _merged(event["headers"], said, self._headers)
            elif body is not None and event["type"] == "http.response.body":
                event["body"] = body
            await send(event)

        await self._app(scope, receive, sending)


def reads_pages(scope: Scope) -> bool:
    """Whether who asks accepts HTML by name, as browsers do; programs accept anything, or say nothing."""
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept")
    return b"text/html" in accepted.lower()


def _merged(
    own: list[tuple[bytes, bytes]], said: Mapping[str, str], others: Mapping[str, str]
) -> list[tuple[bytes, bytes]]:
    """The headers *said* in the place of *own* ones, and of the *others* those that neither has."""
    new = [(name.encode(), value.encode()) for name, value in said.items()]
    replaced = {name for name, _ in new}
    kept = [pair for pair in own if pair[0] not in replaced]
    there = replaced | {name for name, _ in kept}
    return kept + new + [(n.encode(), v.encode()) for n, v in others.items() if n.encode() not in there]
