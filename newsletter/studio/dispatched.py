"""Whether, when and to how many issues were dispatched, as the list of issues tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from newsletter.delivery.models import DISPATCH, DispatchState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from sqlalchemy import Engine


@dataclass(frozen=True)
class Dispatched:
    """The latest dispatch of an issue, and how many ``others`` it had before.

    ``recipients`` were planned; what came of them is told by its report.
    """

    name: str
    state: DispatchState
    at: datetime
    recipients: int
    others: int = 0

    @property
    def words(self) -> str:
        """What to call it: that it is done, or how it stands."""
        return "Dispatched" if self.state is DispatchState.FINISHED else f"Dispatch {self.state}"


def latest_dispatches(engine: Engine | None, slugs: Collection[str]) -> Mapping[str, Dispatched]:
    """The latest dispatch of each of these issues that had one, asked for at once and without counting."""
    if engine is None or not slugs:
        return {}
    latest = (
        select(func.max(DISPATCH.c.id).label("id"), func.count().label("number"))
        .where(DISPATCH.c.slug.in_(slugs))
        .group_by(DISPATCH.c.slug)
        .subquery()
    )
    columns = (DISPATCH.c[name] for name in ("name", "slug", "state", "created_at", "planned"))
    query = select(*columns, latest.c.number).join(latest, latest.c.id == DISPATCH.c.id)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return {
        row.slug: Dispatched(row.name, DispatchState(row.state), row.created_at, row.planned, row.number - 1)
        for row in rows
    }
