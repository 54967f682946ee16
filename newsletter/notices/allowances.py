"""How often one may ask: counters without addresses that all processes share, and that outlive them."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import case, delete, select

from newsletter.notices.tables import ALLOWANCE
from subscribers.tables import insert

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from sqlalchemy import Connection


@dataclass(frozen=True)
class Limit:
    """So many of something in a span of time, which begins with the first; ``what`` is kept as a hash."""

    what: str
    most: int
    span: timedelta


def exhausted(connection: Connection, secret: bytes, limits: Iterable[Limit], at: datetime) -> set[str]:
    """Which of *limits* have been used up, by what they are of; nothing is counted."""
    names = {_name(secret, limit): limit for limit in limits}
    query = select(ALLOWANCE).where(ALLOWANCE.c.name.in_(names), ALLOWANCE.c.ends > at)
    return {
        names[row.name].what
        for row in connection.execute(query)
        if row._mapping["count"] >= names[row.name].most
    }


def spend(connection: Connection, secret: bytes, limits: Iterable[Limit], at: datetime) -> set[str]:
    """Count once for each of *limits*, in a transaction that writes; which of them are exceeded by that.

    What ended is forgotten here, too, so there are never more rows than were asked for in the longest span.
    """
    connection.execute(delete(ALLOWANCE).where(ALLOWANCE.c.ends <= at))
    over = set()
    # Always in one order: two that count the same things at once must not wait for each other in a circle.
    for name, limit in sorted(((_name(secret, each), each) for each in limits), key=lambda pair: pair[0]):
        statement = insert(connection, ALLOWANCE).values(name=name, ends=at + limit.span, count=1)
        statement = statement.on_conflict_do_update(
            index_elements=["name"],
            set_={
                "count": case((ALLOWANCE.c.ends <= at, 1), else_=ALLOWANCE.c.count + 1),
                "ends": case((ALLOWANCE.c.ends <= at, at + limit.span), else_=ALLOWANCE.c.ends),
            },
        )
        count = connection.execute(statement.returning(ALLOWANCE.c.count)).scalar_one()
        if count > limit.most:
            over.add(limit.what)
    return over


def _name(secret: bytes, limit: Limit) -> str:
    return hmac.digest(secret, limit.what.encode(), "sha256").hex()[:32]
