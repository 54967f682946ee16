"""What the ledger says of each recipient: the log of a dispatch, and what came of one subscriber."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from newsletter.config import split_mailbox
from newsletter.delivery import aftermath
from newsletter.delivery.identity import delivery_id
from newsletter.delivery.models import BATCH, DELIVERY, DISPATCH, DeliveryState
from newsletter.delivery.report import find
from newsletter.errors import UsageError, did_you_mean
from newsletter.messages.headers import ascii_address
from subscribers.addresses import normalise
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Engine, Row

#: What `log` calls those who are still in a batch.
PENDING = "pending"
#: The words that `log` can be asked for.
STATES = (*(state.value for state in DeliveryState), PENDING)


@dataclass(frozen=True)
class LogLine:
    """What came of one recipient; ``at`` is None while it is pending, ``events`` what was learned later."""

    email: str
    state: str
    reason: str
    provider_id: str
    message_id: str
    at: datetime | None
    attempts: int
    events: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogFilter:
    """Which lines of the log are wanted; what is None does not matter.

    ``reason`` is a part of it in any case, ``domain`` and ``email`` are whole, and ``since`` leaves out those
    without an outcome.
    """

    reason: str | None = None
    domain: str | None = None
    email: str | None = None
    since: datetime | None = None

    def lets_pass(self, line: LogLine) -> bool:
        """Whether a line is wanted."""
        return (
            (self.reason is None or self.reason.casefold() in line.reason.casefold())
            and (self.domain is None or _domain(line.email) == _domain(f"@{self.domain}"))
            and (self.email is None or line.email.casefold() == self.email.casefold())
            and (self.since is None or (line.at is not None and line.at >= self.since))
        )


def log(
    engine: Engine, name: str, state: str | None = None, wanted: LogFilter | None = None
) -> Iterator[LogLine]:
    """What came of each recipient of a dispatch, or of those in one state; streamed, in the list's order.

    Of the lines, those that *wanted* lets pass.

    Raises:
        DeliveryError: there is no such dispatch.
        UsageError: there is no such state.
    """
    if state is not None and state not in STATES:
        raise UsageError(f"`{state}` is no state of a delivery", hint=did_you_mean(state, STATES))
    with engine.connect() as connection:
        dispatch = find(connection, name)
        domain = ascii_address(split_mailbox(dispatch.sender)[1]).rpartition("@")[2]
        wanted = wanted or LogFilter()
        if state != PENDING:
            lines = _settled(connection, dispatch.id, state, domain, wanted)
            yield from filter(wanted.lets_pass, lines)
        if state in (None, PENDING) and wanted.since is None and not wanted.reason:
            yield from filter(wanted.lets_pass, _pending(connection, dispatch, domain))


def deliveries_of(engine: Engine, subscriber_id: int) -> list[dict[str, object]]:
    """What came of one subscriber in each dispatch, the oldest first, as plain values."""
    query = (
        select(
            DISPATCH.c.name.label("dispatch"),
            DISPATCH.c.slug.label("issue"),
            *(DELIVERY.c[name] for name in ("state", "reason", "provider_id", "attempts", "at")),
        )
        .join(DISPATCH, DISPATCH.c.id == DELIVERY.c.dispatch_id)
        .where(DELIVERY.c.subscriber_id == subscriber_id)
        .order_by(DISPATCH.c.id)
    )
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query)]


def _domain(email: str) -> str:
    """The domain of an address in the form by which domains are compared."""
    domain = email.rpartition("@")[2].strip().rstrip(".").lower()
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain


def _settled(
    connection: Connection, dispatch_id: int, state: str | None, domain: str, wanted: LogFilter
) -> Iterator[LogLine]:
    query = (
        select(DELIVERY, SUBSCRIBER.c.email)
        .outerjoin(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id)
        .where(DELIVERY.c.dispatch_id == dispatch_id)
        .order_by(DELIVERY.c.subscriber_id)
    )
    if state is not None:
        query = query.where(DELIVERY.c.state == state)
    if wanted.since is not None:
        query = query.where(DELIVERY.c.at >= wanted.since)
    if wanted.email is not None:
        query = query.where(SUBSCRIBER.c.email_key == normalise(wanted.email).key)
    for rows in connection.execute(query.execution_options(yield_per=1000)).partitions():
        events = aftermath.kinds_of(connection, [row.delivery_id for row in rows])
        for row in rows:
            message_id = f"<{row.delivery_id}@{domain}>"
            told = (row.state, row.reason, row.provider_id, message_id, row.at, row.attempts)
            yield LogLine(row.email or "", *told, events.get(row.delivery_id, ()))


def _pending(connection: Connection, dispatch: Row[Any], domain: str) -> Iterator[LogLine]:
    batches = connection.execute(
        select(BATCH.c.ids, BATCH.c.tries)
        .where(BATCH.c.dispatch_id == dispatch.id, BATCH.c.pending > 0)
        .order_by(BATCH.c.number)
    ).all()
    for batch in batches:
        ids, tries = json.loads(batch.ids), json.loads(batch.tries)
        found = connection.execute(
            select(SUBSCRIBER.c.id, SUBSCRIBER.c.email).where(SUBSCRIBER.c.id.in_(ids))
        )
        emails = {row.id: row.email for row in found}
        for subscriber_id in ids:
            message_id = f"<{delivery_id(dispatch.secret, subscriber_id)}@{domain}>"
            attempts = tries.get(str(subscriber_id), 0)
            yield LogLine(emails.get(subscriber_id, ""), PENDING, "", "", message_id, None, attempts)
