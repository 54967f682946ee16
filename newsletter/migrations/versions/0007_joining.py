"""Joining: notices, which are mails that answer a reader's wish, and how often one may ask.

Revision: 0007_joining, after 0006_pacing.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007_joining"
down_revision = "0006_pacing"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "notice",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subscriber_id", NUMBER, nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", NUMBER, nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name="fk_notice_subscriber_id"),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
    )
    op.create_index("ix_notice_state_ready_at", "notice", ["state", "ready_at"])
    op.create_index("ix_notice_subscriber_id_kind", "notice", ["subscriber_id", "kind"])
    op.create_table(
        "allowance",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_allowance"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_allowance_ends", "allowance", ["ends"])


def downgrade() -> None:
    op.drop_table("allowance")
    op.drop_table("notice")
