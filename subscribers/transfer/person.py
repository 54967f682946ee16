"""All that the list knows of one person, for that person to read (GDPR, article 15)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from subscribers.addresses import normalise
from subscribers.engagement import events_of
from subscribers.errors import TransferError
from subscribers.suppression import reasons, suppression_key

if TYPE_CHECKING:
    from subscribers.store import SubscriberStore


def export_person(store: SubscriberStore, email: str) -> dict[str, object]:
    """What is known of the person with this address, as plain values that JSON can have.

    Of somebody who is not on the list, or was erased, only whether the address is ``suppressed``, and why;
    ``id`` is None then.

    Raises:
        AddressError: it is no address.
        TransferError: nothing at all is known.
    """
    key = normalise(email).key
    hashed = suppression_key(store.secret, key)
    with store.engine.connect() as connection:
        reason = reasons(connection, [hashed]).get(hashed)
    profile = store.find(email)
    with store.engine.connect() as connection:
        events = [] if profile is None else events_of(connection, [profile.id]).get(profile.id, [])
    suppressed = None if reason is None else str(reason)
    if profile is None:
        if reason is None:
            raise TransferError(
                "nothing is known of this address", where=email, hint="see `newsletter subscribers list`"
            )
        return {"id": None, "email": email, "suppressed": suppressed}
    return {
        "id": profile.id,
        "public_id": profile.public_id,
        "email": profile.email,
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "locale": profile.locale,
        "time_zone": profile.time_zone,
        "status": str(profile.status),
        "suppressed": suppressed,
        "joined": profile.created_at.isoformat(),
        "tags": list(profile.tags),
        "topics": list(profile.topics),
        "left_topics": list(profile.left_topics),
        "paused_until": profile.paused_until.isoformat() if profile.paused_until else None,
        "attributes": dict(profile.attributes),
        "consent": [line.to_dict() for line in profile.consent],
        "events": [{**asdict(event), "at": event.at.isoformat()} for event in events],
    }
