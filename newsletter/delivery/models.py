"""The tables of the ledger: what was planned for whom, who holds it, and what came of it.

A recipient of a dispatch is at any time in exactly one place: in the ``ids`` of one batch, or in one row of
``delivery``. So ``dispatch.planned = rows of delivery + ids in batches`` always holds.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Boolean, Column, ForeignKey, Index, LargeBinary, Text, text, true
from sqlmodel import Field, SQLModel

from subscribers.columns import RowId, UtcTime, now


class DispatchState(StrEnum):
    """Where a dispatch stands."""

    #: Its audience and edition are frozen; nobody was mailed yet.
    PLANNED = "planned"
    #: Its batches may be claimed.
    RUNNING = "running"
    #: Its batches may not be claimed until it is resumed.
    PAUSED = "paused"
    #: Every recipient has an outcome.
    FINISHED = "finished"
    #: Given up; recipients who were not tried are recorded as skipped.
    CANCELLED = "cancelled"


class BatchState(StrEnum):
    """Who holds a batch."""

    #: Nobody; it may be claimed from ``ready_at`` on.
    READY = "ready"
    #: The worker whose name it bears, until ``lease_until``.
    LEASED = "leased"
    #: All its recipients have outcomes.
    DONE = "done"


class DeliveryState(StrEnum):
    """What came of one recipient."""

    #: The provider took responsibility for the message.
    ACCEPTED = "accepted"
    #: The provider refused it for good.
    REJECTED = "rejected"
    #: Not taken for now, and the tries are exhausted.
    FAILED = "failed"
    #: Not tried, for a reason of ours.
    SKIPPED = "skipped"
    #: Handed over, but the answer was lost; never tried again on its own.
    UNCERTAIN = "uncertain"


#: What the index of those in doubt has; written out, since a value that is bound would not find it.
IN_DOUBT = text(f"state = '{DeliveryState.UNCERTAIN}'")


class Dispatch(SQLModel, table=True):
    """One sending of one edition to one audience. ``edition`` is the edition's JSON, frozen.

    ``audience`` says in words who was meant and ``audience_key`` as an expression; ``topic`` is the one that
    it is about, if any. ``secret`` is the key from which delivery ids are made. ``schedule`` says for when it
    was planned (nothing: at once), and ``halted`` why the program paused it by itself. ``archived`` says
    whether the archive shows the issue to everybody.
    """

    __tablename__ = "dispatch"
    __table_args__ = (Index(None, "slug"), Index(None, "state", "created_at"))

    id: int | None = Field(default=None, sa_column=Column(RowId, primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    slug: str = Field(sa_column=Column(Text, nullable=False))
    digest: str = Field(sa_column=Column(Text, nullable=False))
    edition: str = Field(sa_column=Column(Text, nullable=False))
    audience: str = Field(sa_column=Column(Text, nullable=False))
    audience_key: str = Field(sa_column=Column(Text, nullable=False))
    topic: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    provider: str = Field(sa_column=Column(Text, nullable=False))
    sender: str = Field(sa_column=Column(Text, nullable=False))
    secret: bytes = Field(
        default_factory=lambda: secrets.token_bytes(32), sa_column=Column(LargeBinary, nullable=False)
    )
    state: str = Field(default=DispatchState.PLANNED, sa_column=Column(Text, nullable=False))
    candidates: int = Field(default=0, sa_column=Column(RowId, nullable=False))
    planned: int = Field(default=0, sa_column=Column(RowId, nullable=False))
    schedule: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    halted: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    archived: bool = Field(default=True, sa_column=Column(Boolean, nullable=False, server_default=true()))
    created_at: datetime = Field(default_factory=now, sa_column=Column(UtcTime, nullable=False))
    finished_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))


class Exclusion(SQLModel, table=True):
    """How many candidates of a dispatch were not planned, for one reason."""

    __tablename__ = "exclusion"
    __table_args__ = {"sqlite_with_rowid": False}

    dispatch_id: int = Field(sa_column=Column(RowId, ForeignKey("dispatch.id"), primary_key=True))
    reason: str = Field(sa_column=Column(Text, primary_key=True))
    count: int = Field(sa_column=Column(RowId, nullable=False))


class Batch(SQLModel, table=True):
    """Recipients of a dispatch who are claimed and recorded together.

    ``ids`` is a JSON list of the recipients without an outcome, ``pending`` its length. The first ``called``
    of them may have been handed over; the others were not, provably. ``tries`` is a JSON object: how often a
    recipient was deferred. ``attempt`` counts claims and fences: only who claimed last may write. ``lane`` is
    the domain of all its recipients, if that has a rate of its own.
    """

    __tablename__ = "batch"
    __table_args__ = (Index(None, "dispatch_id", "state", "number"),)

    dispatch_id: int = Field(sa_column=Column(RowId, ForeignKey("dispatch.id"), primary_key=True))
    number: int = Field(sa_column=Column(RowId, primary_key=True, autoincrement=False))
    ids: str = Field(sa_column=Column(Text, nullable=False))
    pending: int = Field(sa_column=Column(RowId, nullable=False))
    called: int = Field(default=0, sa_column=Column(RowId, nullable=False))
    tries: str = Field(default="{}", sa_column=Column(Text, nullable=False))
    state: str = Field(default=BatchState.READY, sa_column=Column(Text, nullable=False))
    attempt: int = Field(default=0, sa_column=Column(RowId, nullable=False))
    worker: str = Field(default="", sa_column=Column(Text, nullable=False))
    lane: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    lease_until: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    ready_at: datetime = Field(default_factory=now, sa_column=Column(UtcTime, nullable=False))


class Delivery(SQLModel, table=True):
    """One recipient's outcome in one dispatch, written once, when it is known."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index("ix_delivery_in_doubt", "dispatch_id", sqlite_where=IN_DOUBT, postgresql_where=IN_DOUBT),
        {"sqlite_with_rowid": False},
    )

    dispatch_id: int = Field(sa_column=Column(RowId, ForeignKey("dispatch.id"), primary_key=True))
    # No foreign key: what was done stays on record when the list forgets a person.
    subscriber_id: int = Field(sa_column=Column(RowId, primary_key=True, autoincrement=False))
    delivery_id: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    batch: int = Field(sa_column=Column(RowId, nullable=False))
    state: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    provider_id: str = Field(default="", sa_column=Column(Text, nullable=False))
    attempts: int = Field(sa_column=Column(RowId, nullable=False))
    at: datetime = Field(default_factory=now, sa_column=Column(UtcTime, nullable=False))


class Settlement(SQLModel, table=True):
    """A note that an outcome was changed by a person afterwards: from what, to what, and why."""

    __tablename__ = "settlement"
    __table_args__ = (Index(None, "dispatch_id"),)

    id: int | None = Field(default=None, sa_column=Column(RowId, primary_key=True))
    dispatch_id: int = Field(sa_column=Column(RowId, ForeignKey("dispatch.id"), nullable=False))
    subscriber_id: int = Field(sa_column=Column(RowId, nullable=False))
    before: str = Field(sa_column=Column(Text, nullable=False))
    after: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    at: datetime = Field(default_factory=now, sa_column=Column(UtcTime, nullable=False))


_TABLES = SQLModel.metadata.tables
DISPATCH = _TABLES["dispatch"]
EXCLUSION = _TABLES["exclusion"]
BATCH = _TABLES["batch"]
DELIVERY = _TABLES["delivery"]
SETTLEMENT = _TABLES["settlement"]
