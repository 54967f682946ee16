"""Lanes: recipients whose domain has a rate of its own are kept apart, so that nobody else waits for them."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

from newsletter.delivery.ledger import Lease, rewrite
from newsletter.delivery.models import BATCH, DISPATCH, BatchState
from subscribers.database import writing
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine


def sort_out(engine: Engine, lease: Lease, domains: Collection[str], now: datetime) -> Lease:
    """Give recipients of *domains* batches of their own, one for each domain; what is left of the batch.

    It is one transaction, and nobody of the batch may have been authorised before. The rate of a domain may
    thus be set, changed and lifted while a dispatch is under way.

    Raises:
        LeaseLostError: the batch has another holder.
    """
    if lease.lane or not domains:
        return lease
    apart = _by_domain(engine, lease, domains)
    if not apart:
        return lease
    gone = {who for ids in apart.values() for who in ids}
    tries = lease.tries or {}
    rest = replace(
        lease,
        untried=tuple(who for who in lease.untried if who not in gone),
        tries={who: count for who, count in tries.items() if who not in gone},
    )
    with writing(engine) as connection:
        rewrite(connection, rest, now, state=BatchState.LEASED if rest.ids else BatchState.DONE)
        for lane, ids in sorted(apart.items()):
            own = {who: tries[who] for who in ids if who in tries}
            append_batch(connection, lease.dispatch_id, ids, now, lane=lane, tries=own)
    return rest


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


def _by_domain(engine: Engine, lease: Lease, domains: Collection[str]) -> dict[str, list[int]]:
    """Those of the batch who are at one of *domains*, in the order of the batch."""
    query = select(SUBSCRIBER.c.id, SUBSCRIBER.c.email_key).where(SUBSCRIBER.c.id.in_(lease.ids))
    with engine.connect() as connection:
        domain_of = {row.id: row.email_key.rpartition("@")[2] for row in connection.execute(query)}
    apart: defaultdict[str, list[int]] = defaultdict(list)
    for who in lease.ids:
        if (domain := domain_of.get(who)) in domains:
            apart[str(domain)].append(who)
    return dict(apart)
