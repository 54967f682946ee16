"""Who was put back to be tried again, and is proved since to have been handed over: no second mail for them.

An event may come while they wait in a free batch: they leave it at once (`take_out`). Or it comes while a
worker holds their batch, which nobody else can write: that worker looks before it hands them over (`proved`).
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, literal_column, select

from newsletter.delivery.identity import delivery_ids
from newsletter.delivery.models import DISPATCH, SETTLEMENT, DispatchState
from newsletter.delivery.requests import once_in_doubt, waiting_with
from newsletter.delivery.taking_out import WAITING, leave
from subscribers.columns import RowId
from subscribers.engagement import EVENT
from subscribers.prepared import Prepared
from subscribers.tables import among

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine

#: What a settlement is called that puts somebody back.
PUT_BACK = WAITING
#: What the ids of events begin with that are refusals in our own dialogue with a server; the delivery and the
#: moment come after it, since who is tried again may be refused again. They prove nothing: nothing was taken.
REFUSED = "refused "
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


def with_put_back(connection: Connection) -> Sequence[int]:
    """The dispatches into which somebody was ever put back."""
    query = select(SETTLEMENT.c.dispatch_id).where(SETTLEMENT.c.after == PUT_BACK).distinct()
    return connection.scalars(query).all()


def names_put_back(connection: Connection, dispatch_id: int) -> dict[int, str]:
    """Who was once in doubt and ever put back into the dispatch, and the names of their deliveries."""
    mine = (SETTLEMENT.c.dispatch_id == dispatch_id, SETTLEMENT.c.after == PUT_BACK)
    doubted_once = once_in_doubt(connection, dispatch_id)
    if not doubted_once:
        return {}
    again = set(connection.scalars(select(SETTLEMENT.c.subscriber_id).where(*mine)))
    people = sorted(again & doubted_once)
    secret = connection.scalar(select(DISPATCH.c.secret).where(DISPATCH.c.id == dispatch_id)) or b""
    return dict(zip(people, delivery_ids(bytes(secret), people), strict=True))


def proved(connection: Connection, delivery_ids: Collection[str]) -> dict[str, str]:
    """Those of the deliveries of which there is an event, and how it proves that they were handed over."""
    columns = (EVENT.c.delivery_id, EVENT.c.provider, EVENT.c.kind, EVENT.c.reason)
    # The second condition, written out, is what lets both databases use the index of events with a delivery.
    mine = (among(connection, EVENT.c.delivery_id, delivery_ids), EVENT.c.delivery_id != literal_column("''"))
    rows = connection.execute(select(*columns).where(*mine, ~EVENT.c.event_id.startswith(REFUSED)))
    return {row.delivery_id: f"{row.provider}: {row.kind} {row.reason}".strip()[:300] for row in rows}


def take_out(
    connection: Connection,
    proofs: Mapping[str, str],
    now: datetime,
    requests: Mapping[str, tuple[int, str]] | None = None,
) -> int:
    """Take those who wait to be tried again out of free batches, if they are proved; how many were.

    Args:
        connection: a transaction that writes.
        proofs: how it is known that a delivery was handed over, by delivery id.
        now: the present moment.
        requests: of requests that were taken, by name, the batch that each was of, and how it is known; who
            went with one is proved, too.
    """
    # Asked alone at first: there is seldom anybody, and to look through dispatches is to read their editions.
    dispatches = with_put_back(connection) if proofs else ()
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
        known = waiting_with(connection, dispatch_id, names, requests or {})
        known |= {who: proofs[name] for who, name in names.items() if name in proofs}
        found = {who: (names[who], how) for who, how in known.items()}
        count += leave(connection, dispatch_id, found, now) if found else 0
    return count
