"""Profiles: all that is known of a subscriber, read-only, for people and pages to look at."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from subscribers.consent import ConsentRecord
from subscribers.models import ConsentKind, Status, SubscriptionState, TrackingConsent
from subscribers.tables import CONSENT_EVENT, SUBSCRIBER, TAGS
from subscribers.topics import states_of
from subscribers.words import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy import ColumnElement, Connection, Row

    from subscribers.attributes import Value

#: What a line of the log says beside its kind.
_SAID = ("source", "text", "ip", "user_agent", "text_version", "topic", "status", "at")


@dataclass(frozen=True)
class Profile:
    """A subscriber as of one moment; ``consent`` is the log, the oldest line first.

    ``topics`` are those that they chose and ``left_topics`` those that they left; ``tracking`` is whether it
    may be learned what they open and follow.
    """

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
    time_zone: str = ""
    paused_until: datetime | None = None
    left_topics: tuple[str, ...] = ()
    tracking: TrackingConsent = TrackingConsent.UNKNOWN

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
    tags, topics = words_of(connection, TAGS, ids), states_of(connection, ids)
    consent = _consent_of(connection, ids)
    return tuple(
        _profile(row, tags.get(row.id, ()), topics.get(row.id, {}), consent.get(row.id, ())) for row in rows
    )


def _profile(
    row: Row[Any],
    tags: Sequence[str],
    topics: Mapping[str, SubscriptionState],
    consent: Sequence[ConsentRecord],
) -> Profile:
    chosen, left = SubscriptionState.SUBSCRIBED, SubscriptionState.LEFT
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
        topics=tuple(slug for slug, state in topics.items() if state is chosen),
        attributes=row.attributes,
        consent=tuple(consent),
        time_zone=row.time_zone,
        paused_until=row.paused_until,
        left_topics=tuple(slug for slug, state in topics.items() if state is left),
        tracking=TrackingConsent(row.tracking_consent),
    )


def _consent_of(connection: Connection, ids: Sequence[int]) -> dict[int, list[ConsentRecord]]:
    columns = CONSENT_EVENT.c
    rows = connection.execute(
        select(CONSENT_EVENT).where(columns.subscriber_id.in_(ids)).order_by(columns.at, columns.id)
    )
    found: defaultdict[int, list[ConsentRecord]] = defaultdict(list)
    for row in rows:
        said = {name: getattr(row, name) for name in _SAID}
        found[row.subscriber_id].append(ConsentRecord(ConsentKind(row.kind), **said))
    return found
