"""A message as SMTP wants it: the commands of its envelope and its bytes up to the final dot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.messages.headers import utf8_address
from newsletter.messages.message import UnmailableError
from newsletter.providers.base import Outcome, Verdict
from newsletter.providers.smtp_dialogue import wire_form

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.messages.message import Message
    from newsletter.providers.smtp_dialogue import Offers


class Letter:
    """A message with what is said of it; its bytes are made when its turn comes."""

    __slots__ = ("begun", "commands", "content", "domain", "message", "size", "utf8")

    def __init__(self, message: Message) -> None:
        self.message = message
        self.domain = message.email.rpartition("@")[2].lower()
        self.begun = 0
        self.content = b""
        self.size = 0
        self.commands: tuple[bytes, bytes, bytes] = (b"", b"", b"")
        self.utf8 = False

    def write(self, offers: Offers, sender: str, sign: Callable[[bytes], bytes] | None) -> None:
        """Make its bytes and its envelope.

        Args:
            offers: what the server offers.
            sender: the return path.
            sign: gives the signature field for the message's bytes.

        Raises:
            UnmailableError: the address cannot be written, the server would not take it, or it is too large.
        """
        recipient = utf8_address(self.message.email)
        self.utf8 = not recipient.isascii()
        if self.utf8 and not offers.smtputf8:
            raise UnmailableError("the address needs SMTPUTF8, which the server does not offer")
        if not self.content:
            pieces = self.message.pieces()
            if sign is not None:
                pieces.insert(0, sign(b"".join(pieces)))
            self.content, self.size = wire_form(pieces), sum(map(len, pieces))
        if offers.limit and self.size > offers.limit:
            raise UnmailableError(
                f"the message has {self.size:,} bytes, and the server takes {offers.limit:,} at most"
            )
        mail = f"MAIL FROM:<{sender}>"
        if offers.size:
            mail += f" SIZE={self.size}"
        if self.utf8:
            # RFC 6531, 3.4: a server that offers SMTPUTF8 offers 8BITMIME, and wants to be told of both.
            mail += " BODY=8BITMIME SMTPUTF8"
        self.commands = (f"{mail}\r\n".encode(), f"RCPT TO:<{recipient}>\r\n".encode(), b"DATA\r\n")

    def outcome(self, verdict: Verdict, reason: str, *, name: str = "", wait: float = 0.0) -> Outcome:
        """What came of it."""
        return Outcome(self.message.delivery_id, verdict, reason, name, wait)
