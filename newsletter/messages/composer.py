"""Edition + recipient → bytes: what is the same for everybody is encoded once, the rest is spliced in.

Building an `email.message.EmailMessage` per recipient costs hundreds of times as much as joining pieces
that are encoded already; `benchmarks/` shows the ratio.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.config import split_mailbox
from newsletter.editions.cutting import Context, Literal, split
from newsletter.editions.merge import Evaluator, render
from newsletter.messages import headers
from newsletter.messages.attached import attach, beside
from newsletter.messages.body import Body
from newsletter.messages.message import Message, Recipient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsletter.editions.edition import Edition
    from newsletter.editions.links import Tracked
    from newsletter.messages.envelope import Envelope

#: What tells programs not to answer (RFC 3834, section 5).
AUTOMATIC = ("Auto-Submitted", "auto-generated")


@dataclass(frozen=True)
class Form:
    """One form of an edition's texts, the header fields before them, and what stands between them."""

    text: Body
    html: Body
    head: bytes
    between: bytes


class Composer:
    """Makes the messages of one edition.

    Args:
        edition: what everybody gets.
        envelope: who it is from.
        images: the bytes of the images that go with the edition, by name.
        tracked: the edition as those get it whose opens and clicks are learned; None: nobody's are.

    Raises:
        DeliveryError: an image that goes with the edition is not among *images*.
    """

    def __init__(
        self,
        edition: Edition,
        envelope: Envelope,
        images: Mapping[str, bytes] | None = None,
        tracked: Tracked | None = None,
    ) -> None:
        self.edition = edition
        self.envelope = envelope
        self._evaluator = Evaluator(edition)
        self._subject = split(edition.subject, edition, Context.HEADER)
        alike = all(isinstance(piece, Literal) for piece in self._subject)
        self._same_subject = (
            headers.field("Subject", envelope.subject_prefix + render(self._subject, {})) if alike else b""
        )
        self._boundary = f"=_{edition.digest[:24]}"  # "=_" is in no encoded text (RFC 2045, 6.7 and 6.8)
        self._domain = envelope.domain
        phrase, _, list_id = envelope.list_id.rpartition(" ")
        self._list_id = headers.phrase_field("List-Id", phrase, list_id)  # RFC 2919, section 3
        self._feedback_id = headers.field("Feedback-ID", envelope.feedback_id)
        #: The same for providers that write messages themselves.
        self._of_list = ("List-Id", headers.unfolded(self._list_id))
        self._feedback = ("Feedback-ID", headers.unfolded(self._feedback_id))
        self._first, self._second = self._common_headers()
        #: The images that go with each message, encoded once for all.
        self.attached = attach(edition, images or {})
        _, after = beside(b"", self.attached, self._inner)
        self._end = after + f"\r\n--{self._boundary}--\r\n".encode()
        text, html = split(edition.text, edition, Context.TEXT), split(edition.html, edition, Context.HTML)
        plain = self._form(Body(text), Body(html))
        marked = self._form(Body(tracked.text), Body(tracked.html)) if tracked else plain
        #: The texts of a message without marks, and of one with marks.
        self.forms = (plain, marked)

    def compose(
        self,
        recipient: Recipient,
        delivery_id: str,
        timestamp: float,
        *,
        missing: str | None = None,
        smtputf8: bool = False,
        batch: int = 0,
        marks: Mapping[str, str] | None = None,
    ) -> Message:
        """One recipient's message; its bytes are made when they are asked for.

        Args:
            recipient: whom it is for.
            delivery_id: what names this delivery; becomes the Message-ID.
            timestamp: the Date, in seconds since the epoch.
            missing: what to write for a value that is missing; for previews only.
            smtputf8: whether what takes the message may know addresses beyond ASCII.
            batch: the number of the batch that it belongs to; 0 outside the ledger.
            marks: what stands in the recipient's tracked links, by token; None if they are not tracked.

        Raises:
            MissingValue: a merge tag without a default has no value for this recipient.
            UnmailableError: the address cannot be written in a header.
        """
        (headers.utf8_address if smtputf8 else headers.ascii_address)(recipient.email)
        values = self._evaluator.values(recipient.fields, recipient.links, missing=missing)
        if marks:
            return Message(delivery_id, recipient, self, {**values, **marks}, timestamp, batch, tracked=True)
        return Message(delivery_id, recipient, self, values, timestamp, batch)

    def subject(self, message: Message) -> str:
        """The subject as this recipient reads it."""
        return self.envelope.subject_prefix + headers.clean(render(self._subject, message.values))

    def html(self, message: Message) -> str:
        """The HTML part as this recipient gets it."""
        return self.forms[message.tracked].html.text(message.values)

    def text(self, message: Message) -> str:
        """The plain text part as this recipient gets it, with a line feed at each line's end."""
        return self.forms[message.tracked].text.text(message.values)

    def headers_for(self, message: Message) -> list[tuple[str, str]]:
        """The headers of one recipient, each on one line: for providers that write messages themselves."""
        if self.envelope.automatic:
            return [("Message-ID", self._message_id(message)), AUTOMATIC, self._feedback]
        return [
            ("Message-ID", self._message_id(message)),
            ("List-Unsubscribe", f"<{message.recipient.links['unsubscribe']}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            self._of_list,
            self._feedback,
        ]

    def splice(self, message: Message) -> list[bytes]:
        """The message in pieces, those that everybody gets always the same objects.

        Joined, they are the whole message with CRLF line ends, no line over 998 octets (RFC 5322, 2.1.1).
        """
        form = self.forms[message.tracked]
        out = [
            self._first,
            headers.mailbox_field("To", message.recipient.name, message.recipient.email),
            self._same_subject or headers.field("Subject", self.subject(message)),
            headers.date_field(message.timestamp),
            headers.verbatim("Message-ID", self._message_id(message)),
        ]
        if link := message.recipient.links.get("unsubscribe"):
            # RFC 8058 section 3.1: one https URI, and the exact value of the second field.
            out.append(headers.verbatim("List-Unsubscribe", f"<{link}>"))
            out.append(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
        out.append(form.head)
        form.text.fill(message.values, out)
        out.append(form.between)
        form.html.fill(message.values, out)
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
        second = headers.verbatim(*AUTOMATIC) if self.envelope.automatic else self._list_id
        second += self._feedback_id
        second += b"MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n"
        second += f' boundary="{self._boundary}"\r\n'.encode()
        return first, second + self._edge

    def _form(self, text: Body, html: Body) -> Form:
        head, _ = beside(_text_head("html", html), self.attached, self._inner)
        return Form(text, html, self._second + _text_head("plain", text), self._edge + head)

    @property
    def _inner(self) -> str:
        """What parts the HTML and its images."""
        return f"=_{self.edition.digest[24:48]}"

    @property
    def _edge(self) -> bytes:
        """What begins a part."""
        return f"\r\n--{self._boundary}\r\n".encode()


def _text_head(subtype: str, body: Body) -> bytes:
    return (
        f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {body.encoding}\r\n\r\n"
    ).encode()
