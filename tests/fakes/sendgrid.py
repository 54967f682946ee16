"""SendGrid's v3 Mail Send as its reference describes it: the limits, the refusals, and faults on demand.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "SG.a-key"
#: Instead of a status: take the request, then close the connection without an answer.
HANG_UP = "hang up"
#: Instead of a status: take the request, then say nothing until the test is over.
SILENCE = "silence"

_FORBIDDEN = {
    "x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding",
    "to", "from", "subject", "reply-to", "cc", "bcc",
}  # fmt: skip


@dataclass
class Sendgrid:
    """A running fake: where it is, the requests that it accepted, and what each recipient would read."""

    url: str
    #: Gives a status (with headers), `HANG_UP` or `SILENCE` for the n-th request, or None to answer by the rules.
    script: Callable[[int], Any]
    accepted: list[dict[str, Any]] = field(default_factory=list)
    #: Everything that was posted, also what was refused.
    posted: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    def mail(self) -> dict[str, list[dict[str, Any]]]:
        """What each address got, substitutions made, as SendGrid would."""
        got: dict[str, list[dict[str, Any]]] = {}
        for body in self.accepted:
            for person in body["personalizations"]:
                got.setdefault(person["to"][0]["email"], []).append(_personal(body, person))
        return got


def _personal(body: dict[str, Any], person: dict[str, Any]) -> dict[str, Any]:
    def replaced(text: str) -> str:
        for tag, value in person.get("substitutions", {}).items():
            text = text.replace(tag, value)
        return text

    return {
        "subject": replaced(body["subject"]),
        "text": replaced(body["content"][0]["value"]),
        "html": replaced(body["content"][1]["value"]),
        "headers": {**body.get("headers", {}), **person.get("headers", {})},
        "custom_args": {**body.get("custom_args", {}), **person.get("custom_args", {})},
    }


@contextmanager
def sendgrid(script: Callable[[int], Any] = lambda number: None) -> Iterator[Sendgrid]:
    """Run the fake on a free port of this machine."""
    server = _Server(("127.0.0.1", 0), _Answer)
    server.state = Sendgrid(f"http://127.0.0.1:{server.server_address[1]}", script)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.state
    finally:
        server.state.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def problem(body: dict[str, Any]) -> tuple[str, str] | None:
    """The first rule that a request breaks: message and field."""
    people = body.get("personalizations", [])
    if not 1 <= len(people) <= 1000:
        return "The personalizations field must have 1 to 1000 entries.", "personalizations"
    seen: set[str] = set()
    for place, person in enumerate(people):
        name = f"personalizations.{place}"
        address = person["to"][0]["email"].lower()
        if address in seen:
            return "Each unique email address should only be included once.", "personalizations"
        seen.add(address)
        if "@" not in address or address.startswith("bad"):
            return "Does not contain a valid address.", f"{name}.to.0.email"
        values = person.get("substitutions", {})
        if not all(isinstance(value, str) for value in values.values()):
            return "Substitutions must be strings.", f"{name}.substitutions"
        if sum(len(tag.encode()) + len(value.encode()) for tag, value in values.items()) > 10_000:
            return "Substitutions are over 10,000 bytes.", f"{name}.substitutions"
        if not all(isinstance(value, str) for value in person.get("custom_args", {}).values()):
            return "Custom arguments must be strings.", f"{name}.custom_args"
        if {header.lower() for header in person.get("headers", {})} & _FORBIDDEN:
            return "A header is forbidden.", f"{name}.headers"
    if {header.lower() for header in body.get("headers", {})} & _FORBIDDEN:
        return "A header is forbidden.", "headers"
    if [part["type"] for part in body["content"]] != ["text/plain", "text/html"]:
        return "text/plain must come before text/html.", "content"
    return None


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    state: Sendgrid


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.state.connections += 1

    def do_POST(self) -> None:
        state = self.server.state
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        state.posted.append(body)
        fault = state.script(len(state.posted))
        if fault in (HANG_UP, SILENCE):
            state.accepted.append(body)
            if fault == SILENCE:
                state.closing.wait()
            self.close_connection = True
        elif fault is not None:
            status, headers = fault if isinstance(fault, tuple) else (fault, {})
            self._say(status, {"errors": [{"message": f"fault {status}", "field": None}]}, headers)
        elif self.headers["Authorization"] != f"Bearer {KEY}":
            self._say(401, {"errors": [{"message": "Permission denied, wrong credentials", "field": None}]})
        elif broken := problem(body):
            self._say(400, {"errors": [{"message": broken[0], "field": broken[1]}]})
        else:
            state.accepted.append(body)
            self._say(202, None, {"X-Message-Id": f"request{len(state.accepted)}"})

    def do_GET(self) -> None:
        self._say(200, {"followed": True})

    def _say(self, status: int, answer: object, headers: dict[str, str] | None = None) -> None:
        content = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on stderr."""
