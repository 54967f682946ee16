"""SendGrid's v3 Mail Send as its reference describes it: the limits, the refusals, and faults on demand."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fakes.sendgrid_rules import MOST_BYTES, problems

KEY = "SG.a-key"
#: Instead of a status: take the request, then close the connection without an answer.
HANG_UP = "hang up"
#: Instead of a status: take the request, then say nothing until the test is over.
SILENCE = "silence"
#: Instead of a status: read the head of the request only, and reset the connection.
RESET = "reset"
#: Instead of a status: read the head of the request only, then nothing more until the test is over.
DEAF = "deaf"


@dataclass(frozen=True)
class Slowly:
    """Instead of a status: answer by the rules, after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Exactly:
    """Instead of a status: take the request, answer with these very bytes, and perhaps close the connection."""

    answer: bytes
    closes: bool = True


@dataclass(frozen=True)
class Refusal:
    """Instead of a status: a status with headers, and errors as pairs of message and field.

    ``unread`` answers after the head of the request, as a gateway may, and reads no more.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    errors: tuple[tuple[str, str | None], ...] | None = None
    unread: bool = False


@dataclass
class Sendgrid:
    """A running fake: where it is, the requests that it accepted, and what each recipient would read."""

    url: str
    #: Gives what to do with the n-th request: a status, a `Refusal`, `Slowly`, one of the words above, or None
    #: to answer by the rules.
    script: Callable[[int], Any]
    #: Seconds that a message to the other end and back takes: waited for at each connection, handshake, request.
    latency: float = 0.0
    #: Whether requests are checked as they come; else only `problems` checks what was kept.
    strict: bool = True
    accepted: list[bytes] = field(default_factory=list)
    #: Everything that was posted, also what was refused.
    posted: list[bytes] = field(default_factory=list)
    #: The headers of each request.
    heads: list[dict[str, str]] = field(default_factory=list)
    #: What stood in the request line.
    paths: list[str] = field(default_factory=list)
    connections: int = 0
    rehearsed: int = 0
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What was accepted."""
        return [json.loads(body) for body in self.accepted]

    @property
    def sizes(self) -> list[int]:
        """How many recipients each request had that was posted."""
        return [len(json.loads(body)["personalizations"]) for body in self.posted]

    def mail(self) -> dict[str, list[dict[str, Any]]]:
        """What each address got, substitutions made, as SendGrid would."""
        got: dict[str, list[dict[str, Any]]] = {}
        for body in self.bodies:
            for person in body["personalizations"]:
                got.setdefault(person["to"][0]["email"], []).append(personal(body, person))
        return got


def personal(body: dict[str, Any], person: dict[str, Any]) -> dict[str, Any]:
    def replaced(text: str) -> str:
        for tag, value in person.get("substitutions", {}).items():
            text = text.replace(tag, value)
        return text

    content = {part["type"]: replaced(part["value"]) for part in body["content"]}
    return {
        "subject": replaced(body["subject"]),
        "text": content.get("text/plain"),
        "html": content.get("text/html"),
        # Whether those of a recipient are added to those of the message is not said: the worse is taken.
        "headers": person["headers"] if "headers" in person else body.get("headers", {}),
        "custom_args": {**body.get("custom_args", {}), **person.get("custom_args", {})},
    }


@contextmanager
def sendgrid(
    script: Callable[[int], Any] = lambda number: None,
    *,
    tls: ssl.SSLContext | None = None,
    latency: float = 0.0,
    strict: bool = True,
) -> Iterator[Sendgrid]:
    """Run the fake on a free port of this machine."""
    server = _Server(("127.0.0.1", 0), _Answer)
    scheme = "https" if tls else "http"
    state = Sendgrid(f"{scheme}://127.0.0.1:{server.server_address[1]}", script, latency, strict)
    server.state, server.tls = state, tls
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        state.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64
    state: Sendgrid
    tls: ssl.SSLContext | None = None

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that were killed."""


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def setup(self) -> None:
        state = self.server.state
        with state.lock:
            state.connections += 1
        # The client has waited for nothing yet: the kernel took its connection. So it waits for the first answer.
        time.sleep(state.latency)
        self.request.settimeout(600)
        if self.server.tls:
            time.sleep(state.latency)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def do_POST(self) -> None:
        state = self.server.state
        with state.lock:
            state.heads.append(dict(self.headers.items()))
            state.paths.append(self.path)
            number = len(state.heads)
        fault = state.script(number)
        if fault == DEAF:
            state.closing.wait()
        if fault in (RESET, DEAF):
            self._reset()
            return
        if isinstance(fault, Refusal) and fault.unread:
            self._refuse(fault)
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if len(body) < int(self.headers["Content-Length"]):
            self.close_connection = True
            return
        if state.latency:
            time.sleep(state.latency)
        with state.lock:
            state.posted.append(body)
        if isinstance(fault, Slowly):
            state.closing.wait(fault.seconds)
        if isinstance(fault, Exactly):
            self._keep(body)
            self.wfile.write(fault.answer)
            self.wfile.flush()
            self.close_connection = fault.closes
        elif fault in (HANG_UP, SILENCE):
            self._keep(body)
            if fault == SILENCE:
                state.closing.wait()
            self.close_connection = True
        elif isinstance(fault, int | Refusal):
            self._refuse(fault if isinstance(fault, Refusal) else Refusal(fault))
        else:
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        """By the rules."""
        state = self.server.state
        if self.path != "/v3/mail/send":
            self._refuse(Refusal(404, errors=(("Not Found", None),)))
        elif self.headers["Authorization"] != f"Bearer {KEY}":
            self._refuse(Refusal(401, errors=(("Permission denied, wrong credentials", None),)))
        elif self.headers.get_content_type() != "application/json":
            self._refuse(Refusal(415, errors=(("Content-Type should be application/json.", None),)))
        elif len(body) > MOST_BYTES:
            self._refuse(Refusal(413, errors=(("content too large", None),)))
        elif not state.strict:
            self._take(body)
        elif (broken := _problems(body)) is not None:
            self._refuse(Refusal(400, errors=tuple(broken)))
        elif json.loads(body).get("mail_settings", {}).get("sandbox_mode", {}).get("enable"):
            state.rehearsed += 1
            self._say(200, {})
        else:
            self._take(body)

    def _keep(self, body: bytes) -> int:
        state = self.server.state
        with state.lock:
            state.accepted.append(body)
            return len(state.accepted)

    def _take(self, body: bytes) -> None:
        self._say(202, None, {"X-Message-Id": f"request{self._keep(body)}"})

    def do_GET(self) -> None:
        self._refuse(Refusal(405, errors=(("method not allowed", None),)))

    def _refuse(self, refusal: Refusal) -> None:
        errors = refusal.errors or ((f"fault {refusal.status}", None),)
        told = [{"message": message, "field": where, "help": None} for message, where in errors]
        self._say(refusal.status, {"errors": told}, refusal.headers)

    def _reset(self) -> None:
        """Close at once; what comes is answered with RST (RFC 9293, 3.10.7.1)."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _say(self, status: int, answer: object, headers: dict[str, str] | None = None) -> None:
        content = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on stderr."""


def _problems(body: bytes) -> list[tuple[str, str]] | None:
    try:
        return problems(json.loads(body)) or None
    except ValueError:
        return [("Bad Request", "")]
