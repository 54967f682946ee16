"""A list of many subscribers, written quickly: what benchmarks of delivery begin with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from subscribers.database import writing
from subscribers.suppression import suppression_key
from subscribers.tables import SUBSCRIBER, insert_many

if TYPE_CHECKING:
    from subscribers import SubscriberStore

JOINED = datetime(2026, 1, 1, tzinfo=UTC)


def fill(store: SubscriberStore, size: int) -> None:
    """Put *size* readers on the list, each with a name and two attributes; nobody is checked."""
    secret = store.secret
    for start in range(0, size, 10_000):
        rows = [_row(secret, number) for number in range(start, min(start + 10_000, size))]
        with writing(store.engine) as connection:
            insert_many(connection, SUBSCRIBER, rows)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()


def _row(secret: bytes, number: int) -> dict[str, object]:
    email = f"reader{number}@example.com"
    return {
        "public_id": f"public-{number:015}",
        "email": email,
        "email_key": email,
        "suppression_key": suppression_key(secret, email),
        "first_name": f"Reader {number}",
        "last_name": "",
        "locale": "",
        "status": "active",
        "attributes": {"country": "DE", "score": number % 1000},
        "created_at": JOINED,
        "updated_at": JOINED,
    }
