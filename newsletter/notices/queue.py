"""The queue of notices: written with what they answer, claimed by one worker, each with an outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, update

from newsletter.delivery.identity import is_gone
from newsletter.notices.tables import NOTICE, NoticeKind, NoticeState, new_name
from subscribers import Status, SuppressionReason
from subscribers.database import writing
from subscribers.joining import asked_topics
from subscribers.models import SubscriptionState
from subscribers.suppression import reasons
from subscribers.tables import SUBSCRIBER
from subscribers.topics import states_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine, Row

#: For how long what came of a notice is kept.
KEPT = timedelta(days=30)
#: After so long without an outcome a call counts as lost, where nobody can see whether its process lives.
LEASE = timedelta(hours=1)
_ON_THEIR_WAY = (NoticeState.WAITING, NoticeState.CALLING)


@dataclass(frozen=True)
class Claimed:
    """A notice that is about to be handed over, and to whom."""

    id: int
    name: str
    kind: NoticeKind
    language: str
    until: datetime
    attempts: int
    subscriber_id: int
    public_id: str
    email: str
    #: What it is about: those that a sign-up chose, or that somebody on the list asked for and does not have.
    topics: tuple[str, ...] = ()


def enqueue(
    connection: Connection,
    kind: NoticeKind,
    subscriber_id: int,
    language: str,
    at: datetime,
    *,
    until: datetime,
    repeat: timedelta = timedelta(0),
) -> bool:
    """Write a notice into the queue, in the transaction of what it answers.

    Args:
        connection: of that transaction.
        kind: what it is about.
        subscriber_id: to whom it goes.
        language: one of those that there are catalogues for.
        at: the moment in UTC.
        until: when the link in it ends.
        repeat: in which span there is to be one of this kind only.

    Returns:
        False if there is one already: in that span, or still waiting.
    """
    mine = (NOTICE.c.subscriber_id == subscriber_id) & (NOTICE.c.kind == kind)
    recent = (NOTICE.c.created_at > at - repeat) | (NOTICE.c.state == NoticeState.WAITING)
    if connection.execute(select(NOTICE.c.id).where(mine, recent).limit(1)).first() is not None:
        return False
    row = {
        "name": new_name(),
        "kind": kind,
        "subscriber_id": subscriber_id,
        "language": language,
        "state": NoticeState.WAITING,
        "created_at": at,
        "ready_at": at,
        "until": until,
        "attempts": 0,
        "worker": "",
        "reason": "",
        "provider_id": "",
    }
    connection.execute(NOTICE.insert(), row)
    return True


def any_open(engine: Engine) -> bool:
    """Whether any notice waits, or is with a provider."""
    query = select(NOTICE.c.id).where(NOTICE.c.state.in_(_ON_THEIR_WAY)).limit(1)
    with engine.connect() as connection:
        return connection.execute(query).first() is not None


def settle_lost(engine: Engine, at: datetime, *, idempotent: bool) -> int:
    """Give those an outcome whose worker died between call and answer; how many there were.

    They may or may not have been mailed, so they are ``uncertain`` and never mailed again by themselves: the
    reader can ask again. Where handing over twice is the same as once, they wait again.
    """
    with writing(engine) as connection:
        calling = select(NOTICE.c.id, NOTICE.c.worker, NOTICE.c.called_at).where(
            NOTICE.c.state == NoticeState.CALLING
        )
        rows = connection.execute(calling.with_for_update(skip_locked=True)).all()
        lost = [row.id for row in rows if is_gone(row.worker) or row.called_at < at - LEASE]
        if lost:
            then = NoticeState.WAITING if idempotent else NoticeState.UNCERTAIN
            said = "" if idempotent else "the process ended before the provider's answer"
            changed = update(NOTICE).where(NOTICE.c.id.in_(lost))
            connection.execute(changed.values(state=then, worker="", reason=said))
        connection.execute(
            delete(NOTICE).where(NOTICE.c.created_at < at - KEPT, NOTICE.c.state.not_in(_ON_THEIR_WAY))
        )
    return len(lost)


def claim(engine: Engine, worker: str, at: datetime, most: int) -> tuple[list[Claimed], int]:
    """Take up to *most* notices that are due, and record durably that the provider is being called.

    Whether each may still be mailed is looked at here: who confirmed, left or was erased meanwhile gets none,
    nor does who has by now what they asked for, or asked for topics that are no more.

    Returns:
        Those to hand over, and how many were skipped.
    """
    with writing(engine) as connection:
        due = (
            select(NOTICE, SUBSCRIBER.c.public_id, SUBSCRIBER.c.email, SUBSCRIBER.c.status)
            .add_columns(SUBSCRIBER.c.suppression_key)
            .join(SUBSCRIBER, SUBSCRIBER.c.id == NOTICE.c.subscriber_id)
            .where(NOTICE.c.state == NoticeState.WAITING, NOTICE.c.ready_at <= at)
            .order_by(NOTICE.c.id)
            .limit(most)
            .with_for_update(skip_locked=True, of=NOTICE)
        )
        rows = connection.execute(due).all()
        keys = [bytes(row.suppression_key) for row in rows]
        forbidden = reasons(connection, keys) if keys else {}
        taken = []
        for row in rows:
            topics = _topics(connection, row)
            barrier = _barrier(row, forbidden.get(bytes(row.suppression_key)), at)
            if not barrier and row.kind == NoticeKind.TOPICS and not topics:
                barrier = "no topic is left to confirm"
            if barrier:
                _change(connection, [row.id], state=NoticeState.SKIPPED, reason=barrier)
            else:
                taken.append(_claimed(row, topics))
        calling = {"state": NoticeState.CALLING, "worker": worker, "called_at": at}
        if taken:
            _change(connection, [each.id for each in taken], attempts=NOTICE.c.attempts + 1, **calling)
    return taken, len(rows) - len(taken)


def record(
    engine: Engine,
    worker: str,
    notice: Claimed,
    state: NoticeState,
    *,
    reason: str = "",
    provider_id: str = "",
    ready_at: datetime | None = None,
) -> None:
    """Write what came of a notice, if *worker* still has it."""
    values: dict[str, Any] = {
        "state": state,
        "reason": reason[:500],
        "provider_id": provider_id,
        "worker": "",
    }
    if ready_at is not None:
        values["ready_at"] = ready_at
    mine = (NOTICE.c.state == NoticeState.CALLING) & (NOTICE.c.worker == worker)
    with writing(engine) as connection:
        connection.execute(update(NOTICE).where(NOTICE.c.id == notice.id, mine).values(values))


def put_back(engine: Engine, worker: str, notice: Claimed, ready_at: datetime) -> None:
    """Let a notice wait until *ready_at* that the provider was not called for: it counts as no try."""
    mine = (NOTICE.c.state == NoticeState.CALLING) & (NOTICE.c.worker == worker)
    waiting = {
        "state": NoticeState.WAITING,
        "worker": "",
        "ready_at": ready_at,
        "attempts": NOTICE.c.attempts - 1,
    }
    with writing(engine) as connection:
        connection.execute(update(NOTICE).where(NOTICE.c.id == notice.id, mine).values(waiting))


def next_due(engine: Engine) -> datetime | None:
    """When the next notice is due that waits; None if none does."""
    query = select(func.min(NOTICE.c.ready_at)).where(NOTICE.c.state == NoticeState.WAITING)
    with engine.connect() as connection:
        found: datetime | None = connection.scalar(query)
        return found


def in_line(engine: Engine) -> tuple[int, datetime | None]:
    """How many notices wait, and since when the oldest of them does."""
    query = select(func.count(), func.min(NOTICE.c.created_at)).where(NOTICE.c.state == NoticeState.WAITING)
    with engine.connect() as connection:
        count, since = connection.execute(query).one()
    return count, since


def count_notices(engine: Engine) -> dict[str, dict[str, int]]:
    """How many notices there are of each kind, by kind and state."""
    query = select(NOTICE.c.kind, NOTICE.c.state, func.count()).group_by(NOTICE.c.kind, NOTICE.c.state)
    found: dict[str, dict[str, int]] = {}
    with engine.connect() as connection:
        for kind, state, count in connection.execute(query.order_by(NOTICE.c.kind, NOTICE.c.state)):
            found.setdefault(str(kind), {})[str(state)] = count
    return found


def _topics(connection: Connection, row: Row[Any]) -> tuple[str, ...]:
    """The topics that a notice is about, by their slugs."""
    if row.kind == NoticeKind.TOPICS:
        return tuple(asked_topics(connection, row.subscriber_id, row.created_at))
    if row.kind == NoticeKind.CONFIRM:
        states = states_of(connection, [row.subscriber_id]).get(row.subscriber_id, {})
        return tuple(slug for slug, state in states.items() if state is SubscriptionState.PENDING)
    return ()


def _claimed(row: Row[Any], topics: tuple[str, ...]) -> Claimed:
    return Claimed(
        row.id,
        row.name,
        NoticeKind(row.kind),
        row.language,
        row.until,
        row.attempts + 1,
        row.subscriber_id,
        row.public_id,
        row.email,
        topics,
    )


def _barrier(row: Row[Any], reason: SuppressionReason | None, at: datetime) -> str:
    """Why a notice must not be mailed any more; empty if it may."""
    if row.until <= at:
        return "its link has ended"
    if row.status == Status.ERASED:
        return "erased"
    if row.kind == NoticeKind.CONFIRM:
        # A bounce or an erasure is what a confirmation would lift; these two are not.
        forbidding = {SuppressionReason.MANUAL, SuppressionReason.COMPLAINED}
        if row.status != Status.PENDING:
            return f"is {row.status}"
        return f"suppressed ({reason})" if reason in forbidding else ""
    if row.status in (Status.BOUNCED, Status.COMPLAINED) or (
        row.kind == NoticeKind.TOPICS and row.status != Status.ACTIVE
    ):
        return f"is {row.status}"
    return f"suppressed ({reason})" if reason is not None else ""


def _change(connection: Connection, ids: Sequence[int], **values: Any) -> None:  # noqa: ANN401 - of columns
    connection.execute(update(NOTICE).where(NOTICE.c.id.in_(ids)).values(values))
