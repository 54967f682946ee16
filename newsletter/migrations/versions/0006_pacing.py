"""Pacing: shared rates, warm-up days, the circuit; when a dispatch is due, why it halted, lanes.

Revision: 0006_pacing, after 0005_import_checkpoint.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006_pacing"
down_revision = "0005_import_checkpoint"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COLUMNS = (("dispatch", "schedule"), ("dispatch", "halted"), ("batch", "lane"))


def upgrade() -> None:
    for table, column in COLUMNS:
        op.add_column(table, sa.Column(column, sa.Text(), server_default="", nullable=False))
    op.create_table(
        "budget",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rate", sa.Double(), nullable=False),
        sa.Column("free_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_budget"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "warm_up_day",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("count", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("provider", "day", name="pk_warm_up_day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "circuit",
        sa.Column("dispatch_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("recent", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["dispatch_id"], ["dispatch.id"], name="fk_circuit_dispatch_id"),
        sa.PrimaryKeyConstraint("dispatch_id", name="pk_circuit"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in ("circuit", "warm_up_day", "budget"):
        op.drop_table(table)
    for table, column in COLUMNS:
        op.drop_column(table, column)
