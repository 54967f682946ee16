"""Opens and clicks, recorded: by whom, by people or machines, or only how many.

Neither an address of the network nor what program was used is ever kept, and a request changes nothing but
these records.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from newsletter.delivery.identity import delivery_id
from newsletter.delivery.models import DELIVERY, DISPATCH
from newsletter.delivery.proving import Proof, settle_proved
from newsletter.delivery.tracking import COUNT
from newsletter.feedback.machines import ALL_LINKS, MANY_LINKS, TOO_SOON, machine, timing
from subscribers import Event, EventKind, record_events
from subscribers.deadlocks import write_anew
from subscribers.engagement import EVENT
from subscribers.models import Status
from subscribers.tables import SUBSCRIBER, insert
from subscribers.tracking import allows

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from newsletter.config import TrackingSettings
    from newsletter.delivery import Extent
    from newsletter.feedback.machines import Asked
    from newsletter.messages.marks import Mark

#: What calls itself the provider of these events.
OURS = "tracking"


def note(
    engine: Engine, settings: TrackingSettings, extent: Extent, mark: Mark, asked: Asked, at: datetime
) -> bool:
    """Record that a message was opened, or that a link in it was followed.

    Nothing is recorded of what the settings do not allow (any more), nor of a subscriber who does not (any
    more), nor of a dispatch that is forgotten. The same within one minute counts once. Whoever the message
    was for is in doubt no more: it is there.

    Args:
        engine: the database.
        settings: what may be tracked now.
        extent: what of the dispatch is tracked.
        mark: which message of it, and which link.
        asked: what the request tells of who asks.
        at: the present moment.

    Returns:
        Whether anything was recorded.
    """
    kind = EventKind.CLICKED if mark.place else EventKind.OPENED
    now = settings.about(extent.topic)
    if not extent.name or not (now.clicks if mark.place else now.opens):
        return False
    rule = machine(kind, asked)

    def write(connection: Connection) -> bool:
        anybody = mark.subscriber == 0
        if not (anybody or _willing(connection, mark.subscriber, opt_out=now.consent == "opt-out")):
            return False
        if anybody or now.anonymous:
            count(connection, mark, kind, by_machine=bool(rule))
            return True
        return _record(connection, extent, mark, kind, rule, at)

    return write_anew(engine, write)


def _record(
    connection: Connection, extent: Extent, mark: Mark, kind: EventKind, rule: str, at: datetime
) -> bool:
    """Record what somebody did who may be tracked; False if that is recorded already."""
    rule = rule or _too_soon(connection, mark, kind, at)
    secret = connection.scalar(select(DISPATCH.c.secret).where(DISPATCH.c.id == mark.dispatch))
    name = delivery_id(bytes(secret), mark.subscriber) if secret else ""
    recorded = record_events(connection, [_event(extent, mark, kind, rule, at, name)])
    if recorded and name:
        settle_proved(connection, [Proof(name, f"{OURS}: {kind}")], at)
    if kind is EventKind.CLICKED and recorded:
        _look_back(connection, extent, mark, at)
    return bool(recorded)


def count(connection: Connection, mark: Mark, kind: EventKind, *, by_machine: bool) -> None:
    """Add one to the number of opens or clicks of nobody in particular."""
    row = {
        "dispatch_id": mark.dispatch,
        "kind": kind.value,
        "link": mark.place,
        "by_machine": by_machine,
        "count": 1,
    }
    keys = ["dispatch_id", "kind", "link", "by_machine"]
    statement = insert(connection, COUNT).values(row)
    connection.execute(
        statement.on_conflict_do_update(index_elements=keys, set_={"count": COUNT.c.count + 1})
    )


def _willing(connection: Connection, subscriber: int, *, opt_out: bool) -> bool:
    """Whether somebody may be tracked; their row is locked, so that clicks at once see each other."""
    columns = SUBSCRIBER.c
    query = select(columns.status, columns.tracking_consent).where(columns.id == subscriber).with_for_update()
    row = connection.execute(query).first()
    return row is not None and row.status != Status.ERASED and allows(row.tracking_consent, opt_out=opt_out)


def _event(extent: Extent, mark: Mark, kind: EventKind, rule: str, at: datetime, delivery: str) -> Event:
    # One for each minute, apart for people and machines: whoever asks a thousand times fills no disk.
    name = f"{mark.dispatch}-{mark.subscriber}-{mark.place}-{at:%Y%m%d%H%M}-{'m' if rule else 'p'}"
    return Event(
        OURS,
        name,
        kind,
        mark.subscriber,
        at,
        issue=extent.issue,
        dispatch=extent.name,
        by_machine=bool(rule),
        url=extent.url(mark.place) or "",
        machine=rule,
        link=mark.place or None,
        delivery_id=delivery,
    )


def _too_soon(connection: Connection, mark: Mark, kind: EventKind, at: datetime) -> str:
    """The rule of those who are quicker than a reader can be; empty if this is none of them."""
    if kind is not EventKind.CLICKED:
        return ""
    mine = (DELIVERY.c.dispatch_id == mark.dispatch) & (DELIVERY.c.subscriber_id == mark.subscriber)
    accepted = connection.scalar(select(DELIVERY.c.at).where(mine))
    # Without an outcome the message is being handed over at this moment.
    return TOO_SOON if accepted is None or at - accepted < timedelta(seconds=timing().soon) else ""


def _look_back(connection: Connection, extent: Extent, mark: Mark, at: datetime) -> None:
    """Take clicks that came together for a machine's, those too that looked like a person's before."""
    limits, columns = timing(), EVENT.c
    longest = timedelta(seconds=max(limits.many_within, limits.all_within))
    mine = (
        (columns.subscriber_id == mark.subscriber)
        & (columns.provider == OURS)
        & (columns.dispatch == extent.name)
        & (columns.kind == EventKind.CLICKED)
        & (columns.at > at - longest)
        & (columns.at <= at + longest)
    )
    clicks = connection.execute(select(columns.id, columns.at, columns.url).where(mine)).all()
    every = {url for url, _ in extent.links}
    for rule, seconds, enough in (
        (MANY_LINKS, limits.many_within, limits.many),
        (ALL_LINKS, limits.all_within, max(len(every), limits.all_of)),
    ):
        together = [row for row in clicks if abs((at - row.at).total_seconds()) <= seconds]
        if len({row.url for row in together}) >= enough:
            ids = [row.id for row in together]
            told = update(EVENT).where(columns.id.in_(ids), columns.by_machine.is_(False))
            connection.execute(told.values(by_machine=True, machine=rule))
