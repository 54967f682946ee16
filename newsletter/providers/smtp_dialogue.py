"""What is said between an SMTP client and a server: commands, replies in order, messages with their dot."""

from __future__ import annotations

import re
import select
import smtplib
import socket
import ssl
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING

from newsletter.providers.smtp_replies import Reply, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A reply with more bytes is no reply (RFC 5321, 4.5.3.1.5, has lines of 512; some servers write novels).
_LONGEST_REPLY = 65_536
_MOST_LINES = 1_000
_CODES = {f"{code}".encode(): code for code in range(200, 600)}


class BrokenOffError(Exception):
    """The connection is over; what was not said to its end was not handed over."""


class UnaskedError(BrokenOffError):
    """The server said more than it was asked, so nothing more was said to it."""


@dataclass(frozen=True)
class Offers:
    """What a server offers in answer to EHLO; after STARTTLS, what it offered then (RFC 3207, 4.2)."""

    pipelining: bool
    smtputf8: bool
    #: Whether MAIL may tell the size, and the largest message that is taken, 0 if it is not told (RFC 1870).
    size: bool
    limit: int

    @classmethod
    def of(cls, session: smtplib.SMTP) -> Offers:
        """What *session* was told in the last answer to EHLO."""
        limit = session.esmtp_features.get("size", "").split()
        return cls(
            pipelining=session.has_extn("pipelining"),
            smtputf8=session.has_extn("smtputf8"),
            size=session.has_extn("size"),
            limit=int(limit[0]) if limit and limit[0].isdigit() else 0,
        )


