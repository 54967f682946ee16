"""Engagement: what is learned of a message after it was handed over, kept once for each thing that happened.

Events come late, twice, and in any order: from webhooks, bounce messages and links that are followed. So rows
are only ever added, an event that is there already is left out, and no answer depends on their order.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Boolean, Column, ForeignKey, Index, Text, UniqueConstraint, delete, select, text
from sqlmodel import Field, SQLModel

from subscribers.columns import RowId, UtcTime, now
from subscribers.models import Status
from subscribers.tables import SUBSCRIBER, among

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Connection, Row

#: So many events are looked up and written together; SQLite takes 32,766 values in one statement.
_EVENTS_AT_A_TIME = 5_000


class EventKind(StrEnum):
    """What happened to a message after it was handed over to its provider."""

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
    #: The provider took it, and will try to pass it on.
    PROCESSED = "processed"
    #: The recipient's mail service did not take it for now; the provider tries again.
    DEFERRED = "deferred"
    #: The provider took it and then did not pass it on.
    DROPPED = "dropped"


class Bounce(StrEnum):
    """What a refusal says of the address."""

    #: It will never take mail.
    HARD = "hard"
    #: It does not take mail now: a full mailbox, a server that is away.
    SOFT = "soft"
    #: Nothing: what was refused is what we send, or who we are.
    POLICY = "policy"
    #: Nothing: nobody proved that the message that tells of it is no forgery.
    UNPROVED = "unproved"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one subscriber's message.

    ``provider`` and ``event_id`` tell it from all others, however often it is told; and so do
    ``delivery_id``, if that is known, with ``kind``, ``at`` and ``url``: some providers give an event
    another name each time.
    ``issue`` is the slug and ``dispatch`` the name, each empty where it is not known. ``at`` is when it
    happened, with a time zone. ``by_machine`` says that no person did it, but a proxy that loads all images,
    or a scanner that follows all links; ``machine`` is the rule that tells. ``url`` is the link of a click,
    and ``link`` its number in the edition, which no event of a provider has. Of a refusal, ``code`` is the
    status code (``5.1.1``, ``550``), ``bounce`` what it says of the address and ``reason`` the server's own
    words.
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
    delivery_id: str = ""
    code: str = ""
    bounce: Bounce | Literal[""] = ""
    reason: str = ""


class EngagementEvent(SQLModel, table=True):
    """An event as it is kept."""

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("provider", "event_id"),
        Index(
            "uq_event_delivery_id_kind_at_url",
            "delivery_id",
            "kind",
            "at",
            "url",
            unique=True,
            sqlite_where=text("delivery_id <> ''"),
            postgresql_where=text("delivery_id <> ''"),
        ),
        # Each answers its questions without looking at the rows: who did it with an issue, who since when.
        Index(None, "issue", "kind", "by_machine", "subscriber_id"),
        Index(None, "kind", "by_machine", "at", "subscriber_id"),
        Index(None, "subscriber_id"),
        # What became of a dispatch.
        Index(None, "dispatch", "kind", "delivery_id"),
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
    delivery_id: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    code: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    bounce: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    reason: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    at: datetime = Field(default_factory=now, sa_column=Column(UtcTime, nullable=False))


EVENT = SQLModel.metadata.tables["event"]
_FIELDS = tuple(field.name for field in fields(Event))


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
    listed = among(connection, SUBSCRIBER.c.id, {event.subscriber_id for event in events})
    # Locked: whoever is being erased is waited for, or their erasure finds what is recorded here.
    people = select(SUBSCRIBER.c.id).where(listed, SUBSCRIBER.c.status != Status.ERASED)
    locked = people.order_by(SUBSCRIBER.c.id).with_for_update(read=True, key_share=True)
    known = set(connection.scalars(locked))
    kept = {(event.provider, event.event_id): event for event in events if event.subscriber_id in known}
    if not kept:
        return []
    dialect = connection.dialect.name
    told = json.dumps([_row(event, dialect) for event in kept.values()], ensure_ascii=False)
    rows = connection.exec_driver_sql(_insert(dialect), (told,)).all()
    return [kept[provider, event_id] for provider, event_id in rows]


def _row(event: Event, dialect: str) -> list[object]:
    """The values of an event in the order of `_FIELDS`, as JSON can have them."""
    at = event.at.astimezone(UTC)
    # A moment as SQLAlchemy writes it into SQLite.
    moment = at.replace(tzinfo=None).isoformat(" ", "microseconds") if dialect == "sqlite" else at.isoformat()
    return [moment if name == "at" else getattr(event, name) for name in _FIELDS]


@lru_cache(maxsize=2)
def _insert(dialect: str) -> str:
    """A statement that takes rows as one parameter, a JSON array of arrays, and leaves out what is there.

    As parameters of their own, the values would take longer than all that the database does with them.
    """
    columns = ", ".join(_FIELDS)
    if dialect == "sqlite":
        values = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(_FIELDS)))
        source = f"SELECT {values} FROM json_each(?) WHERE true"  # noqa: S608 - all of it is written above
    else:
        types = {"subscriber_id": "bigint", "by_machine": "boolean", "link": "bigint", "at": "timestamptz"}
        values = ", ".join(
            f"(e ->> {place})::{types.get(name, 'text')}" for place, name in enumerate(_FIELDS)
        )
        source = f"SELECT {values} FROM jsonb_array_elements(%s::jsonb) AS e"  # noqa: S608 - as above
    return f"INSERT INTO event ({columns}) {source} ON CONFLICT DO NOTHING RETURNING provider, event_id"


def events_of(connection: Connection, ids: Collection[int]) -> dict[int, list[Event]]:
    """All that happened with the messages of each of the subscribers *ids*, the oldest first."""
    columns = EVENT.c
    rows = connection.execute(
        select(EVENT).where(columns.subscriber_id.in_(ids)).order_by(columns.at, columns.id)
    )
    found: defaultdict[int, list[Event]] = defaultdict(list)
    for row in rows:
        found[row.subscriber_id].append(read_event(row))
    return found


def read_event(row: Row[Any]) -> Event:
    """An event out of a row of its table."""
    told = {name: getattr(row, name) for name in _FIELDS}
    bounce = Bounce(row.bounce) if row.bounce else ""
    return Event(**{**told, "kind": EventKind(row.kind), "bounce": bounce})


def forget_events(connection: Connection, subscriber_id: int) -> None:
    """Delete what happened with the messages of one subscriber, who is being erased."""
    connection.execute(delete(EVENT).where(EVENT.c.subscriber_id == subscriber_id))
