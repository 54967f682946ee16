"""Who was put back to be tried again, and is proved since to have been handed over: no second mail for them.

An event may come while they wait in a free batch: they leave it at once (`take_out`). Or it comes while a
worker holds their batch, which nobody else can write: that worker looks before it hands them over (`proved`).
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert, literal_column, select, update

from newsletter.delivery.entries import Entry, enter
from newsletter.delivery.forgetting import nameless
from newsletter.delivery.identity import delivery_ids
from newsletter.delivery.leases import parse_tries
from newsletter.delivery.ledger import finish_within
from newsletter.delivery.models import (
    BATCH,
    DISPATCH,
    SETTLEMENT,
    BatchState,
    DeliveryState,
    DispatchState,
)
from subscribers.columns import RowId
from subscribers.engagement import EVENT
from subscribers.prepared import Prepared
from subscribers.tables import among

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Connection, Engine, Row

#: What a settlement is called that puts somebody back; it is no state of a delivery, for there is none then.
PUT_BACK = "pending"
#: Asked for each batch: made once.
_PUT_BACK = Prepared(
    select(SETTLEMENT.c.subscriber_id).where(
        SETTLEMENT.c.dispatch_id == bindparam("dispatch", type_=RowId),
        SETTLEMENT.c.after == PUT_BACK,
        SETTLEMENT.c.subscriber_id.between(bindparam("first", type_=RowId), bindparam("last", type_=RowId)),
    )
)
_ENDED = (DispatchState.FINISHED, DispatchState.CANCELLED)


def put_back(engine: Engine, dispatch_id: int, ids: Collection[int]) -> frozenset[int]:
    """Those of *ids* who were ever put back into the dispatch."""
    if not ids:
        return frozenset()
    with engine.connect() as connection:
        connection.begin()  # it ends with the connection
        values = {"dispatch": dispatch_id, "first": min(ids), "last": max(ids)}
        rows = _PUT_BACK.run(connection, values).fetchall()
    return frozenset(row[0] for row in rows).intersection(ids) if rows else frozenset()


def proved(connection: Connection, delivery_ids: Collection[str]) -> dict[str, str]:
    """Those of the deliveries of which there is an event, and how it proves that they were handed over."""
    columns = (EVENT.c.delivery_id, EVENT.c.provider, EVENT.c.kind, EVENT.c.reason)
    # The second condition, written out, is what lets both databases use the index of events with a delivery.
    mine = (among(connection, EVENT.c.delivery_id, delivery_ids), EVENT.c.delivery_id != literal_column("''"))
    rows = connection.execute(select(*columns).where(*mine))
    return {row.delivery_id: f"{row.provider}: {row.kind} {row.reason}".strip()[:300] for row in rows}


def take_out(connection: Connection, proofs: Mapping[str, str], now: datetime) -> int:
    """Take those who wait to be tried again out of free batches, if they are proved; how many were.

    Args:
        connection: a transaction that writes.
        proofs: how it is known that a delivery was handed over, by delivery id.
        now: the present moment.
    """
    # Asked alone at first: there is seldom anybody, and to look through dispatches is to read their editions.
    put_back_in = select(SETTLEMENT.c.dispatch_id).where(SETTLEMENT.c.after == PUT_BACK).distinct()
    dispatches = connection.scalars(put_back_in).all() if proofs else ()
    if not dispatches:
        return 0
    again = connection.execute(
        select(DISPATCH.c.id, DISPATCH.c.secret, SETTLEMENT.c.subscriber_id)
        .join(SETTLEMENT, SETTLEMENT.c.dispatch_id == DISPATCH.c.id)
        .where(DISPATCH.c.id.in_(dispatches), SETTLEMENT.c.after == PUT_BACK, DISPATCH.c.state.not_in(_ENDED))
        .order_by(DISPATCH.c.id)
    ).all()
    count = 0
    for dispatch_id, rows in groupby(again, key=lambda row: int(row.id)):
        group = list(rows)
        people = [row.subscriber_id for row in group]
        names = dict(zip(people, delivery_ids(bytes(group[0].secret), people), strict=True))
        found = {who: (name, proofs[name]) for who, name in names.items() if name in proofs}
        count += _leave(connection, dispatch_id, found, now) if found else 0
    return count


def _leave(
    connection: Connection, dispatch_id: int, found: Mapping[int, tuple[str, str]], now: datetime
) -> int:
    """Let the *found* (delivery id, how it is known) leave the free batches of a dispatch as accepted."""
    # The dispatch before its batches, as whoever cancels it does: so neither waits for the other.
    connection.execute(select(DISPATCH.c.id).where(DISPATCH.c.id == dispatch_id).with_for_update())
    free = (BATCH.c.dispatch_id == dispatch_id, BATCH.c.state == BatchState.READY)
    count = 0
    for batch in connection.execute(select(BATCH).where(*free).with_for_update()).all():
        leaving = {who: found[who] for who in json.loads(batch.ids) if who in found}
        if leaving:
            _rewrite(connection, batch, leaving, now)
            count += len(leaving)
    if count:
        finish_within(connection, dispatch_id, now)
    return count


def _rewrite(
    connection: Connection, batch: Row[Any], leaving: Mapping[int, tuple[str, str]], now: datetime
) -> None:
    """Write a batch without those who leave it, their outcomes, and a note of each."""
    tries = parse_tries(batch.tries)
    left = [who for who in json.loads(batch.ids) if who not in leaving]
    still = {who: count for who, count in tries.items() if who not in leaving}
    how = nameless(connection, {who: said for who, (_, said) in leaving.items()})
    entries = [
        Entry(who, name, DeliveryState.ACCEPTED, how[who], attempts=max(1, tries.get(who, 0)))
        for who, (name, _) in leaving.items()
    ]
    changed = {
        "ids": json.dumps(left, separators=(",", ":")),
        "pending": len(left),
        "tries": json.dumps(still, separators=(",", ":")),
        "state": BatchState.READY if left else BatchState.DONE,
    }
    this = (BATCH.c.dispatch_id == batch.dispatch_id, BATCH.c.number == batch.number)
    connection.execute(update(BATCH).where(*this).values(**changed))
    enter(connection, batch.dispatch_id, batch.number, entries, now)
    note = {"dispatch_id": batch.dispatch_id, "before": PUT_BACK, "after": DeliveryState.ACCEPTED, "at": now}
    notes = [{**note, "subscriber_id": who, "reason": how[who]} for who in leaving]
    connection.execute(insert(SETTLEMENT), notes)
