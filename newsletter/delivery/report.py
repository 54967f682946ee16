"""What the ledger says of a dispatch: how it stands, in counts."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from newsletter.delivery import aftermath
from newsletter.delivery.identity import is_gone
from newsletter.delivery.models import BATCH, DELIVERY, DISPATCH, BatchState, DeliveryState, DispatchState
from newsletter.delivery.plan import excluded_from
from newsletter.errors import DeliveryError, did_you_mean
from subscribers.columns import now

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine, Row, Select

#: So many dispatches are asked for in one question.
_AT_A_TIME = 500


@dataclass(frozen=True)
class Status:
    """How a dispatch stands. ``recipients`` were planned; each is in exactly one of the counts after it."""

    dispatch: str
    state: DispatchState
    issue: str
    digest: str
    audience: str
    provider: str
    candidates: int
    recipients: int
    excluded: Mapping[str, int]
    accepted: int
    rejected: int
    failed: int
    skipped: int
    uncertain: int
    pending: int
    created_at: datetime
    finished_at: datetime | None
    #: How many workers are at it now, as far as this machine can tell.
    workers: int
    #: How many of the pending were not taken for now and are tried again.
    deferred: int = 0
    #: For when it was planned, as `Schedule.frozen` has it; empty: at once.
    schedule: str = ""
    #: When the next of the pending are due, if nobody is at this moment.
    next_at: datetime | None = None
    #: Why the program paused it by itself; empty if it did not.
    halted: str = ""
    #: Of how many deliveries which events are known, as `aftermath.counts` has them.
    events: Mapping[str, int] = field(default_factory=dict)

    @property
    def troubled(self) -> bool:
        """True if somebody was rejected, failed or is in doubt."""
        return bool(self.rejected or self.failed or self.uncertain)


def status(engine: Engine, name: str) -> Status:
    """How the dispatch of that name stands.

    Raises:
        DeliveryError: there is none.
    """
    with engine.connect() as connection:
        (standing,) = _stand(connection, [find(connection, name)])
        return standing


def statuses(
    engine: Engine,
    slug: str | None = None,
    *,
    state: str | None = None,
    since: datetime | None = None,
    most: int | None = None,
    learned: bool = True,
) -> list[Status]:
    """How all dispatches stand, the newest first.

    Args:
        engine: the database.
        slug: only those of this issue.
        state: only those in this state.
        since: only those planned since then.
        most: only so many.
        learned: whether events are counted, which takes longest.
    """
    query = _known().order_by(DISPATCH.c.id.desc()).limit(most)
    query = query.where(DISPATCH.c.slug == slug) if slug is not None else query
    query = query.where(DISPATCH.c.state == state) if state is not None else query
    query = query.where(DISPATCH.c.created_at >= since) if since is not None else query
    with engine.connect() as connection:
        return list(_stand(connection, connection.execute(query).all(), learned=learned))


def _known() -> Select[Any]:
    """Dispatches without their editions, which are a hundred times as large as all the rest."""
    return select(*(column for column in DISPATCH.c if column.name not in ("edition", "secret")))


def unfinished(engine: Engine) -> list[Status]:
    """How those dispatches stand that began and have not ended: running, paused, halted; the oldest first."""
    begun = DISPATCH.c.state.in_((DispatchState.RUNNING, DispatchState.PAUSED))
    with engine.connect() as connection:
        rows = connection.execute(_known().where(begun).order_by(DISPATCH.c.id)).all()
        return list(_stand(connection, rows, learned=False))


def find(connection: Connection, name: str, *, lock: bool = False) -> Row[Any]:
    """The row of the dispatch of that name; with *lock*, nobody else changes it before the transaction ends.

    Raises:
        DeliveryError: there is none; the hint names the nearest.
    """
    query = select(DISPATCH).where(DISPATCH.c.name == name)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        known = list(connection.scalars(select(DISPATCH.c.name)))
        hint = did_you_mean(name, known) if known else "`newsletter send ISSUE` makes one"
        raise DeliveryError("there is no such dispatch", where=name, hint=hint)
    return row


def _stand(
    connection: Connection, dispatches: Sequence[Row[Any]], *, learned: bool = True
) -> Iterator[Status]:
    """How the dispatches stand: a few questions for all of them, however many they are."""
    for start in range(0, len(dispatches), _AT_A_TIME):
        some = dispatches[start : start + _AT_A_TIME]
        ids = [row.id for row in some]
        outcomes = _outcomes(connection, ids)
        excluded = excluded_from(connection, ids)
        work = _work(connection, ids)
        events = aftermath.counts(connection, [row.name for row in some]) if learned else {}
        for row in some:
            told: dict[str, Any] = {state.value: outcomes[row.id].get(state, 0) for state in DeliveryState}
            yield Status(
                dispatch=row.name,
                state=DispatchState(row.state),
                issue=row.slug,
                digest=row.digest,
                audience=row.audience,
                provider=row.provider,
                candidates=row.candidates,
                recipients=row.planned,
                excluded=excluded.get(row.id, {}),
                pending=row.planned - sum(told.values()),
                created_at=row.created_at,
                finished_at=row.finished_at,
                schedule=row.schedule,
                halted=row.halted,
                events=events.get(row.name, {}),
                **told,
                **work.get(row.id, _Work()).told(),
            )


def _outcomes(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """How many have which outcome, by dispatch."""
    found: dict[int, dict[str, int]] = {dispatch_id: {} for dispatch_id in ids}
    rows = connection.execute(
        select(DELIVERY.c.dispatch_id, DELIVERY.c.state, func.count())
        .where(DELIVERY.c.dispatch_id.in_(ids))
        .group_by(DELIVERY.c.dispatch_id, DELIVERY.c.state)
    )
    for dispatch_id, state, count in rows:
        found[dispatch_id][state] = int(count)
    return found


@dataclass
class _Work:
    """What there is left to do of a dispatch, and who is at it."""

    holders: set[str] = field(default_factory=set)
    deferred: int = 0
    ready_at: datetime | None = None

    def told(self) -> dict[str, Any]:
        """As `Status` has it; the moment only if it is yet to come."""
        ahead = self.ready_at is not None and self.ready_at > now()
        return {
            "workers": sum(not is_gone(holder) for holder in self.holders),
            "deferred": self.deferred,
            "next_at": self.ready_at if ahead else None,
        }


def _work(connection: Connection, ids: Sequence[int]) -> dict[int, _Work]:
    """What there is left to do, by dispatch: of those in which nobody is left, nothing."""
    columns = (
        BATCH.c[name] for name in ("dispatch_id", "state", "worker", "lease_until", "ready_at", "tries")
    )
    query = select(*columns).where(
        BATCH.c.dispatch_id.in_(ids), BATCH.c.state.in_([BatchState.READY, BatchState.LEASED])
    )
    found: defaultdict[int, _Work] = defaultdict(_Work)
    for row in connection.execute(query):
        work = found[row.dispatch_id]
        work.deferred += len(json.loads(row.tries))
        if row.state == BatchState.READY:
            work.ready_at = min(work.ready_at or row.ready_at, row.ready_at)
        elif row.lease_until > now():
            work.holders.add(row.worker)
    return found
