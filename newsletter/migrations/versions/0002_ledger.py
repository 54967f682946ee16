"""The ledger: dispatches, their exclusions and batches, deliveries, and settlements afterwards.

Revision: 0002_ledger, after 0001_subscribers.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_ledger"
down_revision = "0001_subscribers"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "dispatch",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("edition", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("audience_key", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("candidates", NUMBER, nullable=False),
        sa.Column("planned", NUMBER, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_dispatch"),
        sa.UniqueConstraint("name", name="uq_dispatch_name"),
    )
    op.create_index("ix_dispatch_slug", "dispatch", ["slug"])
    op.create_table(
        "exclusion",
        sa.Column("dispatch_id", NUMBER, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("count", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["dispatch_id"], ["dispatch.id"], name="fk_exclusion_dispatch_id"),
        sa.PrimaryKeyConstraint("dispatch_id", "reason", name="pk_exclusion"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "batch",
        sa.Column("dispatch_id", NUMBER, nullable=False),
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("ids", sa.Text(), nullable=False),
        sa.Column("pending", NUMBER, nullable=False),
        sa.Column("called", NUMBER, nullable=False),
        sa.Column("tries", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", NUMBER, nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("ready_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["dispatch_id"], ["dispatch.id"], name="fk_batch_dispatch_id"),
        sa.PrimaryKeyConstraint("dispatch_id", "number", name="pk_batch"),
    )
    op.create_index("ix_batch_dispatch_id_state_ready_at", "batch", ["dispatch_id", "state", "ready_at"])
    op.create_table(
        "delivery",
        sa.Column("dispatch_id", NUMBER, nullable=False),
        sa.Column("subscriber_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("batch", NUMBER, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("attempts", NUMBER, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["dispatch_id"], ["dispatch.id"], name="fk_delivery_dispatch_id"),
        sa.PrimaryKeyConstraint("dispatch_id", "subscriber_id", name="pk_delivery"),
        sa.UniqueConstraint("delivery_id", name="uq_delivery_delivery_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "settlement",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("dispatch_id", NUMBER, nullable=False),
        sa.Column("subscriber_id", NUMBER, nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["dispatch_id"], ["dispatch.id"], name="fk_settlement_dispatch_id"),
        sa.PrimaryKeyConstraint("id", name="pk_settlement"),
    )
    op.create_index("ix_settlement_dispatch_id", "settlement", ["dispatch_id"])


def downgrade() -> None:
    for table in ("settlement", "delivery", "batch", "exclusion", "dispatch"):
        op.drop_table(table)
