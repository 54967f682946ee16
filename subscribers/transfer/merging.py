"""Brings a chunk of records together with what the list knows, and writes what changed, in few statements."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select, update

from subscribers.addresses import Address
from subscribers.consent import GONE, Consent, consent_row
from subscribers.models import ConsentKind, Status, new_public_id
from subscribers.registration import remember_attributes
from subscribers.suppression import reasons, suppression_key
from subscribers.tables import CONSENT_EVENT, SUBSCRIBER, SUPPRESSION, TAGS, TOPICS, insert_many
from subscribers.words import give_pairs, word_ids, words_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from subscribers.attributes import Value
    from subscribers.tables import Vocabulary
    from subscribers.transfer.records import Record

# Any number will do, as long as every import asks PostgreSQL for the same one.
_IMPORT_LOCK = 6_273_782

_TEXTS = ("first_name", "last_name", "locale")
_KIND_OF_STATUS = {
    Status.UNSUBSCRIBED: ConsentKind.OPTED_OUT,
    Status.BOUNCED: ConsentKind.BOUNCED,
    Status.COMPLAINED: ConsentKind.COMPLAINED,
}


class Result(Enum):
    """What became of one row."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    #: The person left, bounced, complained or is suppressed, and is not brought back.
    SKIPPED = "skipped"


@dataclass(slots=True)
class _Person:
    """One person: what the database knew, and what the rows so far made of it."""

    address: Address
    status: Status
    created_at: datetime
    id: int | None = None
    texts: dict[str, str] = field(default_factory=lambda: dict.fromkeys(_TEXTS, ""))
    attributes: dict[str, Value] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)
    topics: set[str] = field(default_factory=set)
    new_tags: set[str] = field(default_factory=set)
    new_topics: set[str] = field(default_factory=set)
    changed: bool = False
    left: bool = False


@dataclass(frozen=True)
class Merger:
    """Writes records; ``consent`` is what the log says of those who are new, ``at`` the present moment."""

    secret: bytes
    consent: Consent
    at: datetime

    def merge(self, connection: Connection, records: Sequence[Record]) -> list[Result]:
        """Write a chunk of records, in the caller's transaction: what became of each, in their order.

        A later row on the same person completes an earlier one: what it says wins, tags are united.
        """
        if connection.dialect.name == "postgresql":
            # Two imports that insert the same people in another order would wait for each other for ever.
            connection.execute(select(func.pg_advisory_xact_lock(_IMPORT_LOCK)))
        keys = {record.address.key for record in records}
        suppressed = self._suppressed(connection, keys)
        people = _read(connection, keys)
        results = [self._take(people, record, suppressed) for record in records]
        self._write(connection, list(people.values()))
        return results

    def _suppressed(self, connection: Connection, keys: Collection[str]) -> set[str]:
        if not connection.execute(select(func.count()).select_from(SUPPRESSION)).scalar_one():
            return set()
        key_of = {suppression_key(self.secret, key): key for key in keys}
        return {key_of[key] for key in reasons(connection, list(key_of))}

    def _take(self, people: dict[str, _Person], record: Record, suppressed: set[str]) -> Result:
        key = record.address.key
        person = people.get(key)
        if key in suppressed or (person is not None and person.status in GONE):
            return Result.SKIPPED
        if person is None:
            status, joined = record.status or Status.ACTIVE, record.joined or self.at
            people[key] = person = _Person(record.address, status, joined)
            _complete(person, record)
            return Result.CREATED
        changed = _complete(person, record)
        if record.status in GONE:
            person.status = record.status
            changed = person.left = True
        person.changed |= changed
        return Result.UPDATED if changed else Result.UNCHANGED

    def _write(self, connection: Connection, people: list[_Person]) -> None:
        changed = [person for person in people if person.changed and person.id is not None]
        self._insert(connection, [person for person in people if person.id is None])
        self._update(connection, changed)
        _give(connection, TAGS, [(person.id, person.new_tags) for person in people])
        _give(connection, TOPICS, [(person.id, person.new_topics) for person in people])
        remember_attributes(connection, {name for person in people for name in person.attributes})

    def _insert(self, connection: Connection, people: list[_Person]) -> None:
        if not people:
            return
        insert_many(connection, SUBSCRIBER, [self._row(person) for person in people])
        ids = select(SUBSCRIBER.c.email_key, SUBSCRIBER.c.id)
        chosen = ids.where(SUBSCRIBER.c.email_key.in_([person.address.key for person in people]))
        id_of = {row[0]: row[1] for row in connection.execute(chosen)}
        for person in people:
            person.id = id_of[person.address.key]
        lines = [self._coming(person, id_of[person.address.key]) for person in people]
        gone = [person for person in people if person.status in GONE]
        insert_many(connection, CONSENT_EVENT, [*lines, *(self._leaving(person) for person in gone)])

    def _row(self, person: _Person) -> dict[str, object]:
        return {
            **person.texts,
            "public_id": new_public_id(),
            "email": person.address.email,
            "email_key": person.address.key,
            "suppression_key": suppression_key(self.secret, person.address.key),
            "status": person.status.value,
            "attributes": person.attributes,
            "created_at": person.created_at,
            "updated_at": self.at,
        }

    def _update(self, connection: Connection, people: list[_Person]) -> None:
        if not people:
            return
        statement = update(SUBSCRIBER).where(SUBSCRIBER.c.id == bindparam("who"))
        rows = [
            {**person.texts, "who": person.id, "status": person.status, "attributes": person.attributes,
             "updated_at": self.at}
            for person in people
        ]  # fmt: skip
        # The line comes first: the database refuses a status that the last line does not tell.
        insert_many(connection, CONSENT_EVENT, [self._leaving(person) for person in people if person.left])
        connection.execute(statement, rows)

    def _coming(self, person: _Person, subscriber_id: int) -> dict[str, object]:
        status = None if person.status in GONE else person.status
        return consent_row(subscriber_id, self.consent, self.at, status)

    def _leaving(self, person: _Person) -> dict[str, object]:
        if person.id is None:
            raise ValueError("a person without an id")
        kind = _KIND_OF_STATUS[person.status]
        said = Consent(kind, self.consent.source, self.consent.text)
        return consent_row(person.id, said, self.at, person.status)


