"""Signing up by oneself: what a sign-up does depends on who is on the list, and its answer tells nobody."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from subscribers.addresses import normalise
from subscribers.attributes import clean_text, clean_time_zone
from subscribers.consent import GONE
from subscribers.leaving import before_pending
from subscribers.models import Status, SuppressionReason
from subscribers.registration import Entry, register
from subscribers.suppression import reasons, suppression_key
from subscribers.tables import SUBSCRIBER
from subscribers.words import clean_words

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import Connection, Row

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


def _find(connection: Connection, entry: Entry) -> Row[Any] | None:
    query = select(SUBSCRIBER).where(SUBSCRIBER.c.email_key == entry.address.key)
    return connection.execute(query.with_for_update()).first()


def _had_left(connection: Connection, found: Row[Any] | None) -> bool:
    if found is None:
        return False
    gone = found.status in GONE
    return gone or (found.status == Status.PENDING and before_pending(connection, found.id) is not None)
