"""Who went in one request of a provider: written down of nobody, and checked by the name of the request.

A provider takes a request as a whole or not at all, so an event of one recipient proves it of all. Who was in
it is not remembered, since a process may die at any moment. But the name of a request is made of all its
deliveries (`request_name`): of any set of them it can be told whether it is that request.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import exists, or_, select

from newsletter.delivery.models import BATCH, DELIVERY, SETTLEMENT, BatchState, DeliveryState
from newsletter.providers.sendgrid_payload import request_name
from subscribers.tables import among

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection


def doubted(connection: Connection, dispatch_id: int, batch: int) -> set[str]:
    """The deliveries of a batch that are in doubt, or were before they were settled as accepted."""
    settled = exists().where(
        SETTLEMENT.c.dispatch_id == DELIVERY.c.dispatch_id,
        SETTLEMENT.c.subscriber_id == DELIVERY.c.subscriber_id,
        SETTLEMENT.c.before == DeliveryState.UNCERTAIN,
        SETTLEMENT.c.after == DeliveryState.ACCEPTED,
    )
    mine = (DELIVERY.c.dispatch_id == dispatch_id, DELIVERY.c.batch == batch)
    doubtful = or_(DELIVERY.c.state == DeliveryState.UNCERTAIN, settled)
    return set(connection.scalars(select(DELIVERY.c.delivery_id).where(*mine, doubtful)))


def once_in_doubt(connection: Connection, dispatch_id: int) -> set[int]:
    """Who was in doubt before somebody put them back, or settled them as failed.

    Nobody else who waits can have gone in a request that was taken: all who are in one are in doubt at once.
    """
    query = select(SETTLEMENT.c.subscriber_id).where(
        SETTLEMENT.c.dispatch_id == dispatch_id,
        SETTLEMENT.c.before == DeliveryState.UNCERTAIN,
        SETTLEMENT.c.after != DeliveryState.ACCEPTED,
    )
    return set(connection.scalars(query))


def put_back_together(
    connection: Connection, dispatch_id: int, names: Mapping[int, str]
) -> Iterator[tuple[list[int], set[str]]]:
    """Those put back who wait in one free batch, and the deliveries of all who were put into it.

    Args:
        connection: the database.
        dispatch_id: the dispatch.
        names: everybody who was once in doubt and ever put back into it, and their deliveries.
    """
    rows = connection.execute(
        select(DELIVERY.c.batch, DELIVERY.c.delivery_id).where(
            DELIVERY.c.dispatch_id == dispatch_id, among(connection, DELIVERY.c.subscriber_id, list(names))
        )
    ).all()
    if len(rows) == len(names):
        return  # nobody waits any more
    left: defaultdict[int, set[str]] = defaultdict(set)
    for batch, name in rows:
        left[batch].add(name)
    free = select(BATCH.c.number, BATCH.c.ids).where(
        BATCH.c.dispatch_id == dispatch_id, BATCH.c.state == BatchState.READY, BATCH.c.pending > 0
    )
    for number, ids in connection.execute(free.order_by(BATCH.c.number)).all():
        if waiting := [who for who in json.loads(ids) if who in names]:
            yield waiting, {names[who] for who in waiting} | left[number]


def waiting_with(
    connection: Connection,
    dispatch_id: int,
    names: Mapping[int, str],
    requests: Mapping[str, tuple[int, str]],
) -> dict[int, str]:
    """Those put back who wait and went in one of the *requests*, all of which were taken; how that is known.

    Args:
        connection: the database.
        dispatch_id: the dispatch.
        names: everybody who was ever put back into it, and their deliveries.
        requests: of each request, by its name, the batch that it was of, and how it is known.
    """
    found: dict[int, str] = {}
    rest: dict[int, set[str]] = {}
    # Asked first: as a rule all were refused, and to look for them is to read all of their batches.
    doubted_once = once_in_doubt(connection, dispatch_id) if requests else set()
    names = {who: name for who, name in names.items() if who in doubted_once}
    for waiting, together in put_back_together(connection, dispatch_id, names) if names else ():
        for request, (batch, how) in requests.items():
            if batch not in rest:
                rest[batch] = doubted(connection, dispatch_id, batch)
            # They may all have been put back together, or the rest of them is in doubt still, or settled.
            if request in (request_name(together), request_name(together | rest[batch])):
                found.update(dict.fromkeys(waiting, of_another(how)))
    return found


def of_another(how: str) -> str:
    """How it is known of whoever went in one request with somebody who is proved."""
    return f"{how} (of another recipient of the same request)"
