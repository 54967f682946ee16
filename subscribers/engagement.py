"""Engagement: what is learned of a message after it was handed over, kept once for each thing that happened.

Events come late, twice, and in any order: from webhooks, bounce messages and links that are followed. So rows
are only ever added, an event that is there already is left out, and no answer depends on their order.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import Boolean, Column, ForeignKey, Index, Text, UniqueConstraint, delete, select
from sqlmodel import Field, SQLModel

from subscribers.columns import RowId, UtcTime, now
from subscribers.models import Status
from subscribers.tables import SUBSCRIBER, insert

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Connection

#: So many events are looked up and written together; SQLite takes 32,766 values in one statement.
_EVENTS_AT_A_TIME = 5_000


class EventKind(StrEnum):
    """What happened to a message after its provider had accepted it."""

    #: The recipient's mail service took it.
    DELIVERED = "delivered"
    #: The recipient's mail service refused it.
    BOUNCED = "bounced"
    #: The recipient marked it as unwanted.
    COMPLAINED = "complained"
    #: Its images were loaded.
    OPENED = "opened"
    #: A link in it was followed.
    CLICKED = "clicked"
    #: The recipient left by it.
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one subscriber's message.

    ``provider`` and ``event_id`` tell it from all others, however often it is told. ``issue`` is the slug and
    ``dispatch`` the name, each empty where it is not known. ``at`` is when it happened, with a time zone.
    ``by_machine`` says that no person did it, but a proxy that loads all images, or a scanner that follows
    all links; ``machine`` is the rule that tells. ``url`` is the link of a click, and ``link`` its number in
    the edition, which no event of a provider has.
    """

    provider: str
    event_id: str
    kind: EventKind
    subscriber_id: int
    at: datetime
    issue: str = ""
    dispatch: str = ""
    by_machine: bool = False
    url: str = ""
    machine: str = ""
    link: int | None = None


class EngagementEvent(SQLModel, table=True):
    """An event as it is kept."""

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("provider", "event_id"),
        # Each answers its questions without looking at the rows: who did it with an issue, who since when.
        Index(None, "issue", "kind", "by_machine", "subscriber_id"),
        Index(None, "kind", "by_machine", "at", "subscriber_id"),
        Index(None, "subscriber_id"),
    )

    id: int | None = Field(default=None, sa_column=Column(RowId, primary_key=True))
    provider: str = Field(sa_column=Column(Text, nullable=False))
    event_id: str = Field(sa_column=Column(Text, nullable=False))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    subscriber_id: int = Field(
        sa_column=Column(RowId, ForeignKey("subscriber.id", ondelete="CASCADE"), nullable=False)
    )
    # Texts, not references: what happened stays true when an issue or a dispatch is removed.
    issue: str = Field(default="", sa_column=Column(Text, nullable=False))
    dispatch: str = Field(default="", sa_column=Column(Text, nullable=False))
    by_machine: bool = Field(default=False, sa_column=Column(Boolean, nullable=False))
    url: str = Field(default="", sa_column=Column(Text, nullable=False))
    machine: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    link: int | None = Field(default=None, sa_column=Column(RowId, nullable=True))
    at: datetime = Field(default_factory=now, sa_column=Column(UtcTime, nullable=False))


EVENT = SQLModel.metadata.tables["event"]


def record_events(connection: Connection, events: Iterable[Event]) -> list[Event]:
    """Record what happened, in the caller's transaction.

    Left out are events that are recorded already, and those of subscribers who are not on the list or were
    erased: nothing is to be learned of them any more.

    Returns:
        The events that were new.

    Raises:
        ValueError: a moment has no time zone, or an event no id.
    """
    told = {(event.provider, event.event_id): event for event in events}
    if any(event.at.tzinfo is None or not event.event_id for event in told.values()):
        raise ValueError("an event needs an id, and a moment with a time zone")
    # One order for all writers: two that record the same events at once may wait, but never for each other.
    keys = sorted(told)
    new: list[Event] = []
    for start in range(0, len(keys), _EVENTS_AT_A_TIME):
        new += _record(connection, [told[key] for key in keys[start : start + _EVENTS_AT_A_TIME]])
    return new


def _record(connection: Connection, events: Sequence[Event]) -> list[Event]:
    listed = SUBSCRIBER.c.id.in_({event.subscriber_id for event in events})
    known = set(
        connection.scalars(select(SUBSCRIBER.c.id).where(listed, SUBSCRIBER.c.status != Status.ERASED))
    )
    kept = {(event.provider, event.event_id): event for event in events if event.subscriber_id in known}
    if not kept:
        return []
    statement = insert(connection, EVENT).on_conflict_do_nothing()
    rows = connection.execute(
        statement.returning(EVENT.c.provider, EVENT.c.event_id), [asdict(event) for event in kept.values()]
    )
    return [kept[row.provider, row.event_id] for row in rows]


def events_of(connection: Connection, ids: Collection[int]) -> dict[int, list[Event]]:
    """All that happened with the messages of each of the subscribers *ids*, the oldest first."""
    columns = EVENT.c
    rows = connection.execute(
        select(EVENT).where(columns.subscriber_id.in_(ids)).order_by(columns.at, columns.id)
    )
    found: defaultdict[int, list[Event]] = defaultdict(list)
    for row in rows:
        event = Event(
            row.provider,
            row.event_id,
            EventKind(row.kind),
            row.subscriber_id,
            row.at,
            row.issue,
            row.dispatch,
            row.by_machine,
            row.url,
            row.machine,
            row.link,
        )
        found[row.subscriber_id].append(event)
    return found


def forget_events(connection: Connection, subscriber_id: int) -> None:
    """Delete what happened with the messages of one subscriber, who is being erased."""
    connection.execute(delete(EVENT).where(EVENT.c.subscriber_id == subscriber_id))
