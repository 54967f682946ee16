"""The list as delivery reads it: who might be mailed, what stands in the way, and what a message may say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, case, func, literal, null, select

from subscribers.columns import now
from subscribers.models import Status, SubscriptionState
from subscribers.suppression import ALL, scope_of
from subscribers.tables import SUBSCRIBER, SUPPRESSION, TAGS, TOPICS, pages
from subscribers.words import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, FromClause, Row

    from subscribers.segments import Segment

_ROWS_AT_A_TIME = 500
# PostgreSQL's answer is fetched whole, some 20 MB: a cursor in the server would keep it to one processor.
_ANSWER_AT_ONCE = 200_000

#: The barriers beside the statuses: what stands in the way of an active subscriber.
SUPPRESSED = "suppressed"
PAUSED = "paused"
LEFT_TOPIC = "left the topic"
WITHOUT_TOPIC = "did not choose the topic"

_SUBSCRIPTION, _TOPIC, _OF_TOPIC = TOPICS.pairs, TOPICS.words, SUPPRESSION.alias("of_topic")


def _with_barriers(topic: str) -> FromClause:
    """The subscribers, with what may stand in the way of each.

    The keyed hash is kept on the subscriber's row, so that one join answers for a whole audience in one pass.
    """
    key = SUBSCRIBER.c.suppression_key
    joined = SUBSCRIBER.outerjoin(SUPPRESSION, and_(SUPPRESSION.c.key == key, SUPPRESSION.c.scope == ALL))
    if not topic:
        return joined
    number = select(_TOPIC.c.id).where(_TOPIC.c.slug == topic).scalar_subquery()
    mine = and_(_SUBSCRIPTION.c.topic_id == number, _SUBSCRIPTION.c.subscriber_id == SUBSCRIBER.c.id)
    scoped = and_(_OF_TOPIC.c.key == key, _OF_TOPIC.c.scope == scope_of(topic))
    return joined.outerjoin(_SUBSCRIPTION, mine).outerjoin(_OF_TOPIC, scoped)


def _barrier(topic: str, at: datetime) -> ColumnElement[str | None]:
    state = _SUBSCRIPTION.c.state
    of_topic = (
        (_OF_TOPIC.c.key.is_not(None), literal(SUPPRESSED, Text)),
        (state == SubscriptionState.LEFT, literal(LEFT_TOPIC, Text)),
        (func.coalesce(state, "") != SubscriptionState.SUBSCRIBED, literal(WITHOUT_TOPIC, Text)),
    )
    return case(
        (SUBSCRIBER.c.status != Status.ACTIVE, SUBSCRIBER.c.status),
        (SUPPRESSION.c.key.is_not(None), literal(SUPPRESSED, Text)),
        *(of_topic if topic else ()),
        (SUBSCRIBER.c.paused_until > at, literal(PAUSED, Text)),
        else_=null(),
    ).label("barrier")


#: Somebody a dispatch might be for: the id, and what bars them: a status, one of those above, or None.
#: A plain tuple, as the driver makes them: to give a million of them names would double what they cost.
Candidate = tuple[int, str | None]


@dataclass(frozen=True, slots=True)
class Addressee:
    """Somebody a message is for, as of now.

    ``fields`` is what merge tags and segments may ask: email, first_name, last_name, name, locale, time_zone,
    status, joined (a date), tags and topics (lists, perhaps empty), and the attributes; what is not known is
    absent.
    """

    id: int
    public_id: str
    email: str
    fields: Mapping[str, object]
    barrier: str | None


def candidates(
    connection: Connection, segment: Segment | None, *, topic: str = "", at: datetime | None = None
) -> Iterator[Candidate]:
    """Everybody in *segment* (None: on the list) in the order of their ids, those with a barrier too.

    Whoever did not choose the *topic* that the mail is about, or is paused at the moment *at* (None: now),
    has a barrier.
    """
    query = select(SUBSCRIBER.c.id, _barrier(topic, at or now()))
    query = query.select_from(_with_barriers(topic)).order_by(SUBSCRIBER.c.id)
    if segment is not None:
        query = query.where(segment.clause())
    at_once = _ANSWER_AT_ONCE if connection.dialect.name == "postgresql" else None
    last = 0
    while True:
        count = 0
        following = query.where(SUBSCRIBER.c.id > last).limit(at_once)
        for page in pages(connection, following, _ROWS_AT_A_TIME):
            count, last = count + len(page), page[-1][0]
            yield from page
        if at_once is None or count < at_once:
            return


def addressees(
    connection: Connection, ids: Sequence[int], *, topic: str = "", at: datetime | None = None
) -> dict[int, Addressee]:
    """What is known now of the subscribers *ids*; whoever is no longer there is not in the result.

    *topic* and *at* are those of `candidates`.
    """
    if not ids:
        return {}
    columns = SUBSCRIBER.c
    rows: Sequence[Row[Any]] = connection.execute(
        select(
            columns.id,
            columns.public_id,
            columns.email,
            columns.first_name,
            columns.last_name,
            columns.locale,
            columns.time_zone,
            columns.status,
            columns.created_at,
            columns.attributes,
            _barrier(topic, at or now()),
        )
        .select_from(_with_barriers(topic))
        .where(columns.id.in_(ids))
    ).all()
    tags, topics = words_of(connection, TAGS, ids), words_of(connection, TOPICS, ids)
    return {
        row.id: Addressee(
            row.id,
            row.public_id,
            row.email,
            _fields(row, tags.get(row.id, []), topics.get(row.id, [])),
            row.barrier,
        )
        for row in rows
    }


def _fields(row: Row[Any], tags: list[str], topics: list[str]) -> dict[str, object]:
    fields: dict[str, object] = {
        "email": row.email,
        "first_name": row.first_name,
        "last_name": row.last_name,
        "name": f"{row.first_name} {row.last_name}".strip(),
        "locale": row.locale,
        "time_zone": row.time_zone,
        "status": row.status,
    }
    known = {name: value for name, value in fields.items() if value}
    return {**row.attributes, **known, "joined": row.created_at.date(), "tags": tags, "topics": topics}
