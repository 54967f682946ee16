"""All that the list knows of one person, for that person to read (GDPR, article 15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from subscribers.addresses import normalise
from subscribers.engagement import events_of
from subscribers.errors import TransferError
from subscribers.suppression import reasons, suppression_key

if TYPE_CHECKING:
    from subscribers.engagement import Event
    from subscribers.store import SubscriberStore


def export_person(store: SubscriberStore, email: str) -> dict[str, object]:
    """What is known of the person with this address, as plain values that JSON can have.

    Of somebody who is not on the list, or was erased, only whether the address is ``suppressed``, and why.
    What only numbers their row is left out: it says nothing of them.

    Raises:
        AddressError: it is no address.
        TransferError: nothing at all is known.
    """
    key = normalise(email).key
    hashed = suppression_key(store.secret, key)
    profile = store.find(email)
    with store.engine.connect() as connection:
        reason = reasons(connection, [hashed]).get(hashed)
        events = events_of(connection, [profile.id]).get(profile.id, []) if profile else []
    suppressed = None if reason is None else str(reason)
    if profile is None:
        if reason is None:
            raise TransferError(
                "nothing is known of this address", where=email, hint="see `newsletter subscribers list`"
            )
        return {"email": email, "suppressed": suppressed}
    return {
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
        "tracking": str(profile.tracking) or "unknown",
        "attributes": dict(profile.attributes),
        "consent": [line.to_dict() for line in profile.consent],
        "events": [_told(event) for event in events],
    }


def _told(event: Event) -> dict[str, object]:
    """An event as a person may want to read it, without what only numbers it."""
    names = ("kind", "issue", "dispatch", "url", "by_machine", "machine", "provider")
    return {"at": event.at.isoformat(), **{name: getattr(event, name) for name in names}}
