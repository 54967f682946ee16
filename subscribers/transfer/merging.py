"""Brings a chunk of records together with what the list knows: who is new, who changes, who stays away."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from subscribers.consent import GONE, Consent
from subscribers.models import Status, TrackingConsent
from subscribers.suppression import reasons, suppression_key
from subscribers.tables import SUBSCRIBER, SUPPRESSION, TAGS, TOPICS, among
from subscribers.transfer.records import TEXTS
from subscribers.transfer.restraints import Restrainer
from subscribers.transfer.writing import Change, Writer
from subscribers.words import words_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import Connection

    from subscribers.attributes import Value
    from subscribers.transfer.records import Record, Records

# Any number will do, as long as every import asks PostgreSQL for the same one.
_IMPORT_LOCK = 6_273_783


class Result(Enum):
    """What became of one row."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    #: The person left, bounced, complained or is suppressed, and is not brought back.
    SKIPPED = "skipped"


@dataclass(slots=True)
class _Person:
    """One person: what the database knew, and what the rows so far made of it.

    ``id`` is that of a person who was known; ``row`` the first row on one who was not. ``said`` is what
    the rows say of being tracked that was not known.
    """

    status: Status
    id: int = 0
    row: int = 0
    joined: datetime | None = None
    gone: datetime | None = None
    texts: dict[str, str] = field(default_factory=lambda: dict.fromkeys(TEXTS, ""))
    attributes: dict[str, Value] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)
    topics: set[str] = field(default_factory=set)
    new_tags: set[str] = field(default_factory=set)
    new_topics: set[str] = field(default_factory=set)
    changed: bool = False
    left: bool = False
    said: str = ""


@dataclass(frozen=True)
class Merger:
    """Writes records; ``consent`` is what the log says of those who are new, ``at`` the present moment."""

    secret: bytes
    consent: Consent
    at: datetime

    def merge(self, connection: Connection, records: Records) -> list[Result]:
        """Write a chunk of records, in the caller's transaction: what became of each, in their order.

        A later row on the same person completes an earlier one: what it says wins, what it does not say
        stays, and tags are united.
        """
        if connection.dialect.name == "postgresql":
            # Two imports that insert the same people in another order would wait for each other for ever.
            connection.execute(select(func.pg_advisory_xact_lock(_IMPORT_LOCK)))
        results = self._merge(connection, records)
        if any(records.restraints):
            self._restrain(connection, records, results)
        return results

    def _merge(self, connection: Connection, records: Records) -> list[Result]:
        hashes = [suppression_key(self.secret, key) for key in records.keys]
        known = _read(connection, records.keys)
        suppressed = self._suppressed(connection, hashes)
        writer = Writer(connection, self.consent, self.at)
        if not known and not suppressed and len(set(records.keys)) == len(records):
            writer.insert(records, hashes, range(len(records)))
            return [Result.CREATED] * len(records)
        counts = Counter(records.keys)
        results, new, people = [], [], dict(known)
        for row, key in enumerate(records.keys):
            if key not in people and counts[key] == 1 and hashes[row] not in suppressed:
                new.append(row)
                results.append(Result.CREATED)
            else:
                results.append(self._take(people, records[row], row, suppressed=hashes[row] in suppressed))
        new += self._settle(records, [person for person in people.values() if not person.id])
        writer.insert(records, hashes, sorted(new))
        writer.update([_change(person) for person in known.values() if person.changed])
        return results

    def _restrain(self, connection: Connection, records: Records, results: list[Result]) -> None:
        """Write what holds mail back from those who were not skipped, and count whom that alone changed."""
        told = [
            (key, restraints)
            for key, restraints, result in zip(records.keys, records.restraints, results, strict=True)
            if restraints is not None and result is not Result.SKIPPED
        ]
        changed = Restrainer(connection, self.consent, self.at).write(told)
        for row, (key, result) in enumerate(zip(records.keys, results, strict=True)):
            if result is Result.UNCHANGED and key in changed and records.restraints[row] is not None:
                results[row] = Result.UPDATED

    def _suppressed(self, connection: Connection, hashes: Collection[bytes]) -> Collection[bytes]:
        if not connection.execute(select(SUPPRESSION.c.key).limit(1)).first():
            return ()
        return reasons(connection, hashes)

    def _take(self, people: dict[str, _Person], record: Record, row: int, *, suppressed: bool) -> Result:
        person = people.get(record.key)
        if suppressed or (person is not None and person.status in GONE):
            return Result.SKIPPED
        if person is None:
            status = record.status or Status.ACTIVE
            person = _Person(status, row=row, joined=record.joined, gone=record.gone)
            people[record.key] = person
            _complete(person, record)
            return Result.CREATED
        changed = _complete(person, record)
        if record.status in GONE:
            person.status, person.gone = record.status, record.gone
            changed = person.left = True
        person.changed |= changed
        return Result.UPDATED if changed else Result.UNCHANGED

    def _settle(self, records: Records, people: list[_Person]) -> list[int]:
        """Put what several rows say of one new person into the first of these; the numbers of those."""
        for person in people:
            for name in TEXTS:
                records.texts[name][person.row] = person.texts[name]
            records.tags[person.row] = tuple(sorted(person.tags))
            records.topics[person.row] = tuple(sorted(person.topics))
            records.attributes[person.row] = person.attributes
            records.statuses[person.row] = person.status
            records.joined[person.row] = person.joined
            records.gone[person.row] = person.gone
        return [person.row for person in people]


def _change(person: _Person) -> Change:
    return Change(
        person.id,
        person.texts,
        person.attributes,
        person.status,
        person.new_tags,
        person.new_topics,
        person.left,
        person.said,
    )


def _complete(person: _Person, record: Record) -> bool:
    """Add what a record says to what is known of a person; whether that changed anything."""
    texts = {name: text for name, text in record.texts.items() if text and text != person.texts[name]}
    if person.texts["tracking_consent"] == TrackingConsent.DENIED:  # only their own word takes that back
        texts.pop("tracking_consent", None)
    person.said = texts.get("tracking_consent", person.said)
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
    query = (
        select(SUBSCRIBER).where(among(connection, SUBSCRIBER.c.email_key, keys)).order_by(SUBSCRIBER.c.id)
    )
    rows = connection.execute(query.with_for_update()).all()
    if not rows:
        return {}
    ids = [row.id for row in rows]
    # Topics that were left count as known: an import gives nobody a topic again whom it was taken from.
    tags, topics = words_of(connection, TAGS, ids), words_of(connection, TOPICS, ids, left=True)
    return {row.email_key: _known(row, tags.get(row.id, []), topics.get(row.id, [])) for row in rows}


def _known(row: Any, tags: list[str], topics: list[str]) -> _Person:  # noqa: ANN401 - a row of any shape
    return _Person(
        Status(row.status),
        id=row.id,
        texts={name: getattr(row, name) for name in TEXTS},
        attributes=row.attributes,
        tags=set(tags),
        topics=set(topics),
    )
