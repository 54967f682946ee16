"""Claiming: batches are found by number, so that the next one is found without sorting all.

Revision: 0011_claiming, after 0009_tracking.
"""

from __future__ import annotations

from alembic import op

revision = "0011_claiming"
down_revision = "0009_tracking"
branch_labels = None
depends_on = None

BEFORE, AFTER = "ix_batch_dispatch_id_state_ready_at", "ix_batch_dispatch_id_state_number"


def upgrade() -> None:
    op.create_index(AFTER, "batch", ["dispatch_id", "state", "number"])
    op.drop_index(BEFORE, "batch")


def downgrade() -> None:
    op.create_index(BEFORE, "batch", ["dispatch_id", "state", "ready_at"])
    op.drop_index(AFTER, "batch")
