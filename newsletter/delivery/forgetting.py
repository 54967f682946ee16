"""Erasure in the ledger: outcomes stay, who they were about does not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from newsletter.delivery.identity import delivery_id
from newsletter.delivery.models import DELIVERY, DISPATCH, SETTLEMENT
from subscribers.models import Status
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy import Connection

#: What stands where an address stood.
ERASED = "(erased)"
_ADDRESS = re.compile(r"[^\s<>()\[\]:;,\"'@]+@[^\s<>()\[\]:;,\"'@]+")


def forget_recipient(connection: Connection, subscriber_id: int, address: str) -> None:
    """Take addresses out of all that the ledger says of a subscriber, and theirs out of audiences' words.

    Servers write the address into their answers, in whatever spelling; so every address goes from those.
    """
    dispatches = select(DISPATCH.c.id)
    for table, key in ((DELIVERY, ("dispatch_id", "subscriber_id")), (SETTLEMENT, ("id",))):
        # By the primary key of deliveries: there may be a million of them in each dispatch.
        mine = (table.c.subscriber_id == subscriber_id) & table.c.dispatch_id.in_(dispatches)
        for row in connection.execute(select(table).where(mine, table.c.reason.contains("@"))).all():
            same = [table.c[name] == getattr(row, name) for name in key]
            reason = _ADDRESS.sub(ERASED, row.reason)
            connection.execute(update(table).where(*same).values(reason=reason))
    named = re.compile(re.escape(address), re.IGNORECASE)
    columns = (DISPATCH.c.id, DISPATCH.c.audience, DISPATCH.c.audience_key)
    for row in connection.execute(select(*columns).where(DISPATCH.c.audience_key.contains("@"))).all():
        words, key_ = named.sub(ERASED, row.audience), named.sub(ERASED, row.audience_key)
        if (words, key_) != (row.audience, row.audience_key):
            changed = update(DISPATCH).where(DISPATCH.c.id == row.id)
            connection.execute(changed.values(audience=words, audience_key=key_))


def nameless(connection: Connection, told: Mapping[int, str]) -> dict[int, str]:
    """What was *told* of subscribers, without addresses where it is about somebody erased since.

    Their rows are locked until the transaction ends: an erasure comes before it or after it, and finds then
    what was written.
    """
    named = sorted(who for who, text in told.items() if "@" in text)
    if not named:
        return dict(told)
    columns = (SUBSCRIBER.c.id, SUBSCRIBER.c.status)
    query = select(*columns).where(SUBSCRIBER.c.id.in_(named)).order_by(SUBSCRIBER.c.id)
    rows = connection.execute(query.with_for_update(read=True, key_share=True))
    listed = {row.id for row in rows if row.status != Status.ERASED}
    return {**told, **{who: _ADDRESS.sub(ERASED, told[who]) for who in named if who not in listed}}


def files_of(connection: Connection, subscriber_id: int, outbox: Path) -> list[Path]:
    """The files in the outbox that are, or would be, messages to a subscriber; they may not be there."""
    columns = (DISPATCH.c.name, DISPATCH.c.secret)
    rows = connection.execute(select(*columns).where(DISPATCH.c.provider == "outbox"))
    return [outbox / row.name / f"{delivery_id(bytes(row.secret), subscriber_id)}.eml" for row in rows]
