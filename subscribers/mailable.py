"""The list as delivery reads it: who might be mailed, what stands in the way, and what a message may say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, bindparam, case, cast, func, literal, null, select

from subscribers.columns import UtcTime, now
from subscribers.models import Status, SubscriptionState
from subscribers.prepared import Prepared
from subscribers.suppression import ALL, scope_of
from subscribers.tables import SUBSCRIBER, SUPPRESSION, TAGS, TOPICS, among_given, are_dense, given, pages
from subscribers.words import words_of

if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, FromClause

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


def _barrier(topic: str, at: datetime | ColumnElement[datetime]) -> ColumnElement[str | None]:
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


class Addressee(Mapping[str, object]):
    """Somebody a message is for, as of now, and all that is known of them, read when somebody looks.

    As a mapping it is what merge tags and segments may ask: email, first_name, last_name, name, locale,
    time_zone, status, joined (a date), tags and topics (lists, perhaps empty), and the attributes; what is
    not known is absent.
    """

    __slots__ = ("_known", "_row", "_tags", "_topics", "barrier", "email", "id", "public_id")

    def __init__(self, row: Sequence[Any], tags: Sequence[str] = (), topics: Sequence[str] = ()) -> None:
        self._row = row
        self._tags = tags
        self._topics = topics
        self._known: dict[str, object] | None = None
        #: The subscriber's id.
        self.id: int = row[0]
        #: The name by which links know them.
        self.public_id: str = row[1]
        #: The address that mail is sent to.
        self.email: str = row[2]
        #: Why they must not be mailed, as `Candidate` has it; None if they may.
        self.barrier: str | None = row[10]

    @property
    def fields(self) -> Mapping[str, object]:
        """What is known of them, to be handed on."""
        return self

    @property
    def name(self) -> str:
        """First and last name, as far as they are known; or else nothing."""
        row = self._row
        return f"{row[3]} {row[4]}".strip() or str(self.get("name", ""))

    def __getitem__(self, name: str) -> object:
        return (self._known or self._look())[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known or self._look())

    def __len__(self) -> int:
        return len(self._known or self._look())

    def items(self) -> ItemsView[str, object]:
        """Names and values."""
        return (self._known or self._look()).items()

    def _look(self) -> dict[str, object]:
        _, _, email, first, last, locale, time_zone, status, joined, attributes, _ = self._row
        known: dict[str, object] = json.loads(attributes)
        for name, value in (
            ("email", email),
            ("first_name", first),
            ("last_name", last),
            ("name", f"{first} {last}".strip()),
            ("locale", locale),
            ("time_zone", time_zone),
            ("status", status),
        ):
            if value:
                known[name] = value
        known["joined"] = date.fromisoformat(joined[:10])
        known["tags"], known["topics"] = list(self._tags), list(self._topics)
        self._known = known
        return known


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


@lru_cache(maxsize=64)
def _rows_among(dialect: str, topic: str, *, dense: bool) -> Prepared:
    """The rows of some subscribers.

    Times and attributes are read as the text that the database has: to parse them costs more than all the
    rest, and is done for those only of whom something is asked. The zone of a connection is always UTC.
    """
    columns = SUBSCRIBER.c
    return Prepared(
        select(
            columns.id,
            columns.public_id,
            columns.email,
            columns.first_name,
            columns.last_name,
            columns.locale,
            columns.time_zone,
            columns.status,
            cast(columns.created_at, Text),
            cast(columns.attributes, Text),
            _barrier(topic, bindparam("at", type_=UtcTime)),
        )
        .select_from(_with_barriers(topic))
        .where(among_given(dialect, columns.id, dense=dense))
    )


def addressees(
    connection: Connection, ids: Sequence[int], *, topic: str = "", at: datetime | None = None
) -> dict[int, Addressee]:
    """What is known now of the subscribers *ids*; whoever is no longer there is not in the result.

    *topic* and *at* are those of `candidates`.
    """
    if not ids:
        return {}
    dialect, dense = connection.dialect.name, are_dense(ids)
    parameters = {**given(dialect, ids, dense=dense), "at": at or now()}
    if not connection.in_transaction():
        connection.begin()  # for one view of the list; it ends with the connection
    rows = _rows_among(dialect, topic, dense=dense).run(connection, parameters).fetchall()
    if dense and max(ids) - min(ids) >= len(ids):
        wanted = set(ids)
        rows = [row for row in rows if row[0] in wanted]
    tags, topics = words_of(connection, TAGS, ids), words_of(connection, TOPICS, ids)
    if not tags and not topics:
        return {row[0]: Addressee(row) for row in rows}
    return {row[0]: Addressee(row, tags.get(row[0], ()), topics.get(row[0], ())) for row in rows}
