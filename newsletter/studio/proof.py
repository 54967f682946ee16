"""One message as one reader will get it, and what is worth knowing about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.header import decode_header, make_header
from functools import cached_property
from typing import TYPE_CHECKING

from newsletter.editions import Context, Evaluator, MissingValue, render, split
from newsletter.messages import Composer, Envelope, Message, Recipient, example_links
from newsletter.messages.headers import ascii_address
from newsletter.studio.inbox import snippet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsletter.config import PublicationSettings
    from newsletter.editions import Edition
    from newsletter.studio.readers import Reader

#: What stands where a value is missing.
BLANK = "[no value]"


@dataclass(frozen=True)
class HeaderField:
    """A header field as people read it, and as it is ``written`` in the message, on one line."""

    name: str
    value: str
    written: str


@dataclass(frozen=True)
class Proof:
    """An edition as one reader gets it, made by the same parts as the message that is mailed.

    ``missing`` is why this reader would be skipped, or None.
    """

    message: Message
    missing: MissingValue | None

    @cached_property
    def html(self) -> str:
        """The HTML with this reader's values."""
        return self.message.composer.html(self.message)

    @cached_property
    def text(self) -> str:
        """The plain text with this reader's values."""
        return self.message.composer.text(self.message)

    @cached_property
    def subject(self) -> str:
        """The subject with this reader's values."""
        return self.message.composer.subject(self.message)

    @cached_property
    def preheader(self) -> str:
        """What an inbox shows after the subject."""
        edition = self.message.composer.edition
        pieces = split(edition.preheader, edition, Context.TEXT)
        return " ".join(render(pieces, dict(self.message.values)).split())

    @cached_property
    def snippet(self) -> str:
        """What an inbox shows after the subject: the preheader, or the first words if there is none."""
        return snippet(self.html)

    @cached_property
    def bytes(self) -> bytes:
        """The message as it would be handed to a provider."""
        return self.message.as_bytes()

    @property
    def headers(self) -> list[HeaderField]:
        """The header fields in their order."""
        head = self.bytes.partition(b"\r\n\r\n")[0].decode("ascii", "replace")
        fields = re.sub(r"\r\n(?=[ \t])", "", head).split("\r\n")
        pairs = (field.partition(":")[::2] for field in fields)
        return [HeaderField(name, _decoded(value.strip()), value.strip()) for name, value in pairs]

    @property
    def weight(self) -> int:
        """The size of the HTML in bytes, which decides whether Gmail cuts it off; tracking comes on top."""
        return len(self.html.encode())

    @property
    def words(self) -> int:
        """About how many words the text has, web addresses not counted."""
        return len(re.findall(r"\w[\w'’-]*", re.sub(r"https?://\S+", "", self.text)))


def _decoded(value: str) -> str:
    """A header's value with its encoded words read (RFC 2047)."""
    return str(make_header(decode_header(value))) if "=?" in value else value


def prove(
    edition: Edition,
    images: Mapping[str, bytes],
    publication: PublicationSettings,
    reader: Reader,
    timestamp: float,
) -> Proof:
    """Make the message that *reader* would get of an edition.

    The links that belong to one subscriber are examples here: a proof is passed around, and nobody must be
    able to unsubscribe a reader with it.

    Args:
        edition: what is looked at.
        images: the bytes of the images that go with it, by name.
        publication: who it is from.
        reader: whom it is for.
        timestamp: its date, in seconds since the epoch.
    """
    composer = Composer(edition, Envelope.of(publication, edition.slug), images)
    links = example_links(publication.url, edition.slug)
    recipient = Recipient(reader.email, reader.name, reader.fields, links)
    delivery_id = f"proof-{edition.digest[:16]}"
    try:
        return Proof(composer.compose(recipient, delivery_id, timestamp), None)
    except MissingValue as missing:
        values = proof_values(edition, publication, reader)
        return Proof(Message(delivery_id, recipient, composer, values, timestamp), missing)


def proof_values(
    edition: Edition, publication: PublicationSettings, reader: Reader
) -> Mapping[str, str | bool]:
    """What the slots of an edition are in the proof for *reader*; no message is made for it.

    Raises:
        UnmailableError: no message can be made for this address.
    """
    ascii_address(reader.email)
    links = example_links(publication.url, edition.slug)
    return Evaluator(edition).values(reader.fields, links, missing=BLANK)
