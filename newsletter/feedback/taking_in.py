"""Events taken in: whom they are about, kept once, and all that follows, in one transaction."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select, text

from newsletter.delivery.identity import delivery_ids
from newsletter.delivery.models import BATCH, DELIVERY, DISPATCH, SETTLEMENT, BatchState, DispatchState
from newsletter.delivery.proving import Proof, settle_proved
from newsletter.delivery.put_back import PUT_BACK, REFUSED
from newsletter.feedback.consequences import Rules, draw
from newsletter.notices.tables import NOTICE
from subscribers import Bounce, Event, EventKind, record_events
from subscribers.tables import SUBSCRIBER, among

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Literal

    from sqlalchemy import Connection

    from newsletter.feedback.occurrences import Occurrence

# Any number will do, as long as every machine asks PostgreSQL for the same one.
_ONE_AT_A_TIME = 6_273_808
_ENDED = (DispatchState.FINISHED, DispatchState.CANCELLED)


@dataclass(frozen=True)
class Taken:
    """What came of events: how many were ``new``, known before, or about nobody; doubt that is ``settled``.

    ``kinds`` counts the new ones by kind, ``bounces`` by what they say of the address, and ``effects`` the
    subscribers who are mailed no more, by why.
    """

    new: int = 0
    known: int = 0
    unknown: int = 0
    settled: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    bounces: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)


class _Whom(NamedTuple):
    """Whom a delivery is for, and what of."""

    subscriber_id: int
    issue: str
    dispatch: str
    email_key: str


def take_in(connection: Connection, occurrences: Sequence[Occurrence], rules: Rules, now: datetime) -> Taken:
    """Take in what happened, in the caller's transaction.

    The result is the same in whatever order, in however many parts and however often the same is told. The
    delivery need not have an outcome yet. What is about no delivery of ours is counted and left.

    Args:
        connection: the database, in a transaction that writes.
        occurrences: what happened.
        rules: when soft bounces suppress an address.
        now: the present moment.
    """
    if connection.dialect.name == "postgresql":
        # Two who take in events of the same people, each in another order, would wait for each other.
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})"))
    whom = _find(connection, occurrences)
    ours = [(each, who) for each in occurrences if (who := _of(whom, each)) is not None]
    new = record_events(connection, (_event(each, who) for each, who in ours if each.kind is not None))
    taken = [each for each, _ in ours if each.delivery_id and not each.event_id.startswith(REFUSED)]
    proofs = [Proof(each.delivery_id, each.how, each.request, each.batch) for each in taken]
    return Taken(
        new=len(new),
        known=len(ours) - len(new),
        unknown=len(occurrences) - len(ours),
        settled=settle_proved(connection, proofs, now),
        kinds=Counter(event.kind.value for event in new),
        bounces=Counter(
            event.bounce.value for event in new if event.bounce and event.kind is not EventKind.COMPLAINED
        ),
        effects=draw(connection, new, rules, now),
    )


def _of(whom: Mapping[str, _Whom], occurrence: Occurrence) -> _Whom | None:
    return whom.get(occurrence.delivery_id) or whom.get(occurrence.public_id)


def _event(occurrence: Occurrence, whom: _Whom) -> Event:
    kind = occurrence.kind
    assert kind is not None  # noqa: S101 - whoever calls it has looked
    return Event(
        occurrence.provider,
        occurrence.event_id,
        kind,
        whom.subscriber_id,
        occurrence.at,
        issue=whom.issue,
        dispatch=whom.dispatch,
        by_machine=occurrence.by_machine,
        url=occurrence.url,
        delivery_id=occurrence.delivery_id,
        code=occurrence.code,
        bounce=_bounce(occurrence, whom),
        reason=occurrence.reason,
    )


def _bounce(occurrence: Occurrence, whom: _Whom) -> Bounce | Literal[""]:
    """How grave a bounce is: one of another address, to which mail was passed on, is not of this mailbox."""
    if occurrence.bounce is Bounce.HARD and occurrence.names and whom.email_key not in occurrence.names:
        return Bounce.SOFT
    return occurrence.bounce


def _find(connection: Connection, occurrences: Sequence[Occurrence]) -> dict[str, _Whom]:
    """Whom the deliveries are for: from their outcomes, else from the batches in which they still are."""
    wanted = {each.delivery_id for each in occurrences if each.delivery_id}
    rows = connection.execute(
        select(
            DELIVERY.c.delivery_id, DELIVERY.c.subscriber_id, DISPATCH.c.slug, DISPATCH.c.name,
            SUBSCRIBER.c.email_key,
        )
        .join(DISPATCH, DISPATCH.c.id == DELIVERY.c.dispatch_id)
        .join(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id)
        .where(among(connection, DELIVERY.c.delivery_id, list(wanted)))
    ).all()  # fmt: skip
    found = {name: _Whom(who, slug, dispatch, key) for name, who, slug, dispatch, key in rows}
    batches: defaultdict[str, set[int]] = defaultdict(set)
    for each in occurrences:
        if each.delivery_id not in found and each.dispatch and each.batch:
            batches[each.dispatch].add(each.batch)
    for dispatch, numbers in batches.items():
        found.update(_find_waiting(connection, dispatch, numbers, wanted))
    if missing := wanted - found.keys():
        found.update(_find_open(connection, missing))
    if missing := wanted - found.keys():
        found.update(_find_notices(connection, missing))
    public = [each.public_id for each in occurrences if each.public_id]
    if public:
        people = select(SUBSCRIBER.c.public_id, SUBSCRIBER.c.id, SUBSCRIBER.c.email_key)
        named = connection.execute(people.where(among(connection, SUBSCRIBER.c.public_id, public)))
        found.update({name: _Whom(who, "", "", key) for name, who, key in named})
    return found


def _find_notices(connection: Connection, wanted: set[str]) -> dict[str, _Whom]:
    """Those of *wanted* that are notices: of no issue, and to one subscriber all the same."""
    rows = connection.execute(
        select(NOTICE.c.name, NOTICE.c.subscriber_id, SUBSCRIBER.c.email_key)
        .join(SUBSCRIBER, SUBSCRIBER.c.id == NOTICE.c.subscriber_id)
        .where(among(connection, NOTICE.c.name, list(wanted)))
    )
    return {name: _Whom(who, "", "", key) for name, who, key in rows}


def _find_waiting(
    connection: Connection, dispatch: str, numbers: set[int], wanted: set[str]
) -> dict[str, _Whom]:
    """Those of *wanted* who are in these batches of a dispatch: nobody has written down their outcome yet."""
    rows = connection.execute(
        select(DISPATCH.c.name, DISPATCH.c.slug, DISPATCH.c.secret, BATCH.c.ids)
        .join(BATCH, BATCH.c.dispatch_id == DISPATCH.c.id)
        .where(DISPATCH.c.name == dispatch, among(connection, BATCH.c.number, numbers))
    )
    return _named(connection, ((row, json.loads(row.ids)) for row in rows), wanted)


def _find_open(connection: Connection, wanted: set[str]) -> dict[str, _Whom]:
    """Those of *wanted* who were handed over and have no outcome on record, wherever they are.

    Their process died before it wrote the outcome, or a person put them back to be tried again. Nobody else
    without an outcome can be in an event.
    """
    dispatch = (DISPATCH.c.name, DISPATCH.c.slug, DISPATCH.c.secret)
    called = connection.execute(
        select(*dispatch, BATCH.c.ids, BATCH.c.called)
        .join(BATCH, BATCH.c.dispatch_id == DISPATCH.c.id)
        .where(BATCH.c.state == BatchState.LEASED, BATCH.c.called > 0)
    )
    found = _named(connection, ((row, json.loads(row.ids)[: row.called]) for row in called), wanted)
    again = connection.execute(
        select(*dispatch, SETTLEMENT.c.subscriber_id)
        .join(SETTLEMENT, SETTLEMENT.c.dispatch_id == DISPATCH.c.id)
        .where(SETTLEMENT.c.after == PUT_BACK, DISPATCH.c.state.not_in(_ENDED))
    )
    return {**found, **_named(connection, ((row, [row.subscriber_id]) for row in again), wanted)}


def _named(
    connection: Connection, groups: Iterable[tuple[Any, list[int]]], wanted: set[str]
) -> dict[str, _Whom]:
    """Those of *wanted* among recipients of dispatches, given by their rows."""
    found: dict[str, tuple[int, str, str]] = {}
    for row, people in groups:
        for name, who in zip(delivery_ids(bytes(row.secret), people), people, strict=True):
            if name in wanted:
                found[name] = who, row.slug, row.name
    numbers = {who for who, _, _ in found.values()}
    query = select(SUBSCRIBER.c.id, SUBSCRIBER.c.email_key)
    known = connection.execute(query.where(among(connection, SUBSCRIBER.c.id, numbers)))
    keys = {row.id: row.email_key for row in known}
    return {name: _Whom(*told, keys[told[0]]) for name, told in found.items() if told[0] in keys}
