"""Who has, may have, or will get an issue from an earlier dispatch, however many they are."""

from __future__ import annotations

import json
from heapq import merge
from typing import TYPE_CHECKING

from sqlalchemy import select

from newsletter.delivery.models import BATCH, DELIVERY, DISPATCH, DeliveryState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_ROWS_AT_A_TIME = 5_000
_MAILED = (DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN)


class Received:
    """Tells of subscribers, asked for in the order of their ids, whether they were or will be mailed.

    The ids of earlier dispatches are read as far as they are needed, in the same order, and not kept: a list
    of millions takes no more memory than a list of a hundred.

    Args:
        connection: the database, in the transaction that plans.
        slug: the issue.
    """

    def __init__(self, connection: Connection, slug: str) -> None:
        self._connection = connection
        dispatches = connection.scalars(select(DISPATCH.c.id).where(DISPATCH.c.slug == slug)).all()
        streams = [stream(each) for each in dispatches for stream in (self._mailed, self._waiting)]
        self._ids = merge(*streams)
        self._next = next(self._ids, None)

    def holds(self, subscriber_id: int) -> bool:
        """Whether this subscriber is among them; no id may be lower than the one before."""
        while self._next is not None and self._next < subscriber_id:
            self._next = next(self._ids, None)
        return self._next == subscriber_id

    def _mailed(self, dispatch_id: int) -> Iterator[int]:
        query = (
            select(DELIVERY.c.subscriber_id)
            .where(DELIVERY.c.dispatch_id == dispatch_id, DELIVERY.c.state.in_(_MAILED))
            .order_by(DELIVERY.c.subscriber_id)
        )
        with self._connection.execute(query.execution_options(yield_per=_ROWS_AT_A_TIME)) as rows:
            yield from rows.scalars()

    def _waiting(self, dispatch_id: int) -> Iterator[int]:
        query = (
            select(BATCH.c.ids)
            .where(BATCH.c.dispatch_id == dispatch_id, BATCH.c.pending > 0)
            .order_by(BATCH.c.number)
        )
        # A later batch has higher ids, since candidates are frozen in the order of their ids.
        with self._connection.execute(query.execution_options(yield_per=10)) as rows:
            for ids in rows.scalars():
                yield from sorted(json.loads(ids))
