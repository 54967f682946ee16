"""The archive: whether a dispatch is in it, and the words by which it is searched.

Revision: 0012_archive, after 0011_claiming.

Taking it back forgets what `newsletter archive hide` and `show` said: an older version shows every dispatch
to everybody, and after the next upgrade those are in the archive again that did not go to a segment.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012_archive"
down_revision = "0011_claiming"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    archived: sa.Column[bool] = sa.Column("archived", sa.Boolean(), server_default=sa.true(), nullable=False)
    op.add_column("dispatch", archived)
    # What went to a segment was meant for those. `true` is the expression for everybody.
    dispatch = sa.table("dispatch", sa.column("archived", sa.Boolean()), sa.column("audience_key", sa.Text()))
    key = dispatch.c.audience_key
    everybody = sa.or_(key == "true", sa.and_(key.like("topic %"), key.like("%: true")), key == "")
    op.execute(dispatch.update().where(sa.not_(everybody)).values(archived=sa.false()))
    op.create_table(
        "issue_text",
        sa.Column("dispatch_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("rules", NUMBER, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["dispatch_id"], ["dispatch.id"], name="fk_issue_text_dispatch_id"),
        sa.PrimaryKeyConstraint("dispatch_id", name="pk_issue_text"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "issue_word",
        sa.Column("word", sa.LargeBinary(), nullable=False),
        sa.Column("dispatch_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("weight", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["dispatch_id"], ["dispatch.id"], name="fk_issue_word_dispatch_id"),
        sa.PrimaryKeyConstraint("word", "dispatch_id", name="pk_issue_word"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in ("issue_word", "issue_text"):
        op.drop_table(table)
    op.drop_column("dispatch", "archived")
