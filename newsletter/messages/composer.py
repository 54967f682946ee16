"""Edition + recipient → bytes: what is the same for everybody is encoded once, the rest is spliced in.

Building an `email.message.EmailMessage` per recipient costs hundreds of times as much as joining pieces
that are encoded already; `benchmarks/` shows the ratio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.config import split_mailbox
from newsletter.editions.merge import Context, Evaluator, Literal, render, split
from newsletter.messages import headers
from newsletter.messages.attached import attach, beside
from newsletter.messages.body import Body
from newsletter.messages.message import Message, Recipient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsletter.editions.edition import Edition
    from newsletter.messages.envelope import Envelope

#: What tells programs not to answer (RFC 3834, section 5).
AUTOMATIC = ("Auto-Submitted", "auto-generated")


class Composer:
    """Makes the messages of one edition.

    Args:
        edition: what everybody gets.
        envelope: who it is from.
        images: the bytes of the images that go with the edition, by name.

    Raises:
        DeliveryError: an image that goes with the edition is not among *images*.
    """

    def __init__(
        self, edition: Edition, envelope: Envelope, images: Mapping[str, bytes] | None = None
    ) -> None:
        self.edition = edition
        self.envelope = envelope
        self._evaluator = Evaluator(edition)
        self._subject = split(edition.subject, edition, Context.HEADER)
        self._text = Body(split(edition.text, edition, Context.TEXT))
        self._html = Body(split(edition.html, edition, Context.HTML))
        alike = all(isinstance(piece, Literal) for piece in self._subject)
        self._same_subject = (
            headers.field("Subject", envelope.subject_prefix + render(self._subject, {})) if alike else b""
        )
        self._boundary = f"=_{edition.digest[:24]}"  # "=_" is in no encoded text (RFC 2045, 6.7 and 6.8)
        self._domain = envelope.domain
        self._common = self._common_headers()
        #: The images that go with each message, encoded once for all.
        self.attached = attach(edition, images or {})
        head, after = beside(_text_head("html", self._html), self.attached, f"=_{edition.digest[24:48]}")
        self._between = self._edge + head
        self._end = after + f"\r\n--{self._boundary}--\r\n".encode()

    def compose(
        self,
        recipient: Recipient,
        delivery_id: str,
        timestamp: float,
        *,
        missing: str | None = None,
        smtputf8: bool = False,
        batch: int = 0,
    ) -> Message:
        """One recipient's message; its bytes are made when they are asked for.

        Args:
            recipient: whom it is for.
            delivery_id: what names this delivery; becomes the Message-ID.
            timestamp: the Date, in seconds since the epoch.
            missing: what to write for a value that is missing; for previews only.
            smtputf8: whether what takes the message may know addresses beyond ASCII.
            batch: the number of the batch that it belongs to; 0 outside the ledger.

        Raises:
            MissingValue: a merge tag without a default has no value for this recipient.
            UnmailableError: the address cannot be written in a header.
        """
        (headers.utf8_address if smtputf8 else headers.ascii_address)(recipient.email)
        values = self._evaluator.values(recipient.fields, recipient.links, missing=missing)
        return Message(delivery_id, recipient, self, values, timestamp, batch)

    def subject(self, message: Message) -> str:
        """The subject as this recipient reads it."""
        return self.envelope.subject_prefix + headers.clean(render(self._subject, message.values))

    def html(self, message: Message) -> str:
        """The HTML part as this recipient gets it."""
        return self._html.text(message.values)

    def text(self, message: Message) -> str:
        """The plain text part as this recipient gets it, with a line feed at each line's end."""
        return self._text.text(message.values)

    def headers_for(self, message: Message) -> list[tuple[str, str]]:
        """The headers of one recipient, decoded: for providers that write messages themselves."""
        feedback = ("Feedback-ID", self.envelope.feedback_id)
        if self.envelope.automatic:
            return [("Message-ID", self._message_id(message)), AUTOMATIC, feedback]
        return [
            ("Message-ID", self._message_id(message)),
            ("List-Unsubscribe", f"<{message.recipient.links['unsubscribe']}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("List-Id", self.envelope.list_id),
            feedback,
        ]

    def splice(self, message: Message) -> list[bytes]:
        """The message in pieces, those that everybody gets always the same objects.

        Joined, they are the whole message with CRLF line ends, no line over 998 octets (RFC 5322, 2.1.1).
        """
        out = [
            self._common[0],
            headers.mailbox_field("To", message.recipient.name, message.recipient.email),
            self._same_subject or headers.field("Subject", self.subject(message)),
            headers.date_field(message.timestamp),
            headers.verbatim("Message-ID", self._message_id(message)),
        ]
        if link := message.recipient.links.get("unsubscribe"):
            # RFC 8058 section 3.1: one https URI, and the exact value of the second field.
            out.append(headers.verbatim("List-Unsubscribe", f"<{link}>"))
            out.append(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
        out.append(self._common[1])
        self._text.fill(message.values, out)
        out.append(self._between)
        self._html.fill(message.values, out)
        out.append(self._end)
        return out

    def _message_id(self, message: Message) -> str:
        return f"<{message.delivery_id}@{self._domain}>"

    def _common_headers(self) -> tuple[bytes, bytes]:
        """What stands before and after the headers of one recipient, up to the first part."""
        name, address = split_mailbox(self.envelope.sender)
        first = headers.mailbox_field("From", name, address)
        if self.envelope.reply_to:
            first += headers.mailbox_field("Reply-To", *split_mailbox(self.envelope.reply_to))
        if self.envelope.automatic:
            second = headers.verbatim(*AUTOMATIC)
        else:
            phrase, _, list_id = self.envelope.list_id.rpartition(" ")
            second = headers.phrase_field("List-Id", phrase, list_id)  # RFC 2919, section 3
        second += headers.field("Feedback-ID", self.envelope.feedback_id)
        second += b"MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n"
        second += f' boundary="{self._boundary}"\r\n'.encode()
        return first, second + self._edge + _text_head("plain", self._text)

    @property
    def _edge(self) -> bytes:
        """What begins a part."""
        return f"\r\n--{self._boundary}\r\n".encode()


def _text_head(subtype: str, body: Body) -> bytes:
    return (
        f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {body.encoding}\r\n\r\n"
    ).encode()
