"""What is said between an SMTP client and a server: commands, replies, and a message with its final dot."""

from __future__ import annotations

import re
import smtplib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.providers.base import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True)
class Reply:
    """What a server answered: the code of three digits (-1 if there was none) and its text on one line."""

    code: int
    text: str

    @classmethod
    def read(cls, session: smtplib.SMTP) -> Reply:
        """The next reply of the server.

        Raises:
            OSError: the connection is gone, or it was too long silent.
        """
        code, answer = session.getreply()
        return cls(code, one_line(answer))

    @property
    def positive(self) -> bool:
        """The command was taken."""
        return 200 <= self.code <= 399

    @property
    def verdict(self) -> Verdict:
        """What a reply to the whole message means for it (RFC 5321, section 4.2.1)."""
        classes = {2: Verdict.ACCEPTED, 4: Verdict.DEFERRED, 5: Verdict.REJECTED}
        return classes.get(self.code // 100, Verdict.UNCERTAIN)

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip()


class BrokenOffError(Exception):
    """The connection ended before the message did: nothing was handed over."""


def exchange(session: smtplib.SMTP, commands: Sequence[str]) -> Iterator[Reply]:
    """The replies to *commands*: in one round trip with PIPELINING (RFC 2920), else up to the first no.

    Raises:
        BrokenOffError: the connection is gone, or the server is about to end it.
    """
    if session.has_extn("pipelining"):
        _say(session, "\r\n".join(commands))
        for _ in commands:
            yield _hear(session)
        return
    for command in commands:
        reply = ask(session, command)
        yield reply
        if not reply.positive:
            return


def ask(session: smtplib.SMTP, command: str) -> Reply:
    """Say one command and hear the reply to it.

    Raises:
        BrokenOffError: the connection is gone, or the server is about to end it.
    """
    _say(session, command)
    return _hear(session)


def _say(session: smtplib.SMTP, commands: str) -> None:
    try:
        session.send(f"{commands}\r\n".encode())  # not ASCII only after SMTPUTF8 was offered (RFC 6531)
    except smtplib.SMTPServerDisconnected as error:
        raise BrokenOffError("the server closed the connection") from error


def _hear(session: smtplib.SMTP) -> Reply:
    try:
        reply = Reply.read(session)
    except OSError as error:
        raise BrokenOffError(f"the server does not answer: {cause_of(error)}") from error
    if reply.code == 421 or reply.code < 200:
        # RFC 5321, 3.8: with 421 the server closes the connection; without a code it speaks no SMTP.
        raise BrokenOffError(f"the server closed the connection: {reply}")
    return reply


def wire_form(message: bytes) -> bytes:
    """*message* as DATA wants it: CRLF only, dots doubled (RFC 5321, 4.5.2), the final dot at its end.

    A lone CR or LF could end the message early for one server and not for the next; there is none left.
    """
    if not message.count(b"\r\n") == message.count(b"\n") == message.count(b"\r"):
        message = re.sub(rb"\r\n|\r|\n", b"\r\n", message)
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")


def one_line(answer: bytes | str) -> str:
    """What a server said, on one line of at most 300 characters and without control characters."""
    decoded = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return _CONTROL.sub(" ", decoded).strip()[:300]


def cause_of(error: Exception) -> str:
    """Why a connection failed, in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return one_line(str(error)).removeprefix("Connection unexpectedly closed: ") or type(error).__name__
