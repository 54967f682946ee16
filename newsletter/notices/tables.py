"""The tables of notices and of what is allowed: what is to be mailed to whom, and how often one may ask."""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, ForeignKey, Index, Text
from sqlmodel import Field, SQLModel

from subscribers.columns import RowId, UtcTime


class NoticeKind(StrEnum):
    """What a notice is about; each answers something that a reader asked for on a page."""

    #: Somebody entered the address into the sign-up form: confirm that it was you.
    CONFIRM = "confirm"
    #: The same, but the address is on the list already.
    ALREADY = "already"
    #: The same, and there are topics among what was ticked that they do not have: confirm that it was you.
    TOPICS = "topics"
    #: The link to one's own preferences.
    PREFERENCES = "preferences"
    #: The link to a copy of one's own data.
    DATA = "data"
    #: The link by which one is forgotten.
    ERASURE = "erasure"


class NoticeState(StrEnum):
    """What came of a notice, in the words of deliveries; the first two are on their way."""

    WAITING = "waiting"
    #: Handed to the provider from now on; known before the first byte leaves.
    CALLING = "calling"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNCERTAIN = "uncertain"


def new_name() -> str:
    """A name for a notice that nobody can guess: 24 letters, as deliveries have."""
    return "".join(secrets.choice("abcdefghijklmnop") for _ in range(24))


class Notice(SQLModel, table=True):
    """One notice to one subscriber; the address is looked up when it leaves, and in no notice.

    ``name`` is in its Message-ID, ``ready_at`` before which it is not tried, ``until`` when the link in it
    ends and with it all use in trying, ``worker`` who calls the provider since ``called_at``.
    """

    __tablename__ = "notice"
    __table_args__ = (
        Index("ix_notice_state_ready_at", "state", "ready_at"),
        Index("ix_notice_subscriber_id_kind", "subscriber_id", "kind"),
    )

    id: int | None = Field(default=None, sa_column=Column(RowId, primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    kind: NoticeKind = Field(sa_column=Column(Text, nullable=False))
    subscriber_id: int = Field(sa_column=Column(RowId, ForeignKey("subscriber.id"), nullable=False))
    language: str = Field(sa_column=Column(Text, nullable=False))
    state: NoticeState = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    ready_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    until: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    attempts: int = Field(default=0, sa_column=Column(RowId, nullable=False))
    worker: str = Field(default="", sa_column=Column(Text, nullable=False))
    called_at: datetime | None = Field(default=None, sa_column=Column(UtcTime))
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    provider_id: str = Field(default="", sa_column=Column(Text, nullable=False))


class Allowance(SQLModel, table=True):
    """How often something was asked for in a span that ``ends``; ``name`` is a keyed hash of what it was."""

    __tablename__ = "allowance"
    __table_args__ = (Index("ix_allowance_ends", "ends"), {"sqlite_with_rowid": False})

    name: str = Field(sa_column=Column(Text, primary_key=True))
    ends: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    count: int = Field(sa_column=Column(RowId, nullable=False))


_TABLES = SQLModel.metadata.tables
NOTICE = _TABLES["notice"]
ALLOWANCE = _TABLES["allowance"]
