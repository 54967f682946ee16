"""Planning: who gets an edition, frozen together with the edition in one transaction.

Every candidate is either planned or excluded for one reason, and the plan says how many for which.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, text, update

from newsletter.delivery.collecting import seldom_collecting
from newsletter.delivery.models import (
    BATCH,
    DISPATCH,
    EXCLUSION,
    BatchState,
    Dispatch,
    DispatchState,
)
from newsletter.delivery.received import Received
from newsletter.delivery.schedule import Due, Schedule
from newsletter.delivery.tracking import Extent, freeze_extent
from newsletter.errors import DeliveryError
from subscribers.columns import now as right_now
from subscribers.database import writing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine, Row

    from newsletter.delivery.audience import Audience
    from newsletter.editions.edition import Edition
    from newsletter.providers import Provider
    from subscribers import SubscriberStore

#: A batch has at most so many recipients, whatever the provider would take.
LARGEST_BATCH = 1000
#: The reason of those whom an earlier dispatch of the same issue reached, may have reached, or will reach.
ALREADY_RECEIVED = "already received"
# Any number will do, as long as every machine asks PostgreSQL for the same one.
_PLANNING_LOCK = 6_273_782


@dataclass(frozen=True)
class Plan:
    """What planning came to; ``dispatch`` is the name of what will be, is, or was sent."""

    dispatch: str
    state: DispatchState
    audience: str
    candidates: int
    planned: int
    excluded: Mapping[str, int]
    #: True if the dispatch was there before: it goes on where it stood.
    continued: bool
    #: For when it was planned, as `Schedule.frozen` has it; empty: at once.
    schedule: str = ""
    #: Whether the archive will show the issue to everybody.
    archived: bool = True


def plan_dispatch(
    engine: Engine,
    store: SubscriberStore,
    edition: Edition,
    audience: Audience,
    *,
    provider: Provider,
    sender: str,
    again: bool = False,
    asked: datetime | None = None,
    newcomers: bool = False,
    dry_run: bool = False,
    schedule: Schedule | None = None,
    tracked: Extent | None = None,
    look: Callable[[Connection, Sequence[int]], None] | None = None,
    clock: Callable[[], datetime] = right_now,
) -> Plan:
    """Freeze *edition* and *audience* into a dispatch, or find the one that was made of them before.

    Args:
        engine: the database.
        store: the list.
        edition: what everybody gets.
        audience: who is meant; evaluated now.
        provider: what will take the messages.
        sender: the From of the messages, for the record.
        again: begin a new dispatch even if there was one, and mail those who already received the issue.
        asked: when that was asked for. A dispatch that was begun since then, by another process, is gone on
            with: whoever asked cannot have known of it, and two who ask at once mean one dispatch.
        newcomers: if the last dispatch to the audience is finished, begin one for those who joined since.
        dry_run: only count; nothing is written.
        schedule: when the messages are due; None means at once.
        tracked: what of it is tracked; None means nothing.
        look: in a dry run, is shown those who would be planned, batch by batch.
        clock: the present moment.

    Raises:
        DeliveryError: nobody is left to mail; or the same audience has a dispatch of the issue with other
            content or over another provider.
    """
    with engine.connect() if dry_run else writing(engine) as connection:
        if not dry_run and connection.dialect.name == "postgresql":
            # Two processes that plan at once must not both find that there is no dispatch yet.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PLANNING_LOCK})
        since = asked if again else None
        if (not again or since) and (
            existing := _existing(connection, edition, audience, provider, since, newcomers=newcomers)
        ):
            return _continued(connection, existing)
        name = _new_name(connection, edition.slug)
        now = clock()
        freezer = _Freezer(
            connection, min(provider.batch_size, LARGEST_BATCH), Due(store, schedule, now), look
        )
        frozen = schedule.frozen(now) if schedule else ""
        if not dry_run:
            begun = freezer.begin(name, edition, audience, provider, sender, now, frozen)
            if tracked is not None:
                freeze_extent(connection, begun, tracked)
        received = None if again else Received(connection, edition.slug)
        with seldom_collecting():
            for who, barrier in store.candidates(connection, audience.segment, topic=audience.topic):
                if barrier is None and received is not None and received.holds(who):
                    freezer.exclude(ALREADY_RECEIVED)
                elif barrier is None:
                    freezer.add(who)
                else:
                    freezer.exclude(barrier)
        if received is not None:
            received.close()
        freezer.end()
        if freezer.planned == 0:
            raise _nobody(audience, freezer)
    return Plan(
        dispatch=name,
        state=DispatchState.PLANNED,
        audience=audience.words,
        candidates=freezer.candidates,
        planned=freezer.planned,
        excluded=dict(freezer.excluded),
        continued=False,
        schedule=frozen,
        archived=audience.archived,
    )


class _Freezer:
    """Takes candidates one by one; writes those without a barrier into batches, if a dispatch was begun.

    Those of one batch are due at the same moment.
    """

    def __init__(
        self,
        connection: Connection,
        batch_size: int,
        due: Due,
        look: Callable[[Connection, Sequence[int]], None] | None = None,
    ) -> None:
        self._connection = connection
        self._batch_size = batch_size
        self._due = due
        self._look = look
        self._dispatch_id: int | None = None
        self._ids: list[int] = []
        self._by_moment: dict[datetime, list[int]] = {}
        self._number = 0
        #: Those in batches; when it has ended, all who were not excluded.
        self.planned = 0
        self.excluded: Counter[str] = Counter()

    def begin(
        self,
        name: str,
        edition: Edition,
        audience: Audience,
        provider: Provider,
        sender: str,
        now: datetime,
        schedule: str,
    ) -> int:
        row = Dispatch(
            name=name,
            slug=edition.slug,
            digest=edition.digest,
            edition=edition.to_json(),
            audience=audience.words,
            audience_key=audience.key,
            topic=audience.topic,
            provider=provider.name,
            sender=sender,
            schedule=schedule,
            archived=audience.archived,
            created_at=now,
        )
        values = row.model_dump(exclude={"id"})
        made: int = self._connection.execute(
            insert(DISPATCH).values(values).returning(DISPATCH.c.id)
        ).scalar_one()
        self._dispatch_id = made
        return made

    def exclude(self, reason: str) -> None:
        self.excluded[reason] += 1

    def add(self, subscriber_id: int) -> None:
        self._ids.append(subscriber_id)
        if len(self._ids) == self._batch_size:
            self._gather()

    @property
    def candidates(self) -> int:
        """All who were looked at."""
        return self.planned + self.excluded.total()

    def end(self) -> None:
        if self._ids:
            self._gather()
        if self._dispatch_id is None:
            return
        for moment, ids in sorted(self._by_moment.items()):
            self._write_batch(ids, moment)
        if self.excluded:
            rows = [
                {"dispatch_id": self._dispatch_id, "reason": reason, "count": count}
                for reason, count in self.excluded.items()
            ]
            self._connection.execute(insert(EXCLUSION), rows)
        self._connection.execute(
            update(DISPATCH)
            .where(DISPATCH.c.id == self._dispatch_id)
            .values(candidates=self.candidates, planned=self.planned)
        )
        self._check()

    def _gather(self) -> None:
        """Put those who were added with the others who are due at the same moment; write what is full."""
        self.planned += len(self._ids)
        if self._dispatch_id is None:
            if self._look is not None:
                self._look(self._connection, self._ids)
            self._ids.clear()
            return
        for moment, ids in self._due.group(self._connection, self._ids).items():
            waiting = self._by_moment.setdefault(moment, [])
            waiting += ids
            while len(waiting) >= self._batch_size:
                self._write_batch(waiting[: self._batch_size], moment)
                del waiting[: self._batch_size]
        self._by_moment = {moment: ids for moment, ids in self._by_moment.items() if ids}
        self._ids.clear()

    def _write_batch(self, ids: Sequence[int], ready_at: datetime) -> None:
        self._number += 1
        values = {
            "dispatch_id": self._dispatch_id,
            "number": self._number,
            "ids": json.dumps(ids, separators=(",", ":")),
            "pending": len(ids),
            "called": 0,
            "tries": "{}",
            "state": BatchState.READY,
            "attempt": 0,
            "worker": "",
            "ready_at": ready_at,
        }
        self._connection.execute(insert(BATCH).values(values))

    def _check(self) -> None:
        """What the batches hold, read back, plus what is excluded must be all candidates."""
        held = self._connection.scalar(
            select(func.coalesce(func.sum(BATCH.c.pending), 0)).where(
                BATCH.c.dispatch_id == self._dispatch_id
            )
        )
        if int(held or 0) + self.excluded.total() != self.candidates:
            raise DeliveryError(
                f"{held} planned and {self.excluded.total()} excluded are not {self.candidates} candidates",
                hint="nothing was planned; please report this",
            )


def _existing(
    connection: Connection,
    edition: Edition,
    audience: Audience,
    provider: Provider,
    since: datetime | None,
    *,
    newcomers: bool,
) -> Row[Any] | None:
    """The last dispatch of the issue to the audience, if it can be gone on with or is finished.

    One that was begun before *since* does not count.
    """
    row = connection.execute(
        select(DISPATCH)
        .where(
            DISPATCH.c.slug == edition.slug,
            DISPATCH.c.audience_key == audience.key,
            DISPATCH.c.state != DispatchState.CANCELLED,
        )
        .order_by(DISPATCH.c.id.desc())
        .limit(1)
    ).first()
    if row is None or (since is not None and row.created_at < since):
        return None
    finished = row.state == DispatchState.FINISHED
    if finished and newcomers:
        return None
    if row.digest != edition.digest:
        go_on = "" if finished else f"`newsletter resume {row.name}` goes on with what it had then; "
        raise DeliveryError(
            f"the issue has changed since its dispatch to this audience, which is {row.state}",
            where=row.name,
            hint=f"{go_on}`--again` mails everybody anew",
        )
    if row.provider != provider.name and not finished:
        raise DeliveryError(
            f"the dispatch was planned for {row.provider}, not for {provider.name}",
            where=row.name,
            hint=f"go on with `newsletter resume {row.name}`, or end it with `newsletter cancel {row.name}`",
        )
    return row


def _continued(connection: Connection, row: Row[Any]) -> Plan:
    state = DispatchState(row.state)
    excluded = excluded_of(connection, row.id)
    return Plan(
        row.name,
        state,
        row.audience,
        row.candidates,
        row.planned,
        excluded,
        True,
        row.schedule,
        bool(row.archived),
    )


def excluded_of(connection: Connection, dispatch_id: int) -> dict[str, int]:
    """How many candidates were not planned, by reason."""
    rows = connection.execute(
        select(EXCLUSION.c.reason, EXCLUSION.c.count)
        .where(EXCLUSION.c.dispatch_id == dispatch_id)
        .order_by(EXCLUSION.c.reason)
    )
    return {reason: int(count) for reason, count in rows}


def _new_name(connection: Connection, slug: str) -> str:
    """``SLUG-1`` for the first dispatch of an issue, ``SLUG-2`` for the next."""
    count = connection.scalar(select(func.count()).where(DISPATCH.c.slug == slug)) or 0
    return f"{slug}-{count + 1}"


def _nobody(audience: Audience, freezer: _Freezer) -> DeliveryError:
    if freezer.candidates == 0:
        return DeliveryError(
            f"{audience.words} matches nobody",
            where="audience",
            hint="see whom a segment means with `newsletter segments show NAME`"
            if audience.segment is not None
            else "the list is empty; `newsletter subscribers import FILE` fills it",
        )
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(freezer.excluded.items()))
    return DeliveryError(
        f"{audience.words} leaves nobody to mail: of {freezer.candidates}, {reasons}",
        where="audience",
        hint="`--again` mails those once more who already received the issue"
        if ALREADY_RECEIVED in freezer.excluded
        else f"only active subscribers who chose the topic `{audience.topic}` are mailed"
        if audience.topic
        else "only active subscribers are mailed",
    )
