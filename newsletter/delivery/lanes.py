"""Lanes: recipients whose domain has a rate of its own are kept apart, so that nobody else waits for them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from newsletter.delivery.batches import append_batch
from newsletter.delivery.leases import Lease, rewrite
from newsletter.delivery.models import BatchState
from newsletter.delivery.recovery import close_cancelled
from subscribers.database import writing
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import Engine


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
        # Whoever cancelled since the claim did not see these batches.
        close_cancelled(connection, lease.dispatch_id, now)
    return rest


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
