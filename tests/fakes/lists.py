"""Files of subscribers, what is known of one, and lists made empty again between examples."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from sqlalchemy import Engine, delete

from subscribers import ImportReport, Profile, SubscriberStore, export_csv, parse_segment, writing
from subscribers.tables import SUBSCRIBER, SUPPRESSION

#: When everything happens in a list whose clock stands still.
MOMENT = datetime(2026, 4, 11, 9, 30, tzinfo=UTC)


def rows(text: str) -> io.StringIO:
    """A file that says *text*."""
    return io.StringIO(text)


def counts(report: ImportReport) -> tuple[int, int, int, int, int]:
    """How many an import created, updated, left unchanged, skipped and refused."""
    return report.created, report.updated, report.unchanged, report.skipped, report.invalid


def exported(store: SubscriberStore, segment: str | None = None) -> str:
    """The file that an export writes of everybody, or of those in a segment."""
    out = io.StringIO()
    export_csv(store, parse_segment(segment) if segment else None, out)
    return out.getvalue()


def known(store: SubscriberStore, email: str) -> Profile:
    """Somebody who is on the list."""
    profile = store.find(email)
    assert profile is not None
    return profile


def forget_everybody(engine: Engine) -> None:
    """Take everybody off the list, with the log: no list loses that, but these have to, to be empty."""
    disable = "ALTER TABLE consent_event DISABLE TRIGGER consent_event_stays"
    sqlite = engine.dialect.name == "sqlite"
    with writing(engine) as connection:
        connection.exec_driver_sql("DROP TRIGGER IF EXISTS consent_event_stays" if sqlite else disable)
        connection.execute(delete(SUBSCRIBER))
        connection.execute(delete(SUPPRESSION))
