"""What is told of each request: a line of a log, numbers for Prometheus; no path, as it may hold a token."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, TextIO

from newsletter.web.asgi import answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.web.asgi import App, Event, Receive, Scope, Send
    from newsletter.web.metrics import Metrics

_log = logging.getLogger(__name__)
#: What is told of a path that no route knows: it may hold anything.
NO_ROUTE = "-"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True)
class Answered:
    """One request that was answered: *route* is the template, such as ``/unsubscribe/{token}``."""

    id: str
    method: str
    route: str
    status: int
    seconds: float
    client: str = ""


@dataclass(frozen=True)
class Log:
    """One line for each request, as JSON or for people.

    Args:
        style: ``json`` or ``text``.
        clients: whether the address of who asked is told; it is personal data.
        stream: where lines go.
    """

    style: str = "text"
    clients: bool = False
    stream: TextIO = field(default_factory=lambda: sys.stderr)

    def write(self, told: Answered) -> None:
        """Write the line of one request."""
        at, took = datetime.now(UTC).isoformat(timespec="milliseconds"), round(told.seconds * 1000, 2)
        client = told.client if self.clients else ""
        if self.style == "json":
            line = json.dumps(
                {
                    "at": at,
                    "id": told.id,
                    "method": told.method,
                    "route": told.route,
                    "status": told.status,
                    "ms": took,
                    **({"client": client} if client else {}),
                }
            )
        else:
            line = f"{at} {told.method} {told.route} {told.status} {took} ms {told.id} {client}".rstrip()
        self.stream.write(line + "\n")
        self.stream.flush()


class JsonLines(logging.Formatter):
    """What is told beside requests as JSON, too, so that a program can read every line of the log."""

    def format(self, record: logging.LogRecord) -> str:
        """One line with ``at``, ``level``, ``from`` (a name of the program's parts) and ``text``."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told = {
            "at": at,
            "level": record.levelname.lower(),
            "from": record.name,
            "text": super().format(record),
        }
        return json.dumps(told, ensure_ascii=False)


class Watch:
    """ASGI middleware, around all that may answer: tells of each request, and answers when they fail.

    Args:
        app: the application behind it.
        log: what writes lines; None for none.
        metrics: what counts; None for nothing.
        patience: how long a client may take to receive what is handed over at once, in seconds.
    """

    def __init__(
        self,
        app: App,
        *,
        log: Callable[[Answered], None] | None = None,
        metrics: Metrics | None = None,
        patience: float = 30,
    ) -> None:
        self._app = app
        self._log, self._metrics = log, metrics
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, and tell what came of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, name, status = perf_counter(), os.urandom(8).hex(), 0
        identity = (b"x-request-id", name.encode())

        async def sending(event: Event) -> None:
            nonlocal status
            if event["type"] == "http.response.start":
                status = event["status"]
                event["headers"] = [*event.get("headers", ()), identity]
                await send(event)
                return
            # A client that does not read holds its connection, and what is waiting for it.
            async with asyncio.timeout(self._patience):
                await send(event)

        if self._metrics:
            self._metrics.begun()
        try:
            await self._app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - the texts of errors hold addresses and tokens: not for logs
            _log.error("request %s failed: %s", name, _place(error))
            if not status:
                status = 500
                await answer(send, 500, "Something went wrong here. Please try again later.\n")
        finally:
            self._tell(scope, name, status, perf_counter() - begun)

    def _tell(self, scope: Scope, name: str, status: int, seconds: float) -> None:
        if not (self._log or self._metrics):
            return
        route = getattr(scope.get("route"), "path", NO_ROUTE)
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        client = scope["client"][0] if scope.get("client") else ""
        told = Answered(name, method, route, status, seconds, client)
        if self._metrics:
            self._metrics.ended(told)
        if self._log:
            self._log(told)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""  # noqa: PTH119
    return f"{type(error).__name__}{where}"
