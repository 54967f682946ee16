"""The list as delivery reads it: who might be mailed, what stands in the way, and what a message may say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, case, literal, null, select

from subscribers.models import Status
from subscribers.tables import SUBSCRIBER, SUPPRESSION, TAGS, TOPICS, pages
from subscribers.words import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Row

    from subscribers.segments import Segment

_ROWS_AT_A_TIME = 500
# PostgreSQL's answer is fetched whole, some 20 MB: a cursor in the server would keep it to one processor.
_ANSWER_AT_ONCE = 200_000

# The keyed hash is kept on the subscriber's row, so this join answers for a whole audience in one pass.
_WITH_SUPPRESSION = SUBSCRIBER.outerjoin(SUPPRESSION, SUPPRESSION.c.key == SUBSCRIBER.c.suppression_key)


def _barrier() -> ColumnElement[str | None]:
    return case(
        (SUBSCRIBER.c.status != Status.ACTIVE, SUBSCRIBER.c.status),
        (SUPPRESSION.c.key.is_not(None), literal("suppressed", Text)),
        else_=null(),
    ).label("barrier")


#: Somebody a dispatch might be for: the id, and what bars them: a status, ``suppressed``, or nothing (None).
#: A plain tuple, as the driver makes them: to give a million of them names would double what they cost.
Candidate = tuple[int, str | None]


@dataclass(frozen=True, slots=True)
class Addressee:
    """Somebody a message is for, as of now.

    ``fields`` is what merge tags and segments may ask: email, first_name, last_name, name, locale, status,
    joined (a date), tags and topics (lists, perhaps empty), and the attributes; what is not known is absent.
    """

    id: int
    public_id: str
    email: str
    fields: Mapping[str, object]
    barrier: str | None


def candidates(connection: Connection, segment: Segment | None) -> Iterator[Candidate]:
    """Everybody in *segment* (None: on the list) in the order of their ids, those with a barrier too."""
    query = select(SUBSCRIBER.c.id, _barrier()).select_from(_WITH_SUPPRESSION).order_by(SUBSCRIBER.c.id)
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


def addressees(connection: Connection, ids: Sequence[int]) -> dict[int, Addressee]:
    """What is known now of the subscribers *ids*; whoever is no longer there is not in the result."""
    if not ids:
        return {}
    columns = SUBSCRIBER.c
    rows = connection.execute(
        select(
            columns.id,
            columns.public_id,
            columns.email,
            columns.first_name,
            columns.last_name,
            columns.locale,
            columns.status,
            columns.created_at,
            columns.attributes,
            _barrier(),
        )
        .select_from(_WITH_SUPPRESSION)
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
        "status": row.status,
    }
    known = {name: value for name, value in fields.items() if value}
    return {**row.attributes, **known, "joined": row.created_at.date(), "tags": tags, "topics": topics}
