"""Profiles: all that is known of a subscriber, read-only, for people and pages to look at."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from subscribers.consent import ConsentRecord
from subscribers.models import ConsentKind, Status
from subscribers.tables import CONSENT_EVENT, SUBSCRIBER, TAGS, TOPICS
from subscribers.words import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy import ColumnElement, Connection, Row

    from subscribers.attributes import Value


@dataclass(frozen=True)
class Profile:
    """A subscriber as of one moment; ``consent`` is the log, the oldest line first."""

    id: int
    public_id: str
    email: str
    first_name: str
    last_name: str
    locale: str
    status: Status
    created_at: datetime
    tags: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    attributes: Mapping[str, Value] = field(default_factory=dict)
    consent: tuple[ConsentRecord, ...] = ()

    @property
    def name(self) -> str:
        """First and last name, as far as they are known."""
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def joined(self) -> date:
        """The day, in UTC, since which the subscriber is on the list."""
        return self.created_at.date()


def read_profiles(
    connection: Connection, where: ColumnElement[bool], *, limit: int, order_by: str = "id"
) -> tuple[Profile, ...]:
    """The profiles of those for whom *where* is true, at most *limit*; always four queries."""
    rows = connection.execute(
        select(SUBSCRIBER).where(where).order_by(SUBSCRIBER.c[order_by]).limit(limit)
    ).all()
    ids = [row.id for row in rows]
    tags, topics = words_of(connection, TAGS, ids), words_of(connection, TOPICS, ids)
    consent = _consent_of(connection, ids)
    return tuple(
        _profile(row, tags.get(row.id, ()), topics.get(row.id, ()), consent.get(row.id, ())) for row in rows
    )


def _profile(
    row: Row[Any], tags: Sequence[str], topics: Sequence[str], consent: Sequence[ConsentRecord]
) -> Profile:
    return Profile(
        id=row.id,
        public_id=row.public_id,
        email=row.email,
        first_name=row.first_name,
        last_name=row.last_name,
        locale=row.locale,
        status=Status(row.status),
        created_at=row.created_at,
        tags=tuple(tags),
        topics=tuple(topics),
        attributes=row.attributes,
        consent=tuple(consent),
    )


def _consent_of(connection: Connection, ids: Sequence[int]) -> dict[int, list[ConsentRecord]]:
    columns = CONSENT_EVENT.c
    rows = connection.execute(
        select(CONSENT_EVENT).where(columns.subscriber_id.in_(ids)).order_by(columns.at, columns.id)
    )
    found: defaultdict[int, list[ConsentRecord]] = defaultdict(list)
    for row in rows:
        line = ConsentRecord(ConsentKind(row.kind), row.source, row.text, row.ip, row.user_agent, row.at)
        found[row.subscriber_id].append(line)
    return found
