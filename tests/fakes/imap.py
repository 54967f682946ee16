"""A mailbox on an IMAP server over TLS: as much of RFC 9051 as a reader of one mailbox needs."""

from __future__ import annotations

import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

USER, PASSWORD = "bounces", "a secret"


@dataclass
class Mailbox:
    """The messages by number, those that were seen, and after how many commands the line breaks, if it does."""

    port: int
    messages: dict[int, bytes]
    seen: set[int] = field(default_factory=set)
    breaks_at: int = -1


@contextmanager
def imap(tls: ssl.SSLContext, messages: list[bytes]) -> Iterator[Mailbox]:
    """Run it on a free port of this machine."""
    server = _Server(("127.0.0.1", 0), _Dialogue)
    server.tls = tls
    box = server.box = Mailbox(server.server_address[1], dict(enumerate(messages, 7)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False
    allow_reuse_address = True
    tls: ssl.SSLContext
    box: Mailbox

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that do not trust the certificate."""


class _Dialogue(socketserver.StreamRequestHandler):
    server: _Server

    def setup(self) -> None:
        self.request.settimeout(600)
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def handle(self) -> None:
        self._say("* OK ready")
        for line in self.rfile:
            tag, _, command = line.decode("ascii").strip().partition(" ")
            box = self.server.box
            box.breaks_at -= 1
            if box.breaks_at == 0:
                return
            if not self._answer(tag, command):
                return

    def _answer(self, tag: str, command: str) -> bool:
        box, word = self.server.box, command.upper()
        said = "OK done"
        if word.startswith("CAPABILITY"):
            self._say("* CAPABILITY IMAP4rev1")
        elif word.startswith("LOGIN"):
            said = "OK in" if command == f'LOGIN {USER} "{PASSWORD}"' else "NO that is not it"
        elif word.startswith("SELECT"):
            said = "OK [READ-WRITE] selected" if command == 'SELECT "INBOX"' else "NO no such mailbox"
            self._say(f"* {len(box.messages)} EXISTS")
        elif word.startswith("UID SEARCH UNSEEN"):
            self._say("* SEARCH " + " ".join(str(uid) for uid in box.messages if uid not in box.seen))
        elif match := re.fullmatch(r"UID FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", word):
            raw = box.messages[int(match[1])][: int(match[2])]
            self._say(f"* 1 FETCH (UID {match[1]} BODY[]<0> {{{len(raw)}}}")
            self.wfile.write(raw + b")\r\n")
        elif match := re.fullmatch(r"UID STORE (\d+) \+FLAGS\.SILENT \(\\SEEN\)", word):
            box.seen.add(int(match[1]))
        elif word.startswith("LOGOUT"):
            self._say("* BYE")
        else:
            said = "BAD not known"
        self._say(f"{tag} {said}")
        return not word.startswith("LOGOUT")

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode("ascii") + b"\r\n")
