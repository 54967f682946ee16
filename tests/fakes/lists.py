"""Lists made empty again between examples."""

from __future__ import annotations

from sqlalchemy import Engine, delete

from subscribers import writing
from subscribers.tables import SUBSCRIBER


def forget_everybody(engine: Engine) -> None:
    """Take everybody off the list, with the log: no list loses that, but these have to, to be empty."""
    disable = "ALTER TABLE consent_event DISABLE TRIGGER consent_event_stays"
    sqlite = engine.dialect.name == "sqlite"
    with writing(engine) as connection:
        connection.exec_driver_sql("DROP TRIGGER IF EXISTS consent_event_stays" if sqlite else disable)
        connection.execute(delete(SUBSCRIBER))
