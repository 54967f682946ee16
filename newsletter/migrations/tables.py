"""All tables of the one database: importing this module is what enters them in the metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import SQLModel

import newsletter.delivery.archive_tables
import newsletter.delivery.models
import newsletter.delivery.pacing_tables
import newsletter.delivery.tracking
import newsletter.notices.tables
import subscribers.engagement
import subscribers.models

if TYPE_CHECKING:
    from sqlalchemy import MetaData, Table

#: Modules whose tables this history makes.
MODULES = (
    subscribers.models,
    subscribers.engagement,
    newsletter.delivery.models,
    newsletter.delivery.pacing_tables,
    newsletter.delivery.tracking,
    newsletter.notices.tables,
    newsletter.delivery.archive_tables,
)
METADATA: MetaData = SQLModel.metadata


def tables() -> list[Table]:
    """Every table, each after those that its foreign keys name."""
    return METADATA.sorted_tables
