"""The deliveries of a dispatch that a person names, or all in a state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from newsletter.delivery.models import DELIVERY, DeliveryState
from newsletter.errors import UsageError
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection, Row


def chosen(
    connection: Connection, dispatch: Row[Any], states: list[DeliveryState], who: Collection[str] | None
) -> list[Row[Any]]:
    """The deliveries of a dispatch in one of *states*, with their addresses, in the list's order.

    Raises:
        UsageError: somebody in *who* (addresses or delivery ids; None means everybody) is not among them.
    """
    query = (
        select(DELIVERY, SUBSCRIBER.c.email)
        .outerjoin(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id)
        .where(DELIVERY.c.dispatch_id == dispatch.id, DELIVERY.c.state.in_(states))
        .order_by(DELIVERY.c.subscriber_id)
    )
    rows = list(connection.execute(query).all())
    if who is None:
        return rows
    wanted = {name.casefold() for name in who}
    named = [row for row in rows if {row.delivery_id, (row.email or "").casefold()} & wanted]
    found = {name for row in named for name in (row.delivery_id, (row.email or "").casefold())}
    if unknown := sorted(wanted - found):
        raise UsageError(
            f"`{unknown[0]}` has no delivery here that is {' or '.join(states)}",
            where=dispatch.name,
            hint=f"see `newsletter log {dispatch.name} --state {states[0]}`",
        )
    return named
