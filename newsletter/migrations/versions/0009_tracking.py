"""Tracking: consent to it, what is frozen of tracked dispatches, numbers without names, machines by rule.

Revision: 0009_tracking, after 0008_feedback.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009_tracking"
down_revision = "0008_feedback"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXTS = (("subscriber", "tracking_consent"), ("event", "machine"))


def upgrade() -> None:
    for table, column in TEXTS:
        op.add_column(table, sa.Column(column, sa.Text(), server_default="", nullable=False))
    _restore_consent()
    op.add_column("event", sa.Column("link", NUMBER, nullable=True))
    op.create_table(
        "tracked_dispatch",
        sa.Column("dispatch_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("opens", sa.Boolean(), nullable=False),
        sa.Column("clicks", sa.Boolean(), nullable=False),
        sa.Column("anonymous", sa.Boolean(), nullable=False),
        sa.Column("links", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("dispatch_id", name="pk_tracked_dispatch"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tracking_count",
        sa.Column("dispatch_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("link", NUMBER, autoincrement=False, nullable=False),
        sa.Column("by_machine", sa.Boolean(), nullable=False),
        sa.Column("count", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("dispatch_id", "kind", "link", "by_machine", name="pk_tracking_count"),
        sqlite_with_rowid=False,
    )


def _restore_consent() -> None:
    """What people said is in the log, which a downgrade keeps: who refused must not be asked by silence."""
    texts = [sa.column(name, sa.Text()) for name in ("status", "tracking_consent")]
    person = sa.table("subscriber", sa.column("id", NUMBER), *texts)
    log = sa.table(
        "consent_event",
        sa.column("id", NUMBER),
        sa.column("subscriber_id", NUMBER),
        sa.column("kind", sa.Text()),
    )
    for kind, said in (("tracking_allowed", "granted"), ("tracking_denied", "denied")):
        about = log.c.kind.in_(["tracking_allowed", "tracking_denied"])
        last = sa.select(sa.func.max(log.c.id)).where(about).group_by(log.c.subscriber_id)
        people = sa.select(log.c.subscriber_id).where(log.c.id.in_(last), log.c.kind == kind)
        listed = person.update().where(person.c.id.in_(people), person.c.status != "erased")
        op.execute(listed.values(tracking_consent=said))


def downgrade() -> None:
    for table in ("tracking_count", "tracked_dispatch"):
        op.drop_table(table)
    op.drop_column("event", "link")
    for table, column in TEXTS:
        op.drop_column(table, column)
