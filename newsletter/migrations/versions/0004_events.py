"""Events: what is learned of messages after they were handed over.

Revision: 0004_events, after 0003_consent.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004_events"
down_revision = "0003_consent"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "event",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subscriber_id", NUMBER, nullable=False),
        sa.Column("issue", sa.Text(), nullable=False),
        sa.Column("dispatch", sa.Text(), nullable=False),
        sa.Column("by_machine", sa.Boolean(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name="fk_event_subscriber_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
        sa.UniqueConstraint("provider", "event_id", name="uq_event_provider_event_id"),
    )
    for columns in (
        ["issue", "kind", "by_machine", "subscriber_id"],
        ["kind", "by_machine", "at", "subscriber_id"],
        ["subscriber_id"],
    ):
        op.create_index(f"ix_event_{'_'.join(columns)}", "event", columns)


def downgrade() -> None:
    op.drop_table("event")
