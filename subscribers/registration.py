"""How one person comes onto the list, and what is known of one is completed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from subscribers.consent import ASKED, GONE, change_status, record
from subscribers.errors import ConsentError, SubscribersError
from subscribers.models import Status, SuppressionReason, new_public_id
from subscribers.suppression import lift, reasons
from subscribers.tables import ATTRIBUTE, SUBSCRIBER, TAGS, TOPICS, insert
from subscribers.topics import choose
from subscribers.words import give_words

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from subscribers.addresses import Address
    from subscribers.attributes import Value
    from subscribers.consent import Consent

_IF_ASKED = 'if the person asked for it: `newsletter subscribers add {} --asked "how and when they asked"`'


@dataclass(frozen=True)
class Entry:
    """What is to be recorded of one person, checked and cleaned; ``key`` is the hash of the address."""

    address: Address
    key: bytes
    texts: Mapping[str, str]
    tags: Collection[str]
    topics: Collection[str]
    attributes: Mapping[str, Value]
    consent: Consent
    status: Status

    @property
    def asked(self) -> bool:
        """Whether the person asked to be on the list."""
        return self.consent.kind in ASKED

    @property
    def confirmed(self) -> bool:
        """Whether nothing must be confirmed: until then a sign-up may be anybody's, and undoes nothing."""
        return self.status is not Status.PENDING


def register(connection: Connection, entry: Entry, at: datetime) -> tuple[int, bool]:
    """Record a person: their id, and whether they are new.

    Raises:
        ConsentError: they left, bounced, complained or are suppressed, and did not ask to be back.
    """
    _check_suppression(connection, entry)
    found = _find(connection, entry)
    new_id = _insert(connection, entry, at) if found is None else None
    if new_id is None:
        # Another process may have added the person between the look and the insert; now the row is there.
        subscriber_id = _complete(connection, found or _find(connection, entry), entry, at)
    else:
        subscriber_id = new_id
    if new_id is not None or not _is_doubtful(found, entry):
        give_words(connection, TAGS, entry.tags, [subscriber_id])
    if entry.asked:
        choose(connection, subscriber_id, entry.topics, at, confirmed=entry.confirmed)
    else:
        give_words(connection, TOPICS, entry.topics, [subscriber_id])
    remember_attributes(connection, entry.attributes)
    return subscriber_id, new_id is not None


def remember_attributes(connection: Connection, names: Collection[str]) -> None:
    """Record that attributes of these names are kept."""
    if names:
        rows = [{"name": name} for name in sorted(names)]
        connection.execute(insert(connection, ATTRIBUTE).on_conflict_do_nothing(), rows)


def _check_suppression(connection: Connection, entry: Entry) -> None:
    reason = reasons(connection, [entry.key]).get(entry.key)
    if reason is None:
        return
    if reason is SuppressionReason.MANUAL:
        raise _refusal(
            entry, f"is suppressed ({reason})", "the publication itself forbade mailing this address"
        )
    if not entry.asked:
        raise _refusal(entry, f"is suppressed ({reason})")
    if entry.confirmed:
        lift(connection, entry.key)


def _find(connection: Connection, entry: Entry) -> Row[Any] | None:
    query = select(SUBSCRIBER).where(SUBSCRIBER.c.email_key == entry.address.key)
    return connection.execute(query.with_for_update()).first()


def _insert(connection: Connection, entry: Entry, at: datetime) -> int | None:
    row = {
        **entry.texts,
        "public_id": new_public_id(),
        "email": entry.address.email,
        "email_key": entry.address.key,
        "suppression_key": entry.key,
        "status": entry.status,
        "attributes": dict(entry.attributes),
        "created_at": at,
        "updated_at": at,
    }
    statement = insert(connection, SUBSCRIBER).on_conflict_do_nothing().returning(SUBSCRIBER.c.id)
    subscriber_id: int | None = connection.execute(statement, row).scalar()
    if subscriber_id is not None:
        record(connection, subscriber_id, entry.consent, at, entry.status)
    return subscriber_id


def _is_doubtful(found: Row[Any] | None, entry: Entry) -> bool:
    """Whether a sign-up without confirmation is about somebody who is mailed: it may be a stranger's."""
    return found is not None and found.status == Status.ACTIVE and entry.asked and not entry.confirmed


def _complete(connection: Connection, found: Row[Any] | None, entry: Entry, at: datetime) -> int:
    if found is None:
        raise SubscribersError("the subscriber was removed while being added", where=entry.address.email)
    status = Status(found.status)
    if status in GONE and not entry.asked:
        raise _refusal(entry, f"is `{status}`")
    if not _is_doubtful(found, entry):
        known = {name: text for name, text in entry.texts.items() if text}
        attributes = {**found.attributes, **entry.attributes}
        connection.execute(
            update(SUBSCRIBER)
            .where(SUBSCRIBER.c.id == found.id)
            .values(**known, attributes=attributes, updated_at=at)
        )
    if entry.asked and status is not Status.ACTIVE:
        change_status(connection, found.id, entry.status, entry.consent, at)
    elif entry.asked or entry.consent.text:
        record(connection, found.id, entry.consent, at)
    subscriber_id: int = found.id
    return subscriber_id


def _refusal(entry: Entry, state: str, hint: str = "") -> ConsentError:
    return ConsentError(
        f"the subscriber {state} and cannot be added again",
        where=entry.address.email,
        hint=hint or _IF_ASKED.format(entry.address.email),
    )
