"""The tables of the list: who is on it, what they chose, what they agreed to, and who must not be mailed."""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from subscribers.columns import JsonObject, RowId, UtcTime, now


class Status(StrEnum):
    """Whether a subscriber may be mailed; only ``active`` may."""

    #: Asked to receive, and may be mailed.
    ACTIVE = "active"
    #: Signed up, but has not confirmed it yet.
    PENDING = "pending"
    #: Left.
    UNSUBSCRIBED = "unsubscribed"
    #: The address does not take mail.
    BOUNCED = "bounced"
    #: Marked a message as unwanted.
    COMPLAINED = "complained"
    #: Asked to be forgotten; the row holds nothing personal any more.
    ERASED = "erased"


class ConsentKind(StrEnum):
    """What happened between a subscriber and the publication, as the consent log keeps it."""

    #: The person asked to receive.
    OPT_IN = "opt_in"
    #: Somebody asked in a form for a topic in the person's name, who is on the list; it gives no consent.
    REQUESTED = "requested"
    #: The person confirmed by the link in a message that it was them.
    CONFIRMED = "confirmed"
    #: The publication added the person, on a consent given elsewhere.
    ADDED = "added"
    #: As ``added``, from a file.
    IMPORTED = "imported"
    #: The person left.
    OPTED_OUT = "opted_out"
    #: The address was found not to take mail.
    BOUNCED = "bounced"
    #: The person's mail service reported a complaint.
    COMPLAINED = "complained"
    #: The publication forbade mailing the address.
    SUPPRESSED = "suppressed"
    #: The person wants no mail until a day.
    PAUSED = "paused"
    #: The person ended the pause before that day.
    RESUMED = "resumed"
    #: A sign-up was not confirmed in time.
    EXPIRED = "expired"
    #: The person agreed that it is learned what they open and follow.
    TRACKING_ALLOWED = "tracking_allowed"
    #: The person does not want that.
    TRACKING_DENIED = "tracking_denied"
    #: What was known of the person was deleted.
    ERASED = "erased"


class TrackingConsent(StrEnum):
    """Whether it may be learned what a subscriber opens and which links they follow."""

    #: They never said.
    UNKNOWN = ""
    #: They agreed.
    GRANTED = "granted"
    #: They refused, or took their consent back.
    DENIED = "denied"


class SuppressionReason(StrEnum):
    """Why an address must not be mailed."""

    #: It does not take mail.
    BOUNCED = "bounced"
    #: Its owner complained.
    COMPLAINED = "complained"
    #: The publication says so; only the publication can lift it.
    MANUAL = "manual"
    #: Its owner asked to be forgotten.
    ERASED = "erased"


class SubscriptionState(StrEnum):
    """How a subscriber stands to a topic; only ``subscribed`` is mailed, and only that is a chosen topic."""

    #: Chose it.
    SUBSCRIBED = "subscribed"
    #: Chose it in a sign-up that is not confirmed yet.
    PENDING = "pending"
    #: Left it; no import and no editor brings them back, only their own choice.
    LEFT = "left"


class KeyPurpose(StrEnum):
    """What a secret key is for."""

    #: Signs the links in messages.
    LINKS = "links"
    #: Signs the return paths of messages.
    BOUNCES = "bounces"
    #: Hashes addresses in the suppression table; it can never be replaced.
    SUPPRESSION = "suppression"
    #: Signs what forms have in them, and hashes what is counted against floods.
    FORMS = "forms"


def new_public_id() -> str:
    """A name for a subscriber that tells nothing and cannot be guessed: 128 random bits, 22 characters."""
    return secrets.token_urlsafe(16)


class Subscriber(SQLModel, table=True):
    """A person on the list.

    ``email`` is the address as mail is sent to it and ``email_key`` the form by which it is compared. Text
    that is not known is empty; ``attributes`` holds only values that are known. ``time_zone`` is a name of
    the IANA database; until ``paused_until`` there is no mail. ``tracking_consent`` is a
    `TrackingConsent`.
    """

    __tablename__ = "subscriber"
    __table_args__ = (Index(None, "status"),)

    id: int | None = Field(default=None, sa_column=Column(RowId, primary_key=True))
    public_id: str = Field(default_factory=new_public_id, sa_column=Column(Text, nullable=False, unique=True))
    email: str = Field(sa_column=Column(Text, nullable=False))
    email_key: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    # The keyed hash of email_key stands here too, so that one join with the suppression table answers for a
    # whole audience; without it, planning a million deliveries would compute a million hashes in Python.
    suppression_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    first_name: str = Field(default="", sa_column=Column(Text, nullable=False))
    last_name: str = Field(default="", sa_column=Column(Text, nullable=False))
    locale: str = Field(default="", sa_column=Column(Text, nullable=False))
    time_zone: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    status: str = Field(default=Status.ACTIVE, sa_column=Column(Text, nullable=False))
    paused_until: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    tracking_consent: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    attributes: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JsonObject, nullable=False))
    created_at: datetime = Field(default_factory=now, sa_column=Column(UtcTime, nullable=False))
    updated_at: datetime = Field(default_factory=now, sa_column=Column(UtcTime, nullable=False))


