"""What Alembic runs: the tables of the list and of the ledger, on the connection that it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from alembic import context
from sqlmodel import SQLModel

import newsletter.delivery.archive_tables
import newsletter.delivery.models
import newsletter.delivery.pacing_tables
import newsletter.delivery.tracking
import newsletter.notices.tables
import subscribers.engagement
import subscribers.models
from newsletter.migrations import VERSION_TABLE
from subscribers.columns import UtcTime

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

#: Modules whose tables this history makes; importing them is what enters the tables in the metadata.
TABLES = (
    subscribers.models,
    subscribers.engagement,
    newsletter.delivery.models,
    newsletter.delivery.pacing_tables,
    newsletter.delivery.tracking,
    newsletter.notices.tables,
    newsletter.delivery.archive_tables,
)


def _render(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """Write our own column type into a revision as the database sees it, free of our code."""
    if kind == "type" and isinstance(item, UtcTime):
        return "sa.DateTime(timezone=True)"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    compare_type=True,
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
