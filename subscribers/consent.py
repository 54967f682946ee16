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
    """One thing that happened: what, where (``form``, ``command line``), and in which words.

    ``text`` is what the person was shown or wrote, ``text_version`` the publication's name for that text,
    such as ``form-2026-04``, and ``topic`` the one that it is about; empty for all.
    """

    kind: ConsentKind = ConsentKind.ADDED
    source: str = ""
    text: str = ""
    ip: str = ""
    user_agent: str = ""
    text_version: str = ""
    topic: str = ""


@dataclass(frozen=True)
class ConsentRecord(Consent):
    """A line of the consent log; ``at`` is in UTC, ``status`` what it made of the subscriber, if that."""

    status: str = ""
    at: datetime | None = None

    def to_dict(self) -> dict[str, str]:
        """The line as plain texts, the moment in ISO 8601."""
        said = {name: str(value) for name, value in asdict(self).items() if name != "at"}
        return {**said, "at": self.at.isoformat() if self.at else ""}


def record(
    connection: Connection, subscriber_id: int, consent: Consent, at: datetime, status: Status | None = None
) -> None:
    """Add a line to the consent log; *status* is what the subscriber is from now on, None for no change."""
    connection.execute(CONSENT_EVENT.insert(), consent_row(subscriber_id, consent, at, status))


def consent_row(
    subscriber_id: int, consent: Consent, at: datetime, status: Status | None = None
) -> dict[str, object]:
    """The line as the table has it."""
    return {
        "subscriber_id": subscriber_id,
        "kind": consent.kind.value,
        "source": consent.source,
        "text": consent.text,
        "ip": consent.ip,
        "user_agent": consent.user_agent,
        "text_version": consent.text_version,
        "topic": consent.topic,
        "status": "" if status is None else status.value,
        "at": at,
    }


def change_status(
    connection: Connection, subscriber_id: int, status: Status, consent: Consent, at: datetime
) -> None:
    """Give a subscriber another status, and say in the consent log why: never the one without the other.

    The line comes first: the database refuses a status that the last line does not tell.
    """
    record(connection, subscriber_id, consent, at, status)
    changed = update(SUBSCRIBER).where(SUBSCRIBER.c.id == subscriber_id)
    connection.execute(changed.values(status=status, updated_at=at))
