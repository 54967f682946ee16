"""Who messages are from: what stands in the headers of every message of a dispatch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.config import split_mailbox
from newsletter.messages import headers

if TYPE_CHECKING:
    from newsletter.config import PublicationSettings
    from newsletter.messages.return_path import ReturnPath


@dataclass(frozen=True)
class Envelope:
    """What stands in the headers of every message of a dispatch, whoever it is for.

    ``subject_prefix`` marks test messages; ``feedback_id`` groups complaints at mailbox providers. What is
    ``automatic`` answers one person's wish, belongs to no list, and wants no automatic answer.
    """

    sender: str
    reply_to: str | None
    list_id: str
    feedback_id: str
    subject_prefix: str = ""
    #: Where bounces go, an address for each delivery; None: to the sender.
    bounces: ReturnPath | None = None
    automatic: bool = False

    @property
    def domain(self) -> str:
        """The domain that messages come from, as A-labels."""
        return headers.ascii_address(split_mailbox(self.sender)[1]).rpartition("@")[2]

    @classmethod
    def of(
        cls,
        publication: PublicationSettings,
        slug: str,
        *,
        test: bool = False,
        bounces: ReturnPath | None = None,
    ) -> Envelope:
        """The envelope of a publication's issue; a test message says so in its subject."""
        name, address = split_mailbox(publication.sender)
        domain = headers.ascii_address(address).rpartition("@")[2]
        label = "".join(
            ch if ch.isascii() and ch.isalnum() else "-" for ch in publication.name.lower()
        ).strip("-")
        # Gmail's Feedback-ID ends in an id of 5 to 15 characters that never changes.
        sender_id = f"{label or 'newsletter'}-news"[:15] if len(label) < 5 else label[:15]
        return cls(
            sender=publication.sender,
            reply_to=publication.reply_to,
            list_id=f"{headers.clean(name or publication.name)} <{label or 'newsletter'}.{domain}>",
            feedback_id=f"{slug}:{'test' if test else 'issue'}:{sender_id}",
            subject_prefix="[Test] " if test else "",
            bounces=bounces,
        )
