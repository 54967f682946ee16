"""Writes a chunk of people in few statements: COPY on PostgreSQL, executemany on SQLite, the log set-wise."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, bindparam, case, func, literal, select, update

from subscribers.consent import GONE, Consent, consent_row
from subscribers.models import ConsentKind, Status, Subscriber
from subscribers.registration import remember_attributes
from subscribers.tables import CONSENT_EVENT, SUBSCRIBER, TAGS, TOPICS, among, insert_columns, insert_many
from subscribers.tracking import KIND_OF_TRACKING
from subscribers.words import give_pairs, pair_columns, word_ids

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from subscribers.attributes import Value
    from subscribers.tables import Vocabulary
    from subscribers.transfer.records import Records

_KIND_OF_STATUS = {
    Status.UNSUBSCRIBED: ConsentKind.OPTED_OUT,
    Status.BOUNCED: ConsentKind.BOUNCED,
    Status.COMPLAINED: ConsentKind.COMPLAINED,
}


@dataclass(frozen=True)
class Change:
    """What a known person is from now on, and which words are new to them; ``left`` if a row said that.

    ``said`` is what they newly said of being tracked, if anything.
    """

    id: int
    texts: Mapping[str, str]
    attributes: Mapping[str, Value]
    status: Status
    tags: Collection[str]
    topics: Collection[str]
    left: bool
    said: str = ""


@dataclass(frozen=True)
class Writer:
    """Writes in the transaction of *connection*, at the moment *at*, with *consent* in the log."""

    connection: Connection
    consent: Consent
    at: datetime

    def insert(self, records: Records, hashes: Sequence[bytes], rows: Sequence[int]) -> None:
        """Add the people in these *rows* of the records, none of whom is on the list."""
        if not rows:
            return
        every = len(rows) == len(records)

        def chosen(column: Sequence[Any]) -> Sequence[Any]:
            return column if every else [column[row] for row in rows]

        ids, count = self._new_ids(len(rows)), len(rows)
        statuses = [status or Status.ACTIVE for status in chosen(records.statuses)]
        left = self._left(statuses, chosen(records.gone))
        told = {
            "id": ids,
            "public_id": new_public_ids(count),
            "email": chosen(records.emails),
            "email_key": chosen(records.keys),
            "suppression_key": chosen(hashes),
            **{name: chosen(texts) for name, texts in records.texts.items()},
            "status": list(map(str, statuses)),
            "attributes": chosen(records.attributes),
            "created_at": self._joined(chosen(records.joined), left),
            "updated_at": [self.at] * count,
        }
        insert_columns(self.connection, SUBSCRIBER, {**_defaults(count, told), **told})
        self._log(ids, set(statuses))
        gone = [each for each in zip(ids, statuses, left, strict=True) if each[1] in GONE]
        self._log_leaving(gone)
        if any(said := chosen(records.texts["tracking_consent"])):
            self._log_tracking(list(zip(ids, said, strict=True)))
        for vocabulary, words in ((TAGS, chosen(records.tags)), (TOPICS, chosen(records.topics))):
            self._give_new(vocabulary, ids, words)
        remember_attributes(self.connection, set().union(*chosen(records.attributes)))

    def update(self, changes: Sequence[Change]) -> None:
        """Record what changed of people who are on the list."""
        if not changes:
            return
        statement = update(SUBSCRIBER).where(SUBSCRIBER.c.id == bindparam("who"))
        rows = [
            {**change.texts, "who": change.id, "status": change.status.value, "attributes": change.attributes,
             "updated_at": self.at}
            for change in changes
        ]  # fmt: skip
        staying = [consent_row(change.id, self.consent, self.at) for change in changes if not change.left]
        insert_many(self.connection, CONSENT_EVENT, staying)
        # The line comes first: the database refuses a status that the last line does not tell.
        self._log_leaving([(change.id, change.status, None) for change in changes if change.left])
        self.connection.execute(statement, rows)
        self._log_tracking([(change.id, change.said) for change in changes])
        self._give_more(TAGS, [(change.id, change.tags) for change in changes])
        self._give_more(TOPICS, [(change.id, change.topics) for change in changes])
        remember_attributes(self.connection, {name for change in changes for name in change.attributes})

    def _new_ids(self, count: int) -> Sequence[int]:
        """Numbers for new people. SQLite's writer is alone, and counts as SQLite itself would."""
        if self.connection.dialect.name == "sqlite":
            last = self.connection.scalar(select(func.max(SUBSCRIBER.c.id))) or 0
            return range(last + 1, last + 1 + count)
        sequence = self.connection.scalar(select(func.pg_get_serial_sequence(SUBSCRIBER.name, "id")))
        numbers = func.array_agg(func.nextval(sequence), type_=ARRAY(SUBSCRIBER.c.id.type))
        found = self.connection.scalar(select(numbers).select_from(func.generate_series(1, count)))
        return sorted(found or ())

    def _log(self, ids: Sequence[int], statuses: Collection[Status]) -> None:
        """The line of the log of each new person, by a single statement.

        It tells the status that they come with; that they left is told by a line of its own.
        """
        alike = next(iter(statuses)) if len(statuses) == 1 and not GONE & set(statuses) else None
        line = consent_row(0, self.consent, self.at, alike)
        del line["subscriber_id"]
        values: list[ColumnElement[Any]] = [
            literal(value, CONSENT_EVENT.c[name].type) for name, value in line.items()
        ]
        if alike is None:
            told = case((SUBSCRIBER.c.status.in_(GONE), ""), else_=SUBSCRIBER.c.status)
            values[list(line).index("status")] = told
        if self.connection.dialect.name == "sqlite":
            who = select(SUBSCRIBER.c.id, *values).where(SUBSCRIBER.c.id.between(ids[0], ids[-1]))
        elif alike is None:
            who = select(SUBSCRIBER.c.id, *values).where(among(self.connection, SUBSCRIBER.c.id, ids))
        elif ids[-1] - ids[0] == len(ids) - 1:
            who = select(func.generate_series(ids[0], ids[-1]), *values)
        else:
            who = select(func.unnest(literal(list(ids), ARRAY(SUBSCRIBER.c.id.type))), *values)
        self.connection.execute(CONSENT_EVENT.insert().from_select(["subscriber_id", *line], who))

    def _left(self, statuses: Sequence[Status], gone: Sequence[datetime | None]) -> Sequence[datetime | None]:
        """When each of those left who are gone, where the file says so and it is past."""
        if not any(gone):
            return gone
        return [
            moment if moment and moment < self.at and status in GONE else None
            for status, moment in zip(statuses, gone, strict=True)
        ]

    def _joined(self, joined: Sequence[datetime | None], left: Sequence[datetime | None]) -> list[datetime]:
        """When each joined: as the file says, else now, and never after having left."""
        since = [moment or self.at for moment in joined]
        if not any(left):
            return since
        return [min(begin, end) if end else begin for begin, end in zip(since, left, strict=True)]

    def _log_leaving(self, gone: Sequence[tuple[int, Status, datetime | None]]) -> None:
        """The line of who came as somebody who had left, at the moment of leaving where that is known."""
        told = self.consent
        insert_many(
            self.connection,
            CONSENT_EVENT,
            [
                consent_row(
                    who, Consent(_KIND_OF_STATUS[status], told.source, told.text), left or self.at, status
                )
                for who, status, left in gone
            ],
        )

    def _log_tracking(self, said: Sequence[tuple[int, str]]) -> None:
        told = self.consent
        insert_many(
            self.connection,
            CONSENT_EVENT,
            [
                consent_row(who, Consent(KIND_OF_TRACKING[word], told.source, told.text), self.at)
                for who, word in said
                if word
            ],
        )

    def _give_new(self, vocabulary: Vocabulary, ids: Sequence[int], words: Sequence[tuple[str, ...]]) -> None:
        """Words for people who had none."""
        id_of = word_ids(self.connection, vocabulary, set().union(*set(words)))
        if not id_of:
            return
        pairs = [
            (id_of[word], who) for who, given in zip(ids, words, strict=True) if given for word in set(given)
        ]
        pairs.sort(key=itemgetter(0))
        insert_columns(self.connection, vocabulary.pairs, pair_columns(vocabulary, pairs))

    def _give_more(self, vocabulary: Vocabulary, given: Sequence[tuple[int, Collection[str]]]) -> None:
        """Words for people who may have some."""
        id_of = word_ids(self.connection, vocabulary, {word for _, words in given for word in words})
        give_pairs(
            self.connection, vocabulary, [(id_of[word], who) for who, words in given for word in words]
        )


def new_public_ids(count: int) -> list[str]:
    """As `new_public_id`, many at a time: 132 random bits each, 22 characters."""
    text = base64.urlsafe_b64encode(os.urandom(18 * count)).decode()
    return [text[start : start + 22] for start in range(0, 24 * count, 24)]


def _defaults(count: int, told: Collection[str]) -> dict[str, list[Any]]:
    """What the model has for all that an import says nothing of; what is not known at all is left to NULL."""
    blank = Subscriber(email="", email_key="", suppression_key=b"")
    values = {column.name: getattr(blank, column.name) for column in SUBSCRIBER.columns}
    return {name: [value] * count for name, value in values.items() if name not in told and value is not None}