class Line:
    """An open connection to a server that is ready for MAIL; used by one thread."""

    def __init__(self, session: smtplib.SMTP) -> None:
        if session.sock is None:
            raise smtplib.SMTPServerDisconnected("the server closed the connection")
        self._session = session
        self._socket: socket.socket = session.sock
        _wait_in_system(self._socket)
        self._unread = b""
        self.offers = Offers.of(session)
        self.since = monotonic()
        #: How many messages went over it.
        self.carried = 0

    def say(self, *parts: bytes) -> None:
        """Say *parts*, one after the other, at once.

        Raises:
            BrokenOffError: the connection was lost before the last byte of the first part was out of our
                hands. Once it was, nothing is raised: whether the rest was lost, the replies will tell.
            UnaskedError: the server said more than it was asked: nobody could tell what it answers next.
        """
        if self._unread:
            raise UnaskedError("the server answers what it was not asked")
        first = len(parts[0])
        said = 0
        try:
            if len(parts) > 1 and not isinstance(self._socket, ssl.SSLSocket):
                said = self._socket.sendmsg(parts)
            begin = 0
            # One after the other: of an encrypted part that failed, nobody can say how much of it left.
            for part in parts:
                rest = memoryview(part)[max(0, said - begin) :]
                while rest:
                    count = self._socket.send(rest)
                    said, rest = said + count, rest[count:]
                begin += len(part)
        except OSError as error:
            if said < first:
                raise BrokenOffError(f"the connection was lost: {cause_of(error)}") from error

    def hear(self) -> Reply:
        """The next reply.

        Raises:
            BrokenOffError: there is none: the connection is gone, or the server was too long silent.
        """
        while True:
            end = self._unread.find(b"\n")
            if end >= 0 and self._unread[3:4] != b"-":
                line, self._unread = self._unread[:end], self._unread[end + 1 :]
                return _reply(line)
            if end >= 0:
                return self._hear_lines()
            self._receive()

    def _hear_lines(self) -> Reply:
        """A reply of several lines (RFC 5321, 4.2.1); the enhanced code that begins each is kept once."""
        texts: list[str] = []
        while True:
            while (end := self._unread.find(b"\n")) < 0:
                self._receive()
            line, self._unread = self._unread[:end], self._unread[end + 1 :]
            text = one_line(line[4:])
            code, _, rest = text.partition(" ")
            texts.append(rest if texts and texts[0].startswith(f"{code} ") and code[1:2] == "." else text)
            if len(texts) > _MOST_LINES:
                # To stop in the middle would take the rest for answers to what is asked next.
                raise BrokenOffError("the server speaks no SMTP")
            if line[3:4] != b"-":
                return Reply(_CODES.get(line[:3], -1), one_line(" ".join(texts)))

    def _receive(self) -> None:
        try:
            data = self._socket.recv(_LONGEST_REPLY)
        except OSError as error:
            raise BrokenOffError(f"the server does not answer: {cause_of(error)}") from error
        if not data:
            raise BrokenOffError("the server closed the connection")
        self._unread += data
        if len(self._unread) > _LONGEST_REPLY:
            raise BrokenOffError("the server speaks no SMTP")

    def ask(self, command: bytes) -> Reply:
        """Say one command and hear the reply to it.

        Raises:
            BrokenOffError: the connection is gone.
        """
        self.say(command)
        return self.hear()

    def is_over(self) -> bool:
        """Whether the server ended the connection while nothing was asked, with 421 or silently."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(self._unread or poll.poll(0))

    def end(self) -> None:
        """Say goodbye, if there is still somebody to hear it, and close."""
        with suppress(BrokenOffError):
            self.ask(b"QUIT\r\n")
        self.close()

    def close(self) -> None:
        """Close without a word."""
        self._session.close()


def _wait_in_system(end: socket.socket) -> None:
    """Let the system watch the timeout (socket(7), SO_RCVTIMEO) instead of Python.

    Python asks the system twice each time, and with each question a thread loses its turn to the others.
    """
    seconds = end.gettimeout()
    if seconds is None or isinstance(end, ssl.SSLSocket) or sys.platform != "linux":
        return
    timeval = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
    end.settimeout(None)


@lru_cache(maxsize=256)
def _reply(line: bytes) -> Reply:
    """The reply of one line; servers say the same ones again and again."""
    code = _CODES.get(line[:3], -1)
    return Reply(code, one_line(line[4:] if code > 0 else line))


def wire_form(pieces: Sequence[bytes]) -> bytes:
    """A message as DATA wants it: CRLF only, dots doubled (RFC 5321, 4.5.2), the final dot at its end.

    A lone CR or LF could end the message early for one server and not for the next; there is none left.

    Args:
        pieces: the message when joined. What is done to a long one is remembered, as it comes again with the
            next message.
    """
    own = b"\0".join([b"", *[piece for piece in pieces if len(piece) <= _LONG]])
    ends = own.count(b"\r\n")
    if ends == own.count(b"\n") == own.count(b"\r") and not (b"\n." in own or b"\0." in own):
        # What is the recipient's own is well at a glance, as nearly always.
        forms = [piece if len(piece) <= _LONG else _long_form(piece) for piece in pieces]
        if forms and forms[-1] and None not in forms:
            forms.append(b".\r\n" if forms[-1][-1:] == b"\n" else b"\r\n.\r\n")
            return b"".join(forms)  # type: ignore[arg-type]  # None is not among them
    return _careful_form(pieces)


def _careful_form(pieces: Sequence[bytes]) -> bytes:
    """The same for any pieces: dots may begin one, and line ends may be none or cut in two."""
    stuffed: list[bytes] = []
    begins_line = True
    for piece in pieces:
        if not piece:
            continue
        form = _form(piece)
        if form is None:
            return _careful_form([re.sub(rb"\r\n|\r|\n", b"\r\n", b"".join(pieces))])
        if begins_line and piece[:1] == b".":
            stuffed.append(b".")
        stuffed.append(form)
        begins_line = piece[-1:] == b"\n"
    stuffed.append(b".\r\n" if begins_line else b"\r\n.\r\n")
    return b"".join(stuffed)


#: Pieces with more bytes are as a rule the same for everybody.
_LONG = 256


def _form(piece: bytes) -> bytes | None:
    """A piece with dots doubled where lines begin, except its first; None if a line end is no CRLF."""
    ends = piece.count(b"\r\n")
    if ends != piece.count(b"\n") or ends != piece.count(b"\r"):
        return None
    return piece.replace(b"\r\n.", b"\r\n..")


@lru_cache(maxsize=256)
def _long_form(piece: bytes) -> bytes | None:
    """As `_form`, remembered; None also if the piece begins with a dot."""
    return None if piece[:1] == b"." else _form(piece)


def cause_of(error: Exception) -> str:
    """Why a connection failed, in a few words."""
    if isinstance(error, TimeoutError | BlockingIOError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return one_line(str(error)).removeprefix("Connection unexpectedly closed: ") or type(error).__name__
