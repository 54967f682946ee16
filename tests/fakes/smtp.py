"""SMTP servers: aiosmtpd for what a good server does, and one of our own that follows a script.

The second refuses, hangs up or falls silent at any step.
"""

from __future__ import annotations

import asyncio
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
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
    #: Gives the reply to a step (``banner``, a command's verb, or ``.``), or None for the usual one.
    script: Callable[[str, str], str | None]
    pipelining: bool
    closing: threading.Event = field(default_factory=threading.Event)
    commands: list[str] = field(default_factory=list)
    #: Recipient and bytes of each message that ended with its dot, whatever was answered.
    messages: list[tuple[str, bytes]] = field(default_factory=list)
    connections: int = 0


@contextmanager
def smtp_server(
    script: Callable[[str, str], str | None] = lambda step, argument: None, *, pipelining: bool = True
) -> Iterator[SmtpServer]:
    """Run a scripted server on a free port of this machine."""
    with _Listener(("127.0.0.1", 0), _Dialogue) as listener:
        state = SmtpServer(listener.server_address[1], script, pipelining)
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
    state: SmtpServer


class _Dialogue(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self) -> None:
        state = self.server.state
        state.connections += 1
        try:
            self._talk(state)
        except (_HungUp, OSError):
            pass

    def _talk(self, state: SmtpServer) -> None:
        self._reply(state, "banner", "")
        recipient, valid = "", False
        while line := self.rfile.readline():
            command = line.decode().strip()
            verb = command.split(" ")[0].upper()
            state.commands.append(command)
            if verb in ("EHLO", "HELO"):
                self._say("250-fake\r\n250-PIPELINING\r\n250 8BITMIME" if state.pipelining else "250 fake")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            elif verb == "DATA" and not valid:
                self._say("503 no valid recipients")
            else:
                code = self._reply(state, verb, command)
                if verb == "RCPT":
                    recipient, valid = command[9:-1], code.startswith("2")
                elif verb in ("MAIL", "RSET"):
                    valid = False
                elif verb == "DATA" and code.startswith("3"):
                    state.messages.append((recipient, self._read_message()))
                    self._reply(state, ".", recipient)
                    valid = False

    def _read_message(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise _HungUp
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _reply(self, state: SmtpServer, step: str, argument: str) -> str:
        reply = state.script(step, argument) or _USUAL.get(step, "250 queued as Q1")
        if reply == HANG_UP:
            raise _HungUp
        if reply == SILENCE:
            state.closing.wait()
            raise _HungUp
        self._say(reply)
        if reply.startswith("421"):
            raise _HungUp
        return reply

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


class _HungUp(Exception):
    pass
