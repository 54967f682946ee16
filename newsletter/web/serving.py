"""A web service on a port: one line when the port is taken, and a quick, clean stop."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from typing import TYPE_CHECKING

import uvicorn

from newsletter.errors import NewsletterError
from newsletter.web.patience import Patience, patient
from newsletter.web.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from fastapi import FastAPI

#: So many connections may wait to be taken, if the system lets them: uvicorn's own number.
_WAITING = 2048
#: So long, in seconds, whoever was just connected has for a request, when a process among several stops.
_MOMENT = 0.3


class _Server(uvicorn.Server):
    """Uvicorn that says when it is ready, says when it stops, and takes the signal for an answer."""

    def __init__(
        self, app: FastAPI, patience: Patience, on_ready: Callable[[], None], on_stop: Callable[[], None]
    ) -> None:
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,  # paths hold the tokens of readers
            server_header=False,
            proxy_headers=False,  # only our own setting says which proxies are believed
            # Of uvicorn's two parsers the one in Python: it refuses what another server might read otherwise.
            http=patient(patience),
            loop="asyncio",
            ws="none",
            limit_concurrency=None if patience.held is None else patience.held.most + 1,
            timeout_keep_alive=int(patience.idle),
            timeout_graceful_shutdown=patience.grace,
        )
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop
        self.beat: Callable[[], None] = lambda: None

    async def on_tick(self, counter: int) -> bool:
        # Ten times a second, by the loop that takes connections; what requests wait for is elsewhere.
        self.beat()
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Open event streams end only when told to; uvicorn would wait for them.
        self._on_stop()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a fixed signature
        # Uvicorn raises the signal again after a clean stop; to be stopped is how a service ends well.
        self.force_exit = self.should_exit
        self.should_exit = True


class _Worker(_Server):
    """One of several servers on a socket: who looks after them decides when it stops.

    A signal for the whole group, as of a terminal or of systemd, comes beside that of who looks after it; it
    must not end what is being answered.
    """

    lifeline = -1

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().add_reader(self.lifeline, self._left_alone)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Nobody new is taken: the others take them. Whoever was taken a moment ago has not asked yet, and
        # would be turned away like a connection that is kept and idle.
        for server in self.servers:
            server.close()
        await asyncio.sleep(_MOMENT)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a fixed signature
        if sig == signal.SIGTERM:
            self.should_exit = True

    def _left_alone(self) -> None:
        asyncio.get_running_loop().remove_reader(self.lifeline)
        self.should_exit = True


class _Shared(socket.socket):
    """A socket on which several processes listen, and where each takes one connection at a time.

    asyncio takes as many at once as may wait, which would leave the other processes without work. It is told
    that one may wait, and does not get to say so to the system.
    """

    def listen(self, backlog: int = 1) -> None:
        """Do nothing: it listens already."""


def serve(
    app: FastAPI,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    patience: Patience | None = None,
    on_ready: Callable[[str], None] = lambda _: None,
    on_stop: Callable[[], None] = lambda: None,
) -> None:
    """Serve *app* until Ctrl-C or SIGTERM, then return; if systemd watches, it is given signs of life.

    Args:
        app: the application.
        host: the name or address to listen on.
        port: the port; 0 takes any free one.
        patience: what slow and many clients are allowed.
        on_ready: called with the service's URL once it answers.
        on_stop: called in the event loop as soon as the service is told to stop, so that open streams end.

    Raises:
        NewsletterError: the port is taken or may not be used, or the host is none of this machine.
    """
    listener = listen(host, port)
    url, watchdog = url_of(listener, host), Watchdog()

    def ready() -> None:
        watchdog.ready()
        on_ready(url)

    server = _Server(app, patience or Patience(), ready, on_stop)
    server.beat = watchdog.beat
    try:
        server.run(sockets=[listener])
    finally:
        listener.close()


def serve_shared(
    app: FastAPI,
    listener: socket.socket,
    patience: Patience,
    on_ready: Callable[[], None],
    lifeline: int,
    beat: Callable[[], None] = lambda: None,
) -> None:
    """Serve *app* as one of several processes on *listener*, until SIGTERM; then return.

    Args:
        app: the application.
        listener: what `listen` gave to who looks after the processes; it is given up.
        patience: what this process allows.
        on_ready: called once it answers.
        lifeline: what can be read from when nobody looks after it any more; then it stops, too.
        beat: called again and again, as long as connections are taken and answers written.
    """
    shared = _Shared(fileno=listener.detach())
    server = _Worker(app, patience, on_ready, lambda: None)
    server.config.backlog = 1
    server.lifeline, server.beat = lifeline, beat
    try:
        server.run(sockets=[shared])
    finally:
        shared.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on *host* and *port*, 0 for any free one; or the one that systemd handed over.

    Raises:
        NewsletterError: the port is taken or may not be used, or the host is none of this machine.
    """
    # sd_listen_fds(3): the variable names the process that it is meant for, and its first socket is 3.
    if os.environ.get("LISTEN_PID") == str(os.getpid()):
        return _handed_over(os.environ.get("LISTEN_FDS", ""))
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, OverflowError) as error:
        raise NewsletterError(
            "there is no such host", where=host, hint="choose another with `--host`"
        ) from error
    # With the protocol named, asyncio sends what is written at once. Without it, the body of an answer waits
    # for the acknowledgement of its head, which clients put off for 40 ms (RFC 1122, section 4.2.3.2).
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_WAITING)
    except (OSError, OverflowError) as error:
        listener.close()
        raise _refused(host, port, error) from error
    return listener


def _handed_over(number: str) -> socket.socket:
    if number != "1":
        raise NewsletterError(
            "systemd handed over another number of sockets than one",
            where=f"LISTEN_FDS={number}",
            hint="give the socket unit one `ListenStream=`",
        )
    listener = socket.socket(fileno=3)
    if listener.family not in {socket.AF_INET, socket.AF_INET6}:
        raise NewsletterError(
            "systemd handed over a socket that is none of TCP",
            where="LISTEN_FDS",
            hint="give the socket unit a port, such as `ListenStream=127.0.0.1:8000`",
        )
    listener.set_inheritable(False)
    return listener


def _refused(host: str, port: int, error: OSError | OverflowError) -> NewsletterError:
    number = getattr(error, "errno", None)
    where = f"{host}:{port}"
    if number == errno.EADDRINUSE:
        return NewsletterError(
            "the port is taken by another program", where=where, hint="choose another with `--port`"
        )
    if number == errno.EACCES:
        hint = "choose one above 1023 with `--port`"
        return NewsletterError("the port may be used by the system only", where=where, hint=hint)
    if number == errno.EADDRNOTAVAIL:
        return NewsletterError(
            "this machine has no such address", where=where, hint="choose another with `--host`"
        )
    reason = getattr(error, "strerror", None) or str(error)
    return NewsletterError(f"cannot listen here: {reason}", where=where, hint="choose another with `--port`")


def url_of(listener: socket.socket, host: str) -> str:
    """The address under which a socket that listens on *host* is reached from this machine."""
    port = listener.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - shown, not bound
    if ":" in shown and not shown.startswith("["):
        shown = f"[{shown}]"
    return f"http://{shown}:{port}"
