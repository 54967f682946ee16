"""Doubt that ends by itself: an event about a delivery proves that its message was handed over.

An event may come before the outcome is recorded as well as after it. So whoever records doubt looks for
events (`settle_known`), and whoever records events looks for doubt (`settle_proved`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from newsletter.delivery.forgetting import nameless
from newsletter.delivery.models import DELIVERY, DISPATCH, SETTLEMENT, DeliveryState
from newsletter.delivery.put_back import names_put_back, proved, take_out, with_put_back
from newsletter.delivery.requests import doubted, of_another, put_back_together
from newsletter.providers.sendgrid_payload import request_name
from subscribers.deadlocks import write_anew
from subscribers.tables import among

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Connection, Engine, Row

_IN_DOUBT = DELIVERY.c.state == DeliveryState.UNCERTAIN


@dataclass(frozen=True, slots=True)
class Proof:
    """What proves that a delivery's message was handed over.

    ``request`` names those that went with it, and ``batch`` is the one that they were of then.
    """

    delivery_id: str
    how: str
    request: str = ""
    batch: int = 0


def settle_proved(connection: Connection, proofs: Collection[Proof], now: datetime) -> int:
    """Settle as accepted whoever is in doubt and proved, or went in one request with who is; how many.

    Whoever is proved while they wait to be tried again is not tried again, and nor is who went with them.
    """
    by_id = {proof.delivery_id: proof for proof in proofs}
    doubtful = connection.execute(
        select(DELIVERY).where(among(connection, DELIVERY.c.delivery_id, list(by_id)), _IN_DOUBT)
    ).all()
    known = {row.delivery_id: (row, by_id[row.delivery_id].how) for row in doubtful}
    taken = {proof.request: (proof.batch, proof.how) for proof in proofs if proof.request}
    for row, how in _fellows(connection, doubtful, taken) if taken else ():
        known.setdefault(row.delivery_id, (row, how))
    _settle(connection, list(known.values()), now)
    waiting = take_out(connection, {name: proof.how for name, proof in by_id.items()}, now, taken)
    return len(known) + waiting


def _fellows(
    connection: Connection, doubtful: Sequence[Row[Any]], taken: Mapping[str, tuple[int, str]]
) -> Iterator[tuple[Row[Any], str]]:
    """Who is in doubt and went in one of the requests that were *taken*, and how that is known.

    They are in the batches of the *doubtful*, of whom that is known; or of those who are put back since.
    """
    batches = {(row.dispatch_id, row.batch) for row in doubtful}
    batches |= {(dispatch, batch) for dispatch in with_put_back(connection) for batch, _ in taken.values()}
    for dispatch_id, batch in sorted(batches):
        if peers := _in_doubt(connection, dispatch_id, batch):
            name = next((name for name in _names(connection, peers) if name in taken), None)
            yield from ((row, of_another(taken[name][1])) for row in peers if name)


def settle_known(connection: Connection, dispatch_id: int, delivery_ids: Sequence[str], now: datetime) -> int:
    """Settle those of the deliveries, just recorded as in doubt, of which an event came before; how many."""
    how = proved(connection, delivery_ids)
    if not how:
        return 0
    rows = connection.execute(
        select(DELIVERY).where(
            DELIVERY.c.dispatch_id == dispatch_id,
            among(connection, DELIVERY.c.delivery_id, list(how)),
            _IN_DOUBT,
        )
    ).all()
    _settle(connection, [(row, how[row.delivery_id]) for row in rows], now)
    return len(rows)


def settle_all_known(engine: Engine, dispatch_id: int, now: datetime) -> int:
    """As `settle_known`, for everybody in doubt: a process may have died between recording and looking."""
    doubtful = select(DELIVERY.c.delivery_id).where(DELIVERY.c.dispatch_id == dispatch_id, _IN_DOUBT)
    return write_anew(
        engine,
        lambda connection: settle_known(connection, dispatch_id, connection.scalars(doubtful).all(), now),
    )


def _in_doubt(connection: Connection, dispatch_id: int, batch: int) -> Sequence[Row[Any]]:
    batches = (DELIVERY.c.dispatch_id == dispatch_id, DELIVERY.c.batch == batch)
    return connection.execute(select(DELIVERY).where(*batches, _IN_DOUBT)).all()


def _names(connection: Connection, peers: Sequence[Row[Any]]) -> Iterator[str]:
    """What a request of these deliveries is called: of those in doubt, or of those who ever were, too.

    Or of those as well who were in doubt with them, and are put back to be tried again.
    """
    dispatch_id, batch = peers[0].dispatch_id, peers[0].batch
    yield request_name(row.delivery_id for row in peers)
    yield request_name(ever := doubted(connection, dispatch_id, batch))
    names = names_put_back(connection, dispatch_id)
    for _, together in put_back_together(connection, dispatch_id, names) if names else ():
        yield request_name(ever | together)


def _settle(connection: Connection, found: Sequence[tuple[Row[Any], str]], now: datetime) -> None:
    # The dispatch before its deliveries, as a person does who settles or puts back: so neither waits for the
    # other. It is the lock that the notes below take anyway.
    dispatches = DISPATCH.c.id.in_({row.dispatch_id for row, _ in found})
    held = select(DISPATCH.c.id).where(dispatches).order_by(DISPATCH.c.id)
    connection.execute(held.with_for_update(read=True, key_share=True))
    for row, said in sorted(found, key=lambda pair: (pair[0].dispatch_id, pair[0].subscriber_id)):
        how = nameless(connection, {row.subscriber_id: said})[row.subscriber_id]
        who = {"dispatch_id": row.dispatch_id, "subscriber_id": row.subscriber_id}
        same = [DELIVERY.c[name] == value for name, value in who.items()]
        changed: Mapping[str, object] = {"state": DeliveryState.ACCEPTED, "reason": how, "at": now}
        # Whoever settled it meanwhile, by hand, was there first.
        if connection.execute(update(DELIVERY).where(*same, _IN_DOUBT).values(**changed)).rowcount:
            note = {**who, "before": row.state, "after": DeliveryState.ACCEPTED, "reason": how, "at": now}
            connection.execute(insert(SETTLEMENT), note)
