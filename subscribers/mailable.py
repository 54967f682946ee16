"""The list as delivery reads it: who might be mailed, what stands in the way, and what a message may say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Text, case, literal, null, select

from subscribers.models import Status
from subscribers.tables import SUBSCRIBER, SUPPRESSION, TAGS, TOPICS, pages
from subscribers.words import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Row

    from subscribers.segments import Segment

_ROWS_AT_A_TIME = 5_000

# The keyed hash is kept on the subscriber's row, so this join answers for a whole audience in one pass.
_WITH_SUPPRESSION = SUBSCRIBER.outerjoin(SUPPRESSION, SUPPRESSION.c.key == SUBSCRIBER.c.suppression_key)


def _barrier() -> ColumnElement[str | None]:
    return case(
        (SUBSCRIBER.c.status != Status.ACTIVE, SUBSCRIBER.c.status),
        (SUPPRESSION.c.key.is_not(None), literal("suppressed", Text)),
        else_=null(),
    ).label("barrier")


class Candidate(NamedTuple):
    """Somebody a dispatch might be for; ``barrier`` says why not: a status, or ``suppressed``."""

    id: int
    email_key: str
    barrier: str | None


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
    query = select(SUBSCRIBER.c.id, SUBSCRIBER.c.email_key, _barrier()).select_from(_WITH_SUPPRESSION)
    if segment is not None:
        query = query.where(segment.clause())
    # As `Candidate._make`, but without a step of Python for each of perhaps a million.
    made = partial(tuple.__new__, Candidate)
    for page in pages(connection, query.order_by(SUBSCRIBER.c.id), _ROWS_AT_A_TIME):
        yield from map(made, page)


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
