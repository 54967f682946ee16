"""Consent: what a subscriber agreed to, the log that proves it, and the one way to change a status."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import update

from subscribers.models import ConsentKind, Status
from subscribers.tables import CONSENT_EVENT, SUBSCRIBER

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

#: Only these words of the person's own bring back somebody who left.
ASKED = frozenset({ConsentKind.OPT_IN, ConsentKind.CONFIRMED})

#: Who is in one of these states is not mailed, and not brought back unless asked to.
GONE = frozenset({Status.UNSUBSCRIBED, Status.BOUNCED, Status.COMPLAINED, Status.ERASED})


@dataclass(frozen=True)
class Consent:
    """One thing that happened: what, where (``form``, ``command line``), and in which words."""

    kind: ConsentKind = ConsentKind.ADDED
    source: str = ""
    text: str = ""
    ip: str = ""
    user_agent: str = ""


@dataclass(frozen=True)
class ConsentRecord(Consent):
    """A line of the consent log; ``at`` is in UTC."""

    at: datetime | None = None

    def to_dict(self) -> dict[str, str]:
        """The line as plain texts, the moment in ISO 8601."""
        said = {name: str(value) for name, value in asdict(self).items() if name != "at"}
        return {**said, "at": self.at.isoformat() if self.at else ""}


def record(connection: Connection, subscriber_id: int, consent: Consent, at: datetime) -> None:
    """Add a line to the consent log."""
    connection.execute(CONSENT_EVENT.insert(), consent_row(subscriber_id, consent, at))


def consent_row(subscriber_id: int, consent: Consent, at: datetime) -> dict[str, object]:
    """The line as the table has it."""
    return {
        "subscriber_id": subscriber_id,
        "kind": consent.kind.value,
        "source": consent.source,
        "text": consent.text,
        "ip": consent.ip,
        "user_agent": consent.user_agent,
        "at": at,
    }


def change_status(
    connection: Connection, subscriber_id: int, status: Status, consent: Consent, at: datetime
) -> None:
    """Give a subscriber another status, and say in the consent log why: never the one without the other."""
    changed = update(SUBSCRIBER).where(SUBSCRIBER.c.id == subscriber_id)
    connection.execute(changed.values(status=status, updated_at=at))
    record(connection, subscriber_id, consent, at)
