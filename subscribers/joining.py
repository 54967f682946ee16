"""Signing up by oneself: what a sign-up does depends on who is on the list, and its answer tells nobody."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from subscribers.addresses import normalise
from subscribers.attributes import clean_text, clean_time_zone
from subscribers.consent import GONE, record
from subscribers.database import writing
from subscribers.leaving import before_pending, find_row
from subscribers.models import ConsentKind, Status, SubscriptionState, SuppressionReason
from subscribers.registration import Entry, register
from subscribers.suppression import reasons, suppression_key
from subscribers.tables import CONSENT_EVENT, SUBSCRIBER, TOPICS
from subscribers.topics import choose, states_of
from subscribers.words import clean_words

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import Connection, Engine, Row

    from subscribers.consent import Consent

#: Who must hear nothing at all from us, not even that somebody entered their address.
_SILENT = frozenset({SuppressionReason.MANUAL, SuppressionReason.COMPLAINED})


class Standing(StrEnum):
    """What is to be done about a sign-up."""

    #: It waits until its person confirms; until then nothing is mailed, lifted or changed for them.
    PENDING = "pending"
    #: The address is mailed already; nothing was changed.
    ACTIVE = "active"
    #: The person is on the list from now on, without a confirmation.
    JOINED = "joined"
    #: The address must not be mailed, and was not touched.
    FORBIDDEN = "forbidden"


def sign_up_entry(
    secret: bytes,
    email: str,
    consent: Consent,
    *,
    first_name: str = "",
    last_name: str = "",
    locale: str = "",
    time_zone: str = "",
    topics: Collection[str] = (),
) -> Entry:
    """What a person entered into a form, checked and cleaned; *secret* is that of the suppression table.

    Raises:
        AddressError, FieldError: what is given cannot be kept.
    """
    address = normalise(email)
    return Entry(
        address=address,
        key=suppression_key(secret, address.key),
        texts={
            "first_name": clean_text(first_name, "the first name"),
            "last_name": clean_text(last_name, "the last name"),
            "locale": clean_text(locale, "the locale"),
            "time_zone": clean_time_zone(time_zone),
        },
        tags=(),
        topics=clean_words(topics),
        attributes={},
        consent=consent,
        status=Status.PENDING,
    )


def sign_up(
    connection: Connection, entry: Entry, at: datetime, *, confirmed: bool = False
) -> tuple[int | None, Standing]:
    """Record a sign-up within a transaction that writes.

    Args:
        connection: of the transaction.
        entry: as `sign_up_entry` makes it.
        at: the moment in UTC.
        confirmed: whether those who are new to the list need not confirm. Who left, bounced or complained
            always has to: it may be a stranger who signs them up.

    Returns:
        The subscriber's id, None for an address that must not be mailed; and what is to be done.
    """
    found = _find(connection, entry)
    reason = reasons(connection, [entry.key]).get(entry.key)
    if reason in _SILENT or (found is not None and found.status == Status.COMPLAINED):
        return None, Standing.FORBIDDEN
    if found is not None and found.status == Status.ACTIVE:
        return found.id, Standing.ACTIVE
    if confirmed and reason is None and not _had_left(connection, found):
        subscriber_id, _ = register(connection, replace(entry, status=Status.ACTIVE), at)
        return subscriber_id, Standing.JOINED
    subscriber_id, _ = register(connection, entry, at)
    return subscriber_id, Standing.PENDING


def ask_for_topics(
    connection: Connection, subscriber_id: int, slugs: Collection[str], consent: Consent, at: datetime
) -> bool:
    """Record that somebody on the list asks for *slugs* in a form; whether any is new to them.

    It may be a stranger who asks. So only the log tells it, a line for each topic, and what they have and
    what they left stays as it is until they confirm.
    """
    states = states_of(connection, [subscriber_id]).get(subscriber_id, {})
    new = [slug for slug in slugs if states.get(slug) is not SubscriptionState.SUBSCRIBED]
    for slug in new:
        said = replace(consent, kind=ConsentKind.REQUESTED, topic=slug)
        record(connection, subscriber_id, said, at)
    return bool(new)


def asked_topics(connection: Connection, subscriber_id: int, since: datetime | None = None) -> list[str]:
    """The topics that somebody on the list asked for (*since* a moment), and neither has nor left since."""
    log = CONSENT_EVENT.c
    last = select(func.max(log.id)).where(log.subscriber_id == subscriber_id, log.topic != "")
    query = select(log.topic).where(log.id.in_(last.group_by(log.topic)), log.kind == ConsentKind.REQUESTED)
    if since is not None:
        query = query.where(log.at >= since)
    states = states_of(connection, [subscriber_id]).get(subscriber_id, {})
    known = set(connection.scalars(select(TOPICS.words.c.slug)))
    asked = connection.scalars(query.order_by(log.id))
    return [slug for slug in asked if slug in known and states.get(slug) is not SubscriptionState.SUBSCRIBED]


def confirm_topics(
    engine: Engine, public_id: str, slugs: Collection[str], consent: Consent, at: datetime
) -> list[str]:
    """Give somebody on the list those of *slugs* that they asked for, durably; which ones that were.

    Args:
        engine: the database.
        public_id: whose press it was.
        slugs: what the link is about.
        consent: of the kind ``confirmed``; the log has it once for each topic.
        at: the moment in UTC.
    """
    with writing(engine) as connection:
        row = find_row(connection, SUBSCRIBER.c.public_id == public_id)
        if row is None or row.status != Status.ACTIVE:
            return []
        given = [slug for slug in asked_topics(connection, row.id) if slug in slugs]
        choose(connection, row.id, given, at, confirmed=True)
        for slug in given:
            record(connection, row.id, replace(consent, topic=slug), at)
        return given


def _find(connection: Connection, entry: Entry) -> Row[Any] | None:
    query = select(SUBSCRIBER).where(SUBSCRIBER.c.email_key == entry.address.key)
    return connection.execute(query.with_for_update()).first()


def _had_left(connection: Connection, found: Row[Any] | None) -> bool:
    if found is None:
        return False
    gone = found.status in GONE
    return gone or (found.status == Status.PENDING and before_pending(connection, found.id) is not None)
