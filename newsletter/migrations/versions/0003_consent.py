"""Consent: topics with a state, a log that can only be added to, suppressions with a scope, pauses.

Revision: 0003_consent, after 0002_ledger.

Taking it back forgets pauses, time zones, the names of texts, and which topics were left: their rows go, so
that nobody gets a topic again whom it was taken from. A suppression of one topic goes, too.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_consent"
down_revision = "0002_ledger"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)

# The last line of the log tells the status that a subscriber has; of earlier lines those tell one that can
# mean nothing else.
_TELL_STATUS = (
    """UPDATE consent_event SET status = CASE kind
         WHEN 'confirmed' THEN 'active' WHEN 'opted_out' THEN 'unsubscribed' WHEN 'bounced' THEN 'bounced'
         WHEN 'complained' THEN 'complained' WHEN 'erased' THEN 'erased' ELSE '' END""",
    """UPDATE consent_event SET status = (SELECT s.status FROM subscriber s WHERE s.id = subscriber_id)
       WHERE id IN (SELECT max(id) FROM consent_event GROUP BY subscriber_id)""",
)

_KEPT = ("id", "subscriber_id", "kind", "text_version", "topic", "status", "at")
_EMPTIED = ("source", "text", "ip", "user_agent")
_LAWFUL = " AND ".join(
    [
        *(f"NEW.{name} = OLD.{name}" for name in _KEPT),
        *(f"NEW.{name} = ''" for name in _EMPTIED),
        "EXISTS (SELECT 1 FROM subscriber s WHERE s.id = OLD.subscriber_id AND s.status = 'erased')",
    ]
)
_TOLD = (
    "(SELECT e.status FROM consent_event e WHERE e.subscriber_id = NEW.id AND e.status <> ''"
    " ORDER BY e.id DESC LIMIT 1)"
)
_ONLY_ADDED_TO = "the consent log is only added to"
_NOT_TOLD = "no line of the consent log tells this change of status"

_SQLITE = (
    f"""CREATE TRIGGER consent_event_keeps BEFORE UPDATE ON consent_event WHEN NOT ({_LAWFUL})
        BEGIN SELECT RAISE(ABORT, '{_ONLY_ADDED_TO}'); END""",
    f"""CREATE TRIGGER consent_event_stays BEFORE DELETE ON consent_event
        BEGIN SELECT RAISE(ABORT, '{_ONLY_ADDED_TO}'); END""",
    f"""CREATE TRIGGER subscriber_status_told BEFORE UPDATE OF status ON subscriber
        WHEN NEW.status <> OLD.status AND NEW.status IS NOT {_TOLD}
        BEGIN SELECT RAISE(ABORT, '{_NOT_TOLD}'); END""",
)
_POSTGRES = (
    f"""CREATE FUNCTION consent_event_refuses() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP = 'UPDATE' THEN
            IF {_LAWFUL} THEN RETURN NEW; END IF;
          END IF;
          RAISE EXCEPTION '{_ONLY_ADDED_TO}' USING ERRCODE = 'integrity_constraint_violation';
        END $$""",
    f"""CREATE FUNCTION subscriber_status_refuses() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF NEW.status IS NOT DISTINCT FROM {_TOLD} THEN RETURN NEW; END IF;
          RAISE EXCEPTION '{_NOT_TOLD}' USING ERRCODE = 'integrity_constraint_violation';
        END $$""",
    """CREATE TRIGGER consent_event_keeps BEFORE UPDATE ON consent_event
       FOR EACH ROW EXECUTE FUNCTION consent_event_refuses()""",
    """CREATE TRIGGER consent_event_stays BEFORE DELETE ON consent_event
       FOR EACH ROW EXECUTE FUNCTION consent_event_refuses()""",
    """CREATE TRIGGER consent_event_whole BEFORE TRUNCATE ON consent_event
       FOR EACH STATEMENT EXECUTE FUNCTION consent_event_refuses()""",
    """CREATE TRIGGER subscriber_status_told BEFORE UPDATE OF status ON subscriber
       FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION subscriber_status_refuses()""",
)
_TAKEN_BACK = {
    "sqlite": (
        "DROP TRIGGER subscriber_status_told",
        "DROP TRIGGER consent_event_stays",
        "DROP TRIGGER consent_event_keeps",
    ),
    "postgresql": (
        "DROP TRIGGER subscriber_status_told ON subscriber",
        "DROP TRIGGER consent_event_whole ON consent_event",
        "DROP TRIGGER consent_event_stays ON consent_event",
        "DROP TRIGGER consent_event_keeps ON consent_event",
        "DROP FUNCTION subscriber_status_refuses()",
        "DROP FUNCTION consent_event_refuses()",
    ),
}


def upgrade() -> None:
    op.add_column("subscriber", _text("time_zone"))
    op.add_column("subscriber", sa.Column("paused_until", TIME, nullable=True))
    op.add_column("subscription", _text("state", "subscribed"))
    for name in ("text_version", "topic", "status"):
        op.add_column("consent_event", _text(name))
    op.add_column("dispatch", _text("topic"))
    _identify_suppressions("all", "key", "scope")
    for statement in (*_TELL_STATUS, *(_SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRES)):
        op.execute(statement)


def downgrade() -> None:
    for statement in _TAKEN_BACK[op.get_bind().dialect.name]:
        op.execute(statement)
    op.execute("DELETE FROM subscription WHERE state <> 'subscribed'")
    op.execute("DELETE FROM suppression WHERE scope <> 'all'")
    _identify_suppressions(None, "key")
    for table, names in (
        ("dispatch", ("topic",)),
        ("consent_event", ("status", "topic", "text_version")),
        ("subscription", ("state",)),
        ("subscriber", ("paused_until", "time_zone")),
    ):
        for name in names:
            op.drop_column(table, name)


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def _identify_suppressions(default: str | None, *key: str) -> None:
    with op.batch_alter_table("suppression", table_kwargs={"sqlite_with_rowid": False}) as table:
        table.alter_column("scope", existing_type=sa.Text(), existing_nullable=False, server_default=default)
        table.drop_constraint("pk_suppression", type_="primary")
        table.create_primary_key("pk_suppression", list(key))
