"""What `/metrics` counts is found by an index: dispatches by state, and deliveries that are in doubt.

Revision: 0013_numbers, after 0012_archive.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013_numbers"
down_revision = "0012_archive"
branch_labels = None
depends_on = None

STATE = "ix_dispatch_state_created_at"
IN_DOUBT = "ix_delivery_in_doubt"


def upgrade() -> None:
    op.create_index(STATE, "dispatch", ["state", "created_at"])
    # Those in doubt are a few out of millions, and the index has no others.
    doubt = sa.text("state = 'uncertain'")
    op.create_index(IN_DOUBT, "delivery", ["dispatch_id"], sqlite_where=doubt, postgresql_where=doubt)


def downgrade() -> None:
    op.drop_index(IN_DOUBT, "delivery")
    op.drop_index(STATE, "dispatch")
