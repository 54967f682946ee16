"""SMTP servers: aiosmtpd for what a good server does, and one of our own that follows a script.

The second refuses, hangs up or falls silent at any step.
"""

from __future__ import annotations

import asyncio
import socket
import socketserver
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiosmtpd.smtp import SMTP

#: Instead of a reply: close the connection without one.
HANG_UP = "hang up"
#: Instead of a reply: say nothing until the test is over.
SILENCE = "silence"

_USUAL = {"banner": "220 ready", "MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go on", "RSET": "250 ok"}


@dataclass
class SmtpServer:
    """A running server: where it listens, what it was told, and the messages whose dot it saw."""

    port: int
    #: Gives the reply to a step (``banner``, a command's verb, ``body`` or ``.``), or None for the usual one.
    script: Callable[[str, str], str | None]
    #: What the answer to EHLO offers, in the clear and encrypted.
    offers: Sequence[str]
    offers_encrypted: Sequence[str]
    tls: ssl.SSLContext | None
    #: To whose messages the dot is answered only when the next command is there.
    curious: Collection[str]
    closing: threading.Event = field(default_factory=threading.Event)
    commands: list[str] = field(default_factory=list)
    #: Recipient and bytes of each message that ended with its dot, whatever was answered.
    messages: list[tuple[str, bytes]] = field(default_factory=list)
    #: How many messages each recipient has by now: those that ended with their dot and were not refused.
    taken: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    #: How many connections were there at once, at most.
    together: int = 0
    open: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    sockets: list[socket.socket] = field(default_factory=list)

    def hang_up(self) -> None:
        """End every connection that is open, as after a long silence."""
        for each in self.sockets:
            each.shutdown(socket.SHUT_RDWR)


@contextmanager
def smtp_server(
    script: Callable[[str, str], str | None] = lambda step, argument: None,
    *,
    pipelining: bool = True,
    offers: Sequence[str] = (),
    offers_encrypted: Sequence[str] | None = None,
    tls: ssl.SSLContext | None = None,
    curious: Collection[str] = (),
) -> Iterator[SmtpServer]:
    """Run a scripted server on a free port of this machine."""
    everything = (
        *(("PIPELINING", "8BITMIME") if pipelining else ()),
        *offers,
        *(("STARTTLS",) if tls else ()),
    )
    encrypted = everything if offers_encrypted is None else offers_encrypted
    with _Listener(("127.0.0.1", 0), _Dialogue) as listener:
        state = SmtpServer(listener.server_address[1], script, everything, encrypted, tls, curious)
        listener.state = state
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            state.closing.set()
            listener.shutdown()
            thread.join()


@contextmanager
def real_smtp_server(
    handler: object, *, implicit_tls: ssl.SSLContext | None = None, **options: object
) -> Iterator[int]:
    """Run an aiosmtpd server with *handler* on a free port of this machine; gives the port."""
    loop = asyncio.new_event_loop()
    listening = loop.create_server(
        lambda: SMTP(handler, hostname="fake", loop=loop, **options), "127.0.0.1", 0, ssl=implicit_tls
    )
    server = loop.run_until_complete(listening)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False
    request_queue_size = 64
    state: SmtpServer


class _Dialogue(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self) -> None:
        state = self.server.state
        with state.lock:
            state.connections += 1
            state.open += 1
            state.together = max(state.together, state.open)
            state.sockets.append(self.request)
        self._ahead: list[bytes] = []
        try:
            self._talk(state)
        except (_HungUp, OSError):
            pass
        finally:
            with state.lock:
                state.open -= 1

    def _talk(self, state: SmtpServer) -> None:
        self._reply(state, "banner", "")
        recipient, begun, valid, offers = "", False, False, state.offers
        while line := self._line():
            command = line.decode().strip()
            verb = command.split(" ")[0].upper()
            state.commands.append(command)
            if verb in ("EHLO", "HELO"):
                lines = ["fake", *offers] if verb == "EHLO" else ["fake"]
                self._say("\r\n".join([*(f"250-{each}" for each in lines[:-1]), f"250 {lines[-1]}"]))
            elif verb == "STARTTLS" and state.tls:
                self._say(state.script(verb, command) or "220 go on")
                self._encrypt(state.tls)
                offers = state.offers_encrypted
            elif verb == "QUIT":
                self._say("221 bye")
                return
            elif (verb == "DATA" and not valid) or (verb == "RCPT" and not begun):
                self._say("503 bad sequence of commands")
            else:
                code = self._reply(state, verb, command)
                if verb == "RCPT":
                    recipient, valid = command[9:-1], code.startswith("2")
                elif verb in ("MAIL", "RSET"):
                    valid, begun = False, verb == "MAIL" and code.startswith("2")
                elif verb == "DATA" and code.startswith("3"):
                    self._take(state, recipient)
                    valid = begun = False

    def _take(self, state: SmtpServer, recipient: str) -> None:
        state.messages.append((recipient, self._read_message(state, recipient)))
        if recipient in state.curious:
            self._ahead.append(self._line())
        reply = state.script(".", recipient) or "250 queued as Q1"
        if not reply.startswith(("4", "5")):
            state.taken[recipient] += 1
        self._give(state, reply)

    def _line(self) -> bytes:
        return self._ahead.pop(0) if self._ahead else self.rfile.readline()

    def _encrypt(self, tls: ssl.SSLContext) -> None:
        self.request = self.connection = tls.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def _read_message(self, state: SmtpServer, recipient: str) -> bytes:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            fault = state.script("body", recipient) if not lines else None
            if fault not in (None, HANG_UP):
                self._say(fault)
            if not line or fault is not None:
                raise _HungUp
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _reply(self, state: SmtpServer, step: str, argument: str) -> str:
        reply = state.script(step, argument) or _USUAL.get(step, "250 ok")
        self._give(state, reply)
        return reply

    def _give(self, state: SmtpServer, reply: str) -> None:
        if reply == HANG_UP:
            raise _HungUp
        if reply == SILENCE:
            state.closing.wait()
            raise _HungUp
        self._say(reply)
        if reply.startswith("421"):
            raise _HungUp

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


class _HungUp(Exception):
    pass


class Mailbox:
    """Keeps what an aiosmtpd server received."""

    def __init__(self) -> None:
        self.mail: list[tuple[str, list[str], bytes]] = []
        #: Of each message, whether it came with SMTPUTF8.
        self.utf8: list[bool] = []

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        self.mail.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        self.utf8.append(bool(envelope.smtp_utf8))
        return f"250 2.0.0 Ok: queued as 4F{len(self.mail)}"
