"""Topics: what there is to choose, who chose it, and how one leaves a topic and stays in the others."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import case, delete, func, select, update

from subscribers.attributes import clean_text
from subscribers.consent import Consent, record
from subscribers.database import writing
from subscribers.errors import FieldError, nearest
from subscribers.models import ConsentKind, Status, SubscriptionState
from subscribers.suppression import scope_of
from subscribers.tables import SUBSCRIBER, SUPPRESSION, TOPICS, insert
from subscribers.words import clean_words, word_ids

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Engine

#: What a topic is called in commands, issues and addresses of pages.
_SLUG = re.compile(r"\w[\w.-]*")

_TOPIC, _SUBSCRIPTION = TOPICS.words, TOPICS.pairs


@dataclass(frozen=True)
class TopicName:
    """A topic, as publications name it and, perhaps, as readers see it."""

    slug: str
    name: str

    @property
    def title(self) -> str:
        """What readers see."""
        return self.name or self.slug


@dataclass(frozen=True)
class TopicCount(TopicName):
    """A topic, and how many active subscribers chose it, have yet to confirm it, and left it."""

    subscribed: int
    pending: int
    left: int


def add_topic(engine: Engine, slug: str, name: str = "") -> bool:
    """Make a topic, or give one another *name* for readers to see; whether it is new.

    Raises:
        FieldError: the slug or the name cannot be one.
    """
    cleaned = clean_words([slug])
    if not cleaned:
        raise FieldError("a topic without a name")
    if not _SLUG.fullmatch(cleaned[0]):
        plain = re.sub(r"[^\w.-]+", "-", cleaned[0]).strip("-._")
        hint = (
            f'write `newsletter topics add {plain} --name "{cleaned[0]}"`' if plain else "such as `product`"
        )
        what = f"`{cleaned[0][:80]}` cannot be the name of a topic: it has letters, digits, `-`, `_` and `.`"
        raise FieldError(what, hint=hint)
    title = clean_text(name, "the name of a topic")
    with writing(engine) as connection:
        statement = insert(connection, _TOPIC).values(slug=cleaned[0], name=title).on_conflict_do_nothing()
        made = connection.execute(statement.returning(_TOPIC.c.id)).first() is not None
        if not made and title:
            connection.execute(update(_TOPIC).where(_TOPIC.c.slug == cleaned[0]).values(name=title))
    return made


def remove_topic(engine: Engine, slug: str) -> None:
    """Forget a topic and who chose it; the consent log keeps what was said about it.

    Raises:
        FieldError: there is none of that name.
    """
    with writing(engine) as connection:
        if not connection.execute(delete(_TOPIC).where(_TOPIC.c.slug == slug)).rowcount:
            raise _missing(connection, slug)
        connection.execute(delete(SUPPRESSION).where(SUPPRESSION.c.scope == scope_of(slug)))


def list_topics(engine: Engine) -> tuple[TopicName, ...]:
    """All topics, by what readers see."""
    with engine.connect() as connection:
        rows = connection.execute(select(_TOPIC.c.slug, _TOPIC.c.name)).all()
    return tuple(sorted((TopicName(*row) for row in rows), key=lambda topic: topic.title.casefold()))


def count_topics(engine: Engine, slug: str | None = None) -> tuple[TopicCount, ...]:
    """All topics by slug, or the one of that *slug*, each with its numbers.

    Raises:
        FieldError: there is none of that name.
    """

    def number(state: SubscriptionState, *statuses: Status) -> ColumnElement[int]:
        counted = (_SUBSCRIPTION.c.state == state) & SUBSCRIBER.c.status.in_(statuses)
        return func.coalesce(func.sum(case((counted, 1), else_=0)), 0)

    query = (
        select(
            _TOPIC.c.slug,
            _TOPIC.c.name,
            number(SubscriptionState.SUBSCRIBED, Status.ACTIVE),
            number(SubscriptionState.PENDING, Status.ACTIVE, Status.PENDING),
            number(SubscriptionState.LEFT, Status.ACTIVE),
        )
        .select_from(_TOPIC.outerjoin(_SUBSCRIPTION).outerjoin(SUBSCRIBER))
        .group_by(_TOPIC.c.id, _TOPIC.c.slug, _TOPIC.c.name)
        .order_by(_TOPIC.c.slug)
    )
    with engine.connect() as connection:
        if slug is not None:
            topic_id(connection, slug)
            query = query.where(_TOPIC.c.slug == slug)
        return tuple(TopicCount(*row) for row in connection.execute(query))


def topic_id(connection: Connection, slug: str) -> int:
    """The number of a topic.

    Raises:
        FieldError: there is none of that name; the hint names one that is like it.
    """
    found: int | None = connection.scalar(select(_TOPIC.c.id).where(_TOPIC.c.slug == slug))
    if found is None:
        raise _missing(connection, slug)
    return found


def states_of(connection: Connection, ids: Collection[int]) -> dict[int, dict[str, SubscriptionState]]:
    """How each of the subscribers *ids* stands to topics, by slug; who never chose one is not in it."""
    rows = connection.execute(
        select(_SUBSCRIPTION.c.subscriber_id, _TOPIC.c.slug, _SUBSCRIPTION.c.state)
        .join(_TOPIC, _TOPIC.c.id == _SUBSCRIPTION.c.topic_id)
        .where(_SUBSCRIPTION.c.subscriber_id.in_(ids))
    )
    found: defaultdict[int, dict[str, SubscriptionState]] = defaultdict(dict)
    for who, slug, state in sorted((row[0], row[1], row[2]) for row in rows):
        found[who][slug] = SubscriptionState(state)
    return found


def choose(
    connection: Connection, subscriber_id: int, slugs: Collection[str], at: datetime, *, confirmed: bool
) -> None:
    """Record that a person asked for topics, which are made if they are new; their own word brings back.

    What they asked for but have not *confirmed* stays pending, unless they have it already.
    """
    state = SubscriptionState.SUBSCRIBED if confirmed else SubscriptionState.PENDING
    for number in word_ids(connection, TOPICS, slugs).values():
        row = {"topic_id": number, "subscriber_id": subscriber_id, "state": state.value, "since": at}
        statement = insert(connection, _SUBSCRIPTION).values(row)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["topic_id", "subscriber_id"],
                set_={"state": state.value, "since": at},
                where=_SUBSCRIPTION.c.state != SubscriptionState.SUBSCRIBED,
            )
        )


def has_topic(connection: Connection, slug: str) -> bool:
    """Whether there is a topic of that name."""
    return connection.scalar(select(_TOPIC.c.id).where(_TOPIC.c.slug == slug)) is not None


def leave(connection: Connection, subscriber_id: int, slug: str, consent: Consent, at: datetime) -> bool:
    """Let a subscriber leave one topic, and say so in the log; False if they had left it before.

    Who never chose the topic leaves it, too: so nobody gets it to them any more but themselves. A topic that
    was removed meanwhile has nobody to leave.
    """
    number = connection.scalar(select(_TOPIC.c.id).where(_TOPIC.c.slug == slug))
    if number is None:
        return False
    left = {"state": SubscriptionState.LEFT.value, "since": at}
    statement = insert(connection, _SUBSCRIPTION).values(topic_id=number, subscriber_id=subscriber_id, **left)
    statement = statement.on_conflict_do_update(
        index_elements=["topic_id", "subscriber_id"],
        set_=left,
        where=_SUBSCRIPTION.c.state != SubscriptionState.LEFT,
    )
    changed = connection.execute(statement.returning(_SUBSCRIPTION.c.topic_id)).first() is not None
    if changed:
        record(connection, subscriber_id, consent, at)
    return changed


def prefer(
    connection: Connection, subscriber_id: int, chosen: Iterable[str], source: str, at: datetime
) -> None:
    """Let a subscriber have exactly the topics *chosen*, by their own word; the log tells each change."""
    wanted = list(chosen)
    states = states_of(connection, [subscriber_id]).get(subscriber_id, {})
    had = {slug for slug, state in states.items() if state is SubscriptionState.SUBSCRIBED}
    for slug in wanted:
        if slug not in had:
            choose(connection, subscriber_id, [slug], at, confirmed=True)
            record(connection, subscriber_id, Consent(ConsentKind.OPT_IN, source, topic=slug), at)
    for slug, state in states.items():
        if slug not in wanted and state is not SubscriptionState.LEFT:
            leave(connection, subscriber_id, slug, Consent(ConsentKind.OPTED_OUT, source, topic=slug), at)


def settle(connection: Connection, subscriber_id: int, state: SubscriptionState, at: datetime) -> int:
    """Give the pending topics of a subscriber another state, ``subscribed`` or ``left``; how many it was."""
    pending = (_SUBSCRIPTION.c.subscriber_id == subscriber_id) & (
        _SUBSCRIPTION.c.state == SubscriptionState.PENDING
    )
    statement = update(_SUBSCRIPTION).where(pending).values(state=state.value, since=at)
    return connection.execute(statement).rowcount


def _missing(connection: Connection, slug: str) -> FieldError:
    names = list(connection.scalars(select(_TOPIC.c.slug)))
    hint = nearest(slug, names) if names else "make one with `newsletter topics add`"
    return FieldError(f"there is no topic `{slug[:80]}`", hint=hint)
