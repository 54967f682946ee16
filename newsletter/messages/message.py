"""What a Message is: the bytes for one recipient, made only when a provider asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from newsletter.errors import NewsletterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsletter.messages.composer import Composer


class UnmailableError(NewsletterError):
    """No correct message can be made for this recipient."""


class Recipient(NamedTuple):
    """Whom a message is for: the address, and what merge tags may say of ``subscriber`` and ``links``."""

    email: str
    name: str
    fields: Mapping[str, object]
    links: Mapping[str, str] = MappingProxyType({})


@dataclass(slots=True)
class Message:
    """One recipient's mail: an edition, the values of its slots, and its own headers.

    ``batch`` is the number of the dispatch's batch that it belongs to; 0 outside the ledger. ``tracked``
    says that its links bear marks, which are among the values.
    """

    delivery_id: str
    recipient: Recipient
    composer: Composer
    values: Mapping[str, str | bool]
    timestamp: float
    batch: int = 0
    tracked: bool = False

    @property
    def email(self) -> str:
        """The address of the envelope and of the To header."""
        return self.recipient.email

    @property
    def return_path(self) -> str:
        """Where a bounce of this message goes, if the publication has it told apart; else empty."""
        bounces = self.composer.envelope.bounces
        return bounces.address(self.delivery_id) if bounces else ""

    def as_bytes(self) -> bytes:
        """The whole message as RFC 5322 bytes with CRLF line ends, ready for SMTP DATA or a file."""
        return b"".join(self.composer.splice(self))

    def pieces(self) -> list[bytes]:
        """The same in pieces; those that everybody gets are the same objects in each message."""
        return self.composer.splice(self)
