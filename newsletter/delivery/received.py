"""Who has, may have, or will get an issue from an earlier dispatch, however many they are."""

from __future__ import annotations

import json
from heapq import heappop, heappush, merge
from typing import TYPE_CHECKING

from sqlalchemy import select

from newsletter.delivery.models import BATCH, DELIVERY, DISPATCH, DeliveryState
from subscribers.tables import among

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Sequence
    from typing import Any

    from sqlalchemy import Connection, Row

_ROWS_AT_A_TIME = 5_000
_BATCHES_AT_A_TIME = 4
_MAILED = (DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN)


def received_elsewhere(connection: Connection, dispatch: Row[Any], people: Collection[int]) -> set[int]:
    """Those of *people*, once planned for a dispatch, who will get its issue from another, or did since.

    What came before it was planned does not count: then it was asked for that they get the issue again.

    Args:
        connection: a transaction in which nobody plans.
        dispatch: its row.
        people: subscribers.
    """
    others = (DISPATCH.c.slug == dispatch.slug, DISPATCH.c.id != dispatch.id)
    ids = connection.scalars(select(DISPATCH.c.id).where(*others)).all() if people else ()
    if not ids:
        return set()
    # Batches before outcomes: whoever goes from the ones to the others meanwhile is seen.
    waiting = select(BATCH.c.ids).where(BATCH.c.dispatch_id.in_(ids), BATCH.c.pending > 0)
    found: set[int] = set()
    wanted = frozenset(people)
    with connection.execute(waiting.execution_options(yield_per=10)) as rows:
        for text in rows.scalars():
            found |= wanted.intersection(json.loads(text))
    had = select(DELIVERY.c.subscriber_id).where(
        DELIVERY.c.dispatch_id.in_(ids),
        among(connection, DELIVERY.c.subscriber_id, list(people)),
        DELIVERY.c.state.in_(_MAILED),
        DELIVERY.c.at >= dispatch.created_at,
    )
    return found.union(connection.scalars(had))


class _Rising:
    """The ids of several streams, each of which rises, asked for in the same order."""

    def __init__(self, streams: Sequence[Generator[int]]) -> None:
        self._streams = streams
        self._ids = merge(*streams)
        self._next = next(self._ids, None)

    def close(self) -> None:
        for stream in self._streams:
            stream.close()

    def holds(self, subscriber_id: int) -> bool:
        """Whether one of the streams has the id; none may be lower than the one before."""
        while self._next is not None and self._next < subscriber_id:
            self._next = next(self._ids, None)
        return self._next == subscriber_id

    def among(self, ids: Sequence[int]) -> set[int]:
        return set() if self._next is None else {who for who in ids if self.holds(who)}


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
        self._had = _Rising([self._mailed(each) for each in dispatches])
        chains = [(each, chain) for each in dispatches for chain in self._chains(each)]
        self._to_come = _Rising([self._waiting(each, chain) for each, chain in chains])

    def close(self) -> None:
        """Read no more; what is read half must not outlive the connection."""
        self._had.close()
        self._to_come.close()

    def holds(self, subscriber_id: int) -> bool:
        """Whether this subscriber was or will be mailed; no id may be lower than the one before."""
        return self._had.holds(subscriber_id) or self._to_come.holds(subscriber_id)

    def among(self, ids: Sequence[int]) -> tuple[set[int], set[int]]:
        """Those of *ids*, which rise, who were or may have been mailed, and the others who wait for it."""
        had = self._had.among(ids)
        return had, self._to_come.among(ids) - had

    def _mailed(self, dispatch_id: int) -> Generator[int]:
        query = (
            select(DELIVERY.c.subscriber_id)
            .where(DELIVERY.c.dispatch_id == dispatch_id, DELIVERY.c.state.in_(_MAILED))
            .order_by(DELIVERY.c.subscriber_id)
        )
        with self._connection.execute(query.execution_options(yield_per=_ROWS_AT_A_TIME)) as rows:
            yield from rows.scalars()

    def _chains(self, dispatch_id: int) -> list[list[int]]:
        """The batches with somebody in them, by number, in chains in which ids rise from batch to batch.

        As planned, that is one chain. Recipients who are due at different times, or apart for their domain's
        rate, or put back to be tried again, have batches whose ids overlap with those of others.
        """
        query = select(BATCH.c.number, BATCH.c.ids).where(
            BATCH.c.dispatch_id == dispatch_id, BATCH.c.pending > 0
        )
        spans = []
        with self._connection.execute(query.execution_options(yield_per=10)) as rows:
            for number, text in rows:
                ids = json.loads(text)
                spans.append((min(ids), max(ids), number))
        ends: list[tuple[int, int]] = []
        chains: list[list[int]] = []
        for first, last, number in sorted(spans):
            # The chain that ended lowest goes on here, if it ended before; else a new one begins.
            place = heappop(ends)[1] if ends and ends[0][0] < first else len(chains)
            if place == len(chains):
                chains.append([])
            chains[place].append(number)
            heappush(ends, (last, place))
        return chains

    def _waiting(self, dispatch_id: int, chain: list[int]) -> Generator[int]:
        for start in range(0, len(chain), _BATCHES_AT_A_TIME):
            part = chain[start : start + _BATCHES_AT_A_TIME]
            query = select(BATCH.c.number, BATCH.c.ids).where(
                BATCH.c.dispatch_id == dispatch_id, BATCH.c.number.in_(part)
            )
            ids_of = {row.number: row.ids for row in self._connection.execute(query)}
            for number in part:
                yield from sorted(json.loads(ids_of[number]))
