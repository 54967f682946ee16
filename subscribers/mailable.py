"""The list as delivery reads it: who might be mailed, what stands in the way, and what a message may say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Text, case, cast, literal, null, select

from subscribers.models import Status
from subscribers.tables import SUBSCRIBER, SUPPRESSION, TAGS, TOPICS, among, given
from subscribers.words import words_of

if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, Select

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


class Addressee:
    """Somebody a message is for, as of now; made of the row when something is asked."""

    __slots__ = ("_row", "fields")

    def __init__(self, row: Sequence[Any], tags: Sequence[str] = (), topics: Sequence[str] = ()) -> None:
        self._row = row
        #: What merge tags and segments may ask: email, first_name, last_name, name, locale, status, joined (a
        #: date), tags and topics (lists, perhaps empty), and the attributes; what is not known is absent.
        self.fields: Mapping[str, object] = _Fields(row, tags, topics)

    @property
    def id(self) -> int:
        """The subscriber's id."""
        return int(self._row[0])

    @property
    def public_id(self) -> str:
        """The name by which links know them."""
        return str(self._row[1])

    @property
    def email(self) -> str:
        """The address that mail is sent to."""
        return str(self._row[2])

    @property
    def name(self) -> str:
        """First and last name, as far as they are known; or else nothing."""
        _, _, _, first, last, *_ = self._row
        return f"{first} {last}".strip() or str(self.fields.get("name", ""))

    @property
    def barrier(self) -> str | None:
        """Why they must not be mailed: a status, or ``suppressed``; None if they may."""
        barrier: str | None = self._row[9]
        return barrier


class _Fields(Mapping[str, object]):
    """What is known of one subscriber, as it stands in the row until somebody looks."""

    __slots__ = ("_known", "_row", "_tags", "_topics")

    def __init__(self, row: Sequence[Any], tags: Sequence[str], topics: Sequence[str]) -> None:
        self._row = row
        self._tags = tags
        self._topics = topics
        self._known: dict[str, object] | None = None

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
        _, _, email, first, last, locale, status, joined, attributes, _ = self._row
        known: dict[str, object] = json.loads(attributes)
        for name, value in (
            ("email", email),
            ("first_name", first),
            ("last_name", last),
            ("name", f"{first} {last}".strip()),
            ("locale", locale),
            ("status", status),
        ):
            if value:
                known[name] = value
        known["joined"] = date.fromisoformat(joined[:10])
        known["tags"], known["topics"] = list(self._tags), list(self._topics)
        self._known = known
        return known


def candidates(connection: Connection, segment: Segment | None) -> Iterator[Candidate]:
    """Everybody in *segment* (None: on the list) in the order of their ids, those with a barrier too."""
    query = select(SUBSCRIBER.c.id, SUBSCRIBER.c.email_key, _barrier()).select_from(_WITH_SUPPRESSION)
    if segment is not None:
        query = query.where(segment.clause())
    query = query.order_by(SUBSCRIBER.c.id).execution_options(yield_per=_ROWS_AT_A_TIME)
    with connection.execute(query) as rows:
        yield from map(Candidate._make, rows)


# Times and attributes are read as the text that the database has: to parse them costs more than all the rest,
# and is done for those only of whom something is asked. The zone of a connection is always UTC.
_ROWS = select(
    SUBSCRIBER.c.id,
    SUBSCRIBER.c.public_id,
    SUBSCRIBER.c.email,
    SUBSCRIBER.c.first_name,
    SUBSCRIBER.c.last_name,
    SUBSCRIBER.c.locale,
    SUBSCRIBER.c.status,
    cast(SUBSCRIBER.c.created_at, Text),
    cast(SUBSCRIBER.c.attributes, Text),
    _barrier(),
).select_from(_WITH_SUPPRESSION)


@lru_cache(maxsize=2)
def _rows_among(dialect: str) -> Select[Any]:
    return _ROWS.where(among(dialect, SUBSCRIBER.c.id))


def addressees(connection: Connection, ids: Sequence[int]) -> dict[int, Addressee]:
    """What is known now of the subscribers *ids*; whoever is no longer there is not in the result."""
    if not ids:
        return {}
    dialect = connection.dialect.name
    rows = connection.execute(_rows_among(dialect), given(dialect, ids)).all()
    tags, topics = words_of(connection, TAGS, ids), words_of(connection, TOPICS, ids)
    if not tags and not topics:
        return {row[0]: Addressee(row) for row in rows}
    return {row[0]: Addressee(row, tags.get(row[0], ()), topics.get(row[0], ())) for row in rows}
