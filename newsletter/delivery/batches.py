"""One more batch of a dispatch, for recipients who have to wait apart from the others of theirs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

from newsletter.delivery.models import BATCH, DISPATCH, BatchState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection


def append_batch(
    connection: Connection,
    dispatch_id: int,
    ids: Sequence[int],
    ready_at: datetime,
    *,
    lane: str = "",
    tries: Mapping[int, int] | None = None,
) -> None:
    """One more batch of a dispatch, after the last one, which may be claimed from *ready_at* on."""
    # The lock keeps two processes from giving two batches one number.
    connection.execute(select(DISPATCH.c.id).where(DISPATCH.c.id == dispatch_id).with_for_update())
    last = connection.scalar(
        select(func.coalesce(func.max(BATCH.c.number), 0)).where(BATCH.c.dispatch_id == dispatch_id)
    )
    values = {
        "dispatch_id": dispatch_id,
        "number": int(last or 0) + 1,
        "ids": json.dumps(ids, separators=(",", ":")),
        "pending": len(ids),
        "called": 0,
        "tries": json.dumps(tries or {}, separators=(",", ":")),
        "state": BatchState.READY,
        "attempt": 0,
        "worker": "",
        "lane": lane,
        "ready_at": ready_at,
    }
    connection.execute(insert(BATCH).values(values))