class AttributeName(SQLModel, table=True):
    """A name under which attributes are kept; known, so that no one must look through all rows."""

    __tablename__ = "attribute_name"

    name: str = Field(sa_column=Column(Text, primary_key=True))


class Tag(SQLModel, table=True):
    """A mark that the publication puts on subscribers."""

    __tablename__ = "tag"

    id: int | None = Field(default=None, sa_column=Column(RowId, primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))


class SubscriberTag(SQLModel, table=True):
    """A subscriber bears a tag."""

    __tablename__ = "subscriber_tag"
    __table_args__ = {"sqlite_with_rowid": False}

    tag_id: int = Field(sa_column=Column(RowId, ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True))
    subscriber_id: int = Field(
        sa_column=Column(RowId, ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True, index=True)
    )


class Topic(SQLModel, table=True):
    """Something a subscriber chooses to receive."""

    __tablename__ = "topic"

    id: int | None = Field(default=None, sa_column=Column(RowId, primary_key=True))
    slug: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    name: str = Field(default="", sa_column=Column(Text, nullable=False))


class Subscription(SQLModel, table=True):
    """A subscriber chose a topic, or left it; ``since`` is when."""

    __tablename__ = "subscription"
    __table_args__ = {"sqlite_with_rowid": False}

    topic_id: int = Field(
        sa_column=Column(RowId, ForeignKey("topic.id", ondelete="CASCADE"), primary_key=True)
    )
    subscriber_id: int = Field(
        sa_column=Column(RowId, ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True, index=True)
    )
    state: str = Field(
        default=SubscriptionState.SUBSCRIBED,
        sa_column=Column(Text, nullable=False, server_default=SubscriptionState.SUBSCRIBED.value),
    )
    since: datetime = Field(default_factory=now, sa_column=Column(UtcTime, nullable=False))


class ConsentEvent(SQLModel, table=True):
    """One line of the consent log, which is only ever added to.

    ``text`` is what the person was shown, ``text_version`` the publication's name for that text, ``topic``
    the one that it is about (empty: all), and ``status`` what the subscriber is from this line on (empty:
    what they were). A trigger refuses to change or delete a line; of who was erased, ``source``, ``text``,
    ``ip`` and ``user_agent`` may be emptied. Another refuses a status that no line tells.
    """

    __tablename__ = "consent_event"

    id: int | None = Field(default=None, sa_column=Column(RowId, primary_key=True))
    subscriber_id: int = Field(
        sa_column=Column(RowId, ForeignKey("subscriber.id", ondelete="CASCADE"), nullable=False, index=True)
    )
    kind: str = Field(sa_column=Column(Text, nullable=False))
    source: str = Field(default="", sa_column=Column(Text, nullable=False))
    text: str = Field(default="", sa_column=Column(Text, nullable=False))
    ip: str = Field(default="", sa_column=Column(Text, nullable=False))
    user_agent: str = Field(default="", sa_column=Column(Text, nullable=False))
    text_version: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    topic: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    status: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    at: datetime = Field(default_factory=now, sa_column=Column(UtcTime, nullable=False))


class Suppression(SQLModel, table=True):
    """An address that must not be mailed, as a keyed hash, kept when the person is erased.

    ``scope`` is ``all``, or ``topic:`` and the topic that it is about.
    """

    __tablename__ = "suppression"
    __table_args__ = {"sqlite_with_rowid": False}

    key: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    scope: str = Field(default="all", sa_column=Column(Text, primary_key=True, server_default="all"))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = Field(default_factory=now, sa_column=Column(UtcTime, nullable=False))


class SavedSegment(SQLModel, table=True):
    """A named expression over subscribers."""

    __tablename__ = "segment"

    name: str = Field(sa_column=Column(Text, primary_key=True))
    expression: str = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(default_factory=now, sa_column=Column(UtcTime, nullable=False))


class SigningKey(SQLModel, table=True):
    """A secret of the publication; of those for one purpose the newest signs and all are believed."""

    __tablename__ = "signing_key"
    __table_args__ = (UniqueConstraint("purpose", "generation"),)

    id: int | None = Field(default=None, sa_column=Column(RowId, primary_key=True))
    purpose: str = Field(sa_column=Column(Text, nullable=False))
    generation: int = Field(default=1, sa_column=Column(RowId, nullable=False))
    secret: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = Field(default_factory=now, sa_column=Column(UtcTime, nullable=False))