def _complete(person: _Person, record: Record) -> bool:
    """Add what a record says to what is known of a person; whether that changed anything."""
    texts = {name: text for name, text in record.texts.items() if text and text != person.texts[name]}
    known = person.attributes
    known = person.attributes
    attributes = {key: value for key, value in record.attributes.items() if not _same(known.get(key), value)}
    tags, topics = set(record.tags) - person.tags, set(record.topics) - person.topics
    person.texts.update(texts)
    if attributes:
        person.attributes = {**person.attributes, **attributes}
    person.tags |= tags
    person.topics |= topics
    person.new_tags |= tags
    person.new_topics |= topics
    return bool(texts or attributes or tags or topics)


def _same(known: Value | None, value: Value) -> bool:
    """Whether two values are the same in type, too: 1 is not true."""
    return known == value and isinstance(known, bool) == isinstance(value, bool)


def _read(connection: Connection, keys: Collection[str]) -> dict[str, _Person]:
    # Locked, lest an unsubscribe that comes meanwhile be overwritten.
    query = select(SUBSCRIBER).where(SUBSCRIBER.c.email_key.in_(keys)).order_by(SUBSCRIBER.c.id)
    rows = connection.execute(query.with_for_update()).all()
    ids = [row.id for row in rows]
    # Topics that were left count as known: an import gives nobody a topic again whom it was taken from.
    tags, topics = words_of(connection, TAGS, ids), words_of(connection, TOPICS, ids, left=True)
    return {row.email_key: _known(row, tags.get(row.id, []), topics.get(row.id, [])) for row in rows}


def _known(row: Any, tags: list[str], topics: list[str]) -> _Person:  # noqa: ANN401 - a row of any shape
    return _Person(
        Address(row.email, row.email_key),
        Status(row.status),
        row.created_at,
        id=row.id,
        texts={name: getattr(row, name) for name in _TEXTS},
        attributes=row.attributes,
        tags=set(tags),
        topics=set(topics),
    )


def _give(connection: Connection, vocabulary: Vocabulary, given: list[tuple[int | None, set[str]]]) -> None:
    words = {word for _, chosen in given for word in chosen}
    id_of = word_ids(connection, vocabulary, words)
    pairs = [(id_of[word], who) for who, chosen in given for word in chosen if who is not None]
    give_pairs(connection, vocabulary, pairs)
