"""One reader, what they say, and what is known of them then."""

from __future__ import annotations

from fakes.lists import known, rows

from subscribers import Consent, ConsentKind, SubscriberStore
from subscribers.transfer import import_file

ASKED = Consent(ConsentKind.OPT_IN, "form", "Send me the digest", "192.0.2.1", "Browser/1", "form-3")
CONFIRMED = Consent(ConsentKind.CONFIRMED, "link", "Yes, that was me", "192.0.2.1", "Browser/1", "mail-1")
ANN = "ann@example.com"


def log(store: SubscriberStore, email: str = ANN) -> list[tuple[str, str, str]]:
    """What the log tells of somebody: the kind, the topic and the status of each line."""
    profile = known(store, email)
    return [(line.kind.value, line.topic, line.status) for line in profile.consent]


def topics(store: SubscriberStore, email: str = ANN) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The topics that somebody has, and those that they left."""
    profile = known(store, email)
    return profile.topics, profile.left_topics


def barrier(store: SubscriberStore, topic: str = "") -> str | None:
    """What stands in the way of the only subscriber: the same when planned and when claimed."""
    with store.engine.connect() as connection:
        ((subscriber_id, planned),) = store.candidates(connection, None, topic=topic)
        person = store.addressees(connection, [subscriber_id], topic=topic)[subscriber_id]
    assert person.barrier == planned
    return planned


def bring_in(store: SubscriberStore, row: str) -> None:
    """Import one row of an address and topics."""
    import_file(store, rows(f"email,topics\n{row}\n"))
