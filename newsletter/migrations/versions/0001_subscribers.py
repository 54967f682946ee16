"""The list: subscribers, what they chose and agreed to, suppressions, segments, keys.

Revision: 0001_subscribers, the first.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001_subscribers"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
OBJECT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "subscriber",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("suppression_key", sa.LargeBinary(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=False),
        sa.Column("last_name", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attributes", OBJECT, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subscriber"),
        sa.UniqueConstraint("public_id", name="uq_subscriber_public_id"),
        sa.UniqueConstraint("email_key", name="uq_subscriber_email_key"),
    )
    op.create_index("ix_subscriber_status", "subscriber", ["status"])
    op.create_table(
        "attribute_name",
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_attribute_name"),
    )
    op.create_table(
        "tag",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tag"),
        sa.UniqueConstraint("name", name="uq_tag_name"),
    )
    op.create_table(
        "topic",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_topic"),
        sa.UniqueConstraint("slug", name="uq_topic_slug"),
    )
    _create_pairs("subscriber_tag", "tag")
    _create_pairs("subscription", "topic", sa.Column("since", TIME, nullable=False))
    op.create_table(
        "consent_event",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("subscriber_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_consent_event"),
        _refers("consent_event", "subscriber"),
    )
    op.create_index("ix_consent_event_subscriber_id", "consent_event", ["subscriber_id"])
    _create_what_outlives_subscribers()


def downgrade() -> None:
    for table in (
        "signing_key",
        "segment",
        "suppression",
        "consent_event",
        "subscription",
        "subscriber_tag",
        "topic",
        "tag",
        "attribute_name",
        "subscriber",
    ):
        op.drop_table(table)


def _create_what_outlives_subscribers() -> None:
    op.create_table(
        "suppression",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_suppression"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "segment",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("expression", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_segment"),
    )
    op.create_table(
        "signing_key",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("generation", ROW_ID, nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_signing_key"),
        sa.UniqueConstraint("purpose", "generation", name="uq_signing_key_purpose_generation"),
    )


def _create_pairs(table: str, of: str, *columns: sa.Column[datetime]) -> None:
    """A table of pairs of *of* and subscriber, found from either side."""
    op.create_table(
        table,
        sa.Column(f"{of}_id", ROW_ID, nullable=False),
        sa.Column("subscriber_id", ROW_ID, nullable=False),
        *columns,
        sa.PrimaryKeyConstraint(f"{of}_id", "subscriber_id", name=f"pk_{table}"),
        _refers(table, of),
        _refers(table, "subscriber"),
        sqlite_with_rowid=False,
    )
    op.create_index(f"ix_{table}_subscriber_id", table, ["subscriber_id"])


def _refers(table: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([f"{to}_id"], [f"{to}.id"], name=f"fk_{table}_{to}_id", ondelete="CASCADE")
