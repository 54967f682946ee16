"""What follows from events for the people whom they are about: who bounces or complains is mailed no more."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from newsletter.delivery.models import DISPATCH
from newsletter.feedback.occurrences import COMPLAINED_THERE, UNSUBSCRIBED_THERE
from subscribers import Bounce, Consent, ConsentKind, EventKind, SuppressionReason
from subscribers.consent import ASKED, GONE
from subscribers.engagement import EVENT, read_event
from subscribers.leaving import forbid, leave_all, leave_topic
from subscribers.suppression import holds
from subscribers.tables import CONSENT_EVENT, SUBSCRIBER, among

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from newsletter.config import FeedbackSettings
    from subscribers import Event


class Effect(StrEnum):
    """Why somebody is mailed no more."""

    #: The address never takes mail, or did not again and again.
    BOUNCED = "bounced"
    #: The recipient complained.
    COMPLAINED = "complained"
    #: The recipient left, at the provider, or by a complaint that is not proved.
    LEFT = "left"


@dataclass(frozen=True)
class Rules:
    """When soft bounces suppress: of ``bounces`` deliveries within ``days`` days, of ``issues`` issues."""

    bounces: int = 3
    days: int = 14
    issues: int = 2

    @classmethod
    def of(cls, settings: FeedbackSettings) -> Rules:
        """The rules as the publication has them."""
        return cls(settings.soft_bounces, settings.soft_days, settings.soft_issues)


def draw(connection: Connection, events: Collection[Event], rules: Rules, now: datetime) -> Counter[str]:
    """Do what follows from *events*, which were just recorded; how many people are mailed no more, by why.

    What somebody did before they asked to be on the list, or back on it, has no consequences any more.
    Everything else depends on which events there are, never on their order.
    """
    grave: defaultdict[int, list[tuple[Effect, Event]]] = defaultdict(list)
    soft: set[int] = set()
    for event in events:
        if (effect := effect_of(event)) is not None:
            grave[event.subscriber_id].append((effect, event))
        elif event.bounce is Bounce.SOFT:
            soft.add(event.subscriber_id)
    effects: Counter[str] = Counter()
    if not grave and not soft:
        return effects
    concerned = sorted({*grave, *soft})
    asked = _asked(connection, concerned)
    for who, event in _worn_out(connection, soft, rules, asked).items():
        grave[who].append((Effect.BOUNCED, event))
    rows = connection.execute(
        select(SUBSCRIBER)
        .where(among(connection, SUBSCRIBER.c.id, list(grave)))
        .order_by(SUBSCRIBER.c.id)
        .with_for_update()
    ).all()
    for row in rows:
        since = asked.get(row.id)
        told = [(effect, event) for effect, event in grave[row.id] if since is None or event.at > since]
        effects.update(_apply(connection, row, told, now))
    return effects


def effect_of(event: Event) -> Effect | None:
    """What follows from one event alone."""
    if event.kind is EventKind.COMPLAINED:
        return Effect.LEFT if event.bounce is Bounce.UNPROVED else Effect.COMPLAINED
    if event.kind is EventKind.UNSUBSCRIBED:
        return Effect.LEFT
    if event.kind is EventKind.DROPPED:
        said = event.reason.casefold().strip()
        if said.startswith(COMPLAINED_THERE):
            return Effect.COMPLAINED
        if said.startswith(UNSUBSCRIBED_THERE):
            return Effect.LEFT
    return Effect.BOUNCED if event.bounce is Bounce.HARD else None


def _apply(
    connection: Connection, row: Row[Any], told: Sequence[tuple[Effect, Event]], now: datetime
) -> set[str]:
    """Change one person's row; the effects that changed something."""
    done: set[str] = set()
    for effect in Effect:
        event = next((event for each, event in told if each is effect), None)
        if event is None:
            continue
        if done:  # what was done to the row must be seen
            row = connection.execute(select(SUBSCRIBER).where(SUBSCRIBER.c.id == row.id)).one()
        if _one(connection, row, effect, event, now):
            done.add(effect.value)
    return done


def _one(connection: Connection, row: Row[Any], effect: Effect, event: Event, now: datetime) -> bool:
    said = f"{event.code} {event.reason}".strip()
    if effect is Effect.LEFT:
        consent = Consent(ConsentKind.OPTED_OUT, event.provider, said)
        topic = connection.scalar(select(DISPATCH.c.topic).where(DISPATCH.c.name == event.dispatch))
        if topic and event.kind is EventKind.UNSUBSCRIBED:
            return leave_topic(connection, row, topic, consent, now)
        return leave_all(connection, row, consent, now)
    reason, key = SuppressionReason(effect.value), bytes(row.suppression_key)
    if row.status in GONE and holds(connection, key, reason):
        return False
    consent = Consent(ConsentKind.SUPPRESSED, event.provider, said)
    forbid(connection, key, row, reason, consent, now)
    return True


def _asked(connection: Connection, people: Collection[int]) -> dict[int, datetime]:
    """When each of *people* last asked to be on the list, if they ever did."""
    columns = CONSENT_EVENT.c
    rows = connection.execute(
        select(columns.subscriber_id, func.max(columns.at).label("at"))
        .where(among(connection, columns.subscriber_id, people), columns.kind.in_(ASKED))
        .group_by(columns.subscriber_id)
    )
    return {row.subscriber_id: row.at for row in rows}


def _worn_out(
    connection: Connection, people: Collection[int], rules: Rules, asked: dict[int, datetime]
) -> dict[int, Event]:
    """Those of *people* whose soft bounces are as many as the rules say, each with the last of them."""
    if not people:
        return {}
    found: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    columns = EVENT.c
    rows = connection.execute(
        select(EVENT)
        .where(among(connection, columns.subscriber_id, people), columns.bounce == Bounce.SOFT)
        .order_by(columns.at, columns.id)
    )
    for row in rows:
        if (since := asked.get(row.subscriber_id)) is None or row.at > since:
            found[row.subscriber_id].append(row)
    return {who: read_event(rows[-1]) for who, rows in found.items() if _too_many(rows, rules)}


def _too_many(rows: Sequence[Row[Any]], rules: Rules) -> bool:
    """Whether any span of days holds as many as the rules say; two of one delivery are one."""
    span = timedelta(days=rules.days)
    for start, first in enumerate(rows):
        within = [row for row in rows[start:] if row.at - first.at <= span]
        deliveries = {row.delivery_id for row in within}
        if len(deliveries) >= rules.bounces and len({row.issue for row in within}) >= rules.issues:
            return True
    return False
