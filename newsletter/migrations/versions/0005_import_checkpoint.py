"""Imports that have not ended, so that they can be continued.

Revision: 0005_import_checkpoint, after 0004_events.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005_import_checkpoint"
down_revision = "0004_events"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
OBJECT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "import_checkpoint",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("done", NUMBER, nullable=False),
        sa.Column("counts", OBJECT, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_import_checkpoint"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("import_checkpoint")
