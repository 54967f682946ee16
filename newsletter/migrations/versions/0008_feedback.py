"""Feedback: which delivery an event is about, what the other server said, and how grave that is.

Revision: 0008_feedback, after 0007_joining.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008_feedback"
down_revision = "0007_joining"
branch_labels = None
depends_on = None

COLUMNS = ("delivery_id", "code", "bounce", "reason")
ONCE = "uq_event_delivery_id_kind_at_url"
BY_DISPATCH = "ix_event_dispatch_kind_delivery_id"


def upgrade() -> None:
    for column in COLUMNS:
        op.add_column("event", sa.Column(column, sa.Text(), server_default="", nullable=False))
    of_a_delivery = sa.text("delivery_id <> ''")
    op.create_index(
        ONCE,
        "event",
        ["delivery_id", "kind", "at", "url"],
        unique=True,
        sqlite_where=of_a_delivery,
        postgresql_where=of_a_delivery,
    )
    op.create_index(BY_DISPATCH, "event", ["dispatch", "kind", "delivery_id"])


def downgrade() -> None:
    op.drop_index(BY_DISPATCH, "event")
    op.drop_index(ONCE, "event")
    for column in COLUMNS:
        op.drop_column("event", column)
