"""An HTTP proxy that only tunnels (RFC 9110, 9.3.6), and remembers what it was asked for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Proxy:
    """A running proxy: its address, and the requests and credentials that came."""

    url: str
    asked: list[str] = field(default_factory=list)
    credentials: list[str | None] = field(default_factory=list)


@contextmanager
def tunnelling_proxy() -> Iterator[Proxy]:
    """Run the proxy on a free port of this machine."""
    server = _Server(("127.0.0.1", 0), _Tunnel)
    server.state = Proxy(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    state: Proxy


class _Tunnel(BaseHTTPRequestHandler):
    server: _Server

    def do_CONNECT(self) -> None:
        self.server.state.asked.append(self.path)
        self.server.state.credentials.append(self.headers["Proxy-Authorization"])
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=300) as far:
            self.send_response(200, "connected")
            self.end_headers()
            back = threading.Thread(target=_copy, args=(far, self.connection))
            back.start()
            _copy(self.connection, far)
            back.join()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on stderr."""


def _copy(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            to.sendall(piece)
    with suppress(OSError):
        to.shutdown(socket.SHUT_WR)
