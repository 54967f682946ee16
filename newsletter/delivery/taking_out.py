"""Recipients who leave free batches as accepted: others know that their messages were handed over.

What a worker holds is its own, and is left to it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import insert, select, update

from newsletter.delivery.entries import Entry, enter
from newsletter.delivery.evidence import settled_by
from newsletter.delivery.forgetting import nameless
from newsletter.delivery.identity import delivery_ids
from newsletter.delivery.leases import parse_tries
from newsletter.delivery.ledger import finish_within
from newsletter.delivery.models import BATCH, DISPATCH, SETTLEMENT, BatchState, DeliveryState
from subscribers.tables import SUBSCRIBER, among

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Connection, Row

    from newsletter.delivery.evidence import Evidence

#: What somebody in a batch is called in a note; it is no state of a delivery, for there is none then.
WAITING = "pending"


class Known(NamedTuple):
    """Of how many who wait there is evidence: of those taken out, and of those whom a worker holds."""

    taken_out: int
    held: int


def take_out_by(connection: Connection, dispatch: Row[Any], evidence: Evidence, now: datetime) -> Known:
    """Take those out of the free batches of a dispatch of whom there is evidence.

    A ledger that was restored from a backup knows nothing of what was handed over after it: whom others say
    to have been mailed is not mailed again.

    Args:
        connection: a transaction that writes.
        dispatch: its row, locked; of one that has ended nobody waits.
        evidence: what is known, by delivery id or address.
        now: the present moment.
    """
    batches = select(BATCH.c.state, BATCH.c.ids).where(
        BATCH.c.dispatch_id == dispatch.id, BATCH.c.pending > 0, BATCH.c.state != BatchState.DONE
    )
    found: dict[int, tuple[str, str]] = {}
    held = 0
    for state, ids in connection.execute(batches.order_by(BATCH.c.number)).all():
        known = _known(connection, bytes(dispatch.secret), json.loads(ids), evidence)
        if state == BatchState.LEASED:
            held += len(known)
        else:
            found |= known
    return Known(leave(connection, dispatch.id, found, now) if found else 0, held)


def _known(
    connection: Connection, secret: bytes, people: list[int], evidence: Evidence
) -> dict[int, tuple[str, str]]:
    """Those of the *people* of whom there is evidence: their delivery id, and how it is known."""
    names = dict(zip(people, delivery_ids(secret, people), strict=True))
    query = select(SUBSCRIBER.c.id, SUBSCRIBER.c.email).where(among(connection, SUBSCRIBER.c.id, people))
    emails = {row.id: row.email for row in connection.execute(query)}
    how = settled_by(evidence, [(emails.get(who) or "", name) for who, name in names.items()])
    return {who: (name, how[name]) for who, name in names.items() if name in how}


def leave(
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
    note = {"dispatch_id": batch.dispatch_id, "before": WAITING, "after": DeliveryState.ACCEPTED, "at": now}
    notes = [{**note, "subscriber_id": who, "reason": how[who]} for who in leaving]
    connection.execute(insert(SETTLEMENT), notes)
