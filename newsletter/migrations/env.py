"""What Alembic runs: the tables of the list and of the ledger, on the connection that it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from alembic import context

from newsletter.migrations import VERSION_TABLE
from newsletter.migrations.tables import METADATA
from subscribers.columns import UtcTime

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


def _render(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """Write our own column type into a revision as the database sees it, free of our code."""
    if kind == "type" and isinstance(item, UtcTime):
        return "sa.DateTime(timezone=True)"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    compare_type=True,
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
