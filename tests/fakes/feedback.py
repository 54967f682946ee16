"""A dispatch that was handed over, and the events that come back of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fakes.sendgrid_hook import told_of
from sqlalchemy import Connection, Engine, select

from newsletter.delivery import log
from newsletter.delivery.models import DELIVERY, DISPATCH
from newsletter.providers.sendgrid_payload import request_name
from subscribers.engagement import EVENT
from subscribers.tables import SUBSCRIBER, SUPPRESSION


def ids(engine: Engine, name: str = "issue-1") -> dict[str, str]:
    """The name of each recipient's delivery, by address."""
    return {line.email: line.message_id[1:].partition("@")[0] for line in log(engine, name)}


def events(
    engine: Engine,
    words: Iterable[str],
    email: str = "reader1@example.com",
    name: str = "issue-1",
    **more: Any,
) -> list[dict[str, Any]]:
    """What SendGrid tells of one recipient."""
    told = ids(engine, name)
    with engine.connect() as connection:
        batch = connection.scalar(select(DELIVERY.c.batch).where(DELIVERY.c.delivery_id == told[email])) or 1
        peers = connection.scalars(
            select(DELIVERY.c.delivery_id)
            .join(DISPATCH, DISPATCH.c.id == DELIVERY.c.dispatch_id)
            .where(DISPATCH.c.name == name, DELIVERY.c.batch == batch)
        ).all()
    arguments = {
        "newsletter_dispatch": name,
        "newsletter_batch": str(batch),
        "newsletter_request": request_name(peers),
    }
    person = {"to": [{"email": email}], "custom_args": {"newsletter_delivery": told[email]}}
    return [{**each, **more} for each in told_of(person, {"custom_args": arguments}, words)]


def standing(connection: Connection) -> dict[str, Any]:
    """All that events change, without the moments at which it was changed and the names that events bore."""

    def rows(*columns: Any) -> list[tuple[Any, ...]]:
        return sorted({tuple(row) for row in connection.execute(select(*columns))})

    told = ("delivery_id", "kind", "at", "url", "code", "bounce", "reason", "by_machine", "dispatch", "issue")
    return {
        "events": sorted(map(tuple, connection.execute(select(*(EVENT.c[name] for name in told))))),
        "statuses": rows(SUBSCRIBER.c.email, SUBSCRIBER.c.status),
        "suppressed": rows(SUPPRESSION.c.key, SUPPRESSION.c.scope, SUPPRESSION.c.reason),
        "states": rows(DELIVERY.c.delivery_id, DELIVERY.c.state),
    }
