"""What was learned of a dispatch's messages after they were handed over: counted, and for each."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import func, literal_column, select

from newsletter.delivery.models import DISPATCH
from subscribers.engagement import EVENT, Bounce, EventKind
from subscribers.tables import among

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine

#: What is told of a dispatch, in this order: what became of a message last comes last.
TOLD = (
    EventKind.DEFERRED, EventKind.DELIVERED, EventKind.DROPPED, EventKind.BOUNCED, EventKind.OPENED,
    EventKind.CLICKED, EventKind.COMPLAINED, EventKind.UNSUBSCRIBED,
)  # fmt: skip
#: How many messages were refused for what we send or are: a count beside those of the kinds.
POLICY = "policy"
_COLUMNS = EVENT.c


def counts(connection: Connection, dispatches: Sequence[str]) -> dict[str, dict[str, int]]:
    """By dispatch, of how many deliveries each kind of event is known, and how many met a policy.

    What nobody proved is not among them; nor is what machines opened and followed. A dispatch mails nobody
    twice, so its recipients are counted: older events of our own links name no delivery.
    """
    rows = connection.execute(
        select(_COLUMNS.dispatch, _COLUMNS.kind, func.count(_COLUMNS.subscriber_id.distinct()))
        .where(
            _COLUMNS.dispatch.in_(dispatches),
            _COLUMNS.bounce != Bounce.UNPROVED,
            _COLUMNS.by_machine.is_(False),
        )
        .group_by(_COLUMNS.dispatch, _COLUMNS.kind)
    )
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for dispatch, kind, count in rows:
        found[dispatch][kind] = count
    told = {
        dispatch: {kind.value: kinds[kind] for kind in TOLD if kinds.get(kind)}
        for dispatch, kinds in found.items()
    }
    refused = connection.execute(
        select(_COLUMNS.dispatch, func.count(_COLUMNS.delivery_id.distinct()))
        .where(
            _COLUMNS.dispatch.in_(dispatches),
            _COLUMNS.kind.in_([EventKind.BOUNCED, EventKind.DROPPED]),
            _COLUMNS.bounce == Bounce.POLICY,
        )
        .group_by(_COLUMNS.dispatch)
    )
    for dispatch, count in refused:
        told.setdefault(dispatch, {})[POLICY] = count
    return told


def kinds_of(connection: Connection, delivery_ids: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """Which kinds of events are known of each of the deliveries, in the order of `TOLD`."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    # The last condition, written out, is what lets both databases use the index of events with a delivery.
    rows = connection.execute(
        select(_COLUMNS.delivery_id, _COLUMNS.kind)
        .where(
            among(connection, _COLUMNS.delivery_id, delivery_ids),
            _COLUMNS.bounce != Bounce.UNPROVED,
            _COLUMNS.by_machine.is_(False),
            _COLUMNS.delivery_id != literal_column("''"),
        )
        .distinct()
    )
    for name, kind in rows:
        found[name].add(kind)
    return {name: tuple(kind.value for kind in TOLD if kind in kinds) for name, kinds in found.items()}


def refusals(engine: Engine, since: datetime) -> list[tuple[str, str, str, int]]:
    """Why messages were refused for what we send or are since a moment: dispatch, code, words, how many.

    The commonest first, ten at most; of each code the words of one.
    """
    count = func.count(_COLUMNS.delivery_id.distinct()).label("count")
    query = (
        select(_COLUMNS.dispatch, _COLUMNS.code, func.min(_COLUMNS.reason), count)
        .join(DISPATCH, DISPATCH.c.name == _COLUMNS.dispatch)
        .where(
            _COLUMNS.kind.in_([EventKind.BOUNCED, EventKind.DROPPED]),
            _COLUMNS.at >= since,
            _COLUMNS.bounce == Bounce.POLICY,
        )
        .group_by(_COLUMNS.dispatch, _COLUMNS.code)
        .order_by(count.desc())
        .limit(10)
    )
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]
