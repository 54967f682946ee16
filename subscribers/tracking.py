"""Consent to being tracked: whether it may be learned what somebody opens and which links they follow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from subscribers.consent import Consent, record
from subscribers.database import writing
from subscribers.leaving import find_row
from subscribers.models import ConsentKind, Status, TrackingConsent
from subscribers.tables import SUBSCRIBER, among

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

    from subscribers.store import SubscriberStore

#: The line of the consent log for each word that a person can say.
KIND_OF_TRACKING: dict[str, ConsentKind] = {
    TrackingConsent.GRANTED: ConsentKind.TRACKING_ALLOWED,
    TrackingConsent.DENIED: ConsentKind.TRACKING_DENIED,
}


def set_tracking(store: SubscriberStore, subscriber_id: int, said: TrackingConsent, consent: Consent) -> bool:
    """Record what somebody said about being tracked, with a line in the consent log; durable on return.

    Args:
        store: the list.
        subscriber_id: who said it.
        said: ``granted`` or ``denied``.
        consent: where they said it, and what they were shown or wrote; its kind does not matter.

    Returns:
        False if there is no such person any more, or they had said that before.

    Raises:
        ValueError: *said* is nothing that a person can say.
    """
    if said not in KIND_OF_TRACKING:
        raise ValueError("somebody who was asked cannot become somebody who was not")
    at = store.clock()
    with writing(store.engine) as connection:
        row = find_row(connection, SUBSCRIBER.c.id == subscriber_id)
        if row is None or row.status == Status.ERASED or row.tracking_consent == said:
            return False
        record(connection, subscriber_id, replace(consent, kind=KIND_OF_TRACKING[said]), at)
        changed = update(SUBSCRIBER).where(SUBSCRIBER.c.id == subscriber_id)
        connection.execute(changed.values(tracking_consent=said.value, updated_at=at))
    return True


def allows(said: str, *, opt_out: bool) -> bool:
    """Whether somebody with this consent may be tracked; with *opt_out*, also who never said."""
    return said == TrackingConsent.GRANTED or (opt_out and said == TrackingConsent.UNKNOWN)


def trackable(connection: Connection, ids: Collection[int], *, opt_out: bool) -> set[int]:
    """Those of the subscribers *ids* who may be tracked; with *opt_out*, all who did not refuse."""
    said = SUBSCRIBER.c.tracking_consent
    willing = said != TrackingConsent.DENIED if opt_out else said == TrackingConsent.GRANTED
    query = select(SUBSCRIBER.c.id).where(among(connection, SUBSCRIBER.c.id, ids), willing)
    return set(connection.scalars(query))
