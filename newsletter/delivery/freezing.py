"""Freezing: the recipients of a dispatch, as they are found, into batches that never change."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, update

from newsletter.delivery.models import BATCH, DISPATCH, EXCLUSION, BatchState, Dispatch
from newsletter.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from newsletter.delivery.audience import Audience
    from newsletter.delivery.received import Received
    from newsletter.delivery.schedule import Due
    from newsletter.editions.edition import Edition
    from newsletter.providers import Provider
    from subscribers import Candidate

#: The reason of those whom an earlier dispatch of the same issue reached, or may have reached.
ALREADY_RECEIVED = "already received"
#: The reason of those who wait for it in such a dispatch: one that runs, or was paused or interrupted.
ABOUT_TO_RECEIVE = "about to receive it"


class Freezer:
    """Takes candidates by the thousand and, if a dispatch was begun, writes who is to be mailed into batches.

    Those of one batch are due at the same moment.

    Args:
        connection: the transaction that plans.
        batch_size: how many recipients make a batch.
        due: when somebody is due.
        look: if nothing was begun, is shown those who would be planned, batch by batch.
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
        """Write the dispatch, for which batches are to follow; its number in the database.

        The arguments are those of `plan_dispatch`.
        """
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

    def take(self, page: Sequence[Candidate], received: Received | None) -> None:
        """Exclude those of a page with a barrier and those who have *received* the issue; plan all others."""
        ids = [who for who, barrier in page if barrier is None]
        if len(ids) < len(page):
            self.excluded.update(barrier for _, barrier in page if barrier is not None)
        had, to_come = received.among(ids) if received is not None else ((), ())
        for reason, people in ((ALREADY_RECEIVED, had), (ABOUT_TO_RECEIVE, to_come)):
            if people:
                self.excluded[reason] += len(people)
                ids = [who for who in ids if who not in people]
        self._ids += ids
        while len(self._ids) >= self._batch_size:
            self._gather(self._ids[: self._batch_size])
            del self._ids[: self._batch_size]

    @property
    def candidates(self) -> int:
        """All who were looked at."""
        return self.planned + self.excluded.total()

    def end(self) -> None:
        """Write what is left, and how many were planned and excluded.

        Raises:
            DeliveryError: the numbers do not add up, which must never be.
        """
        if self._ids:
            self._gather(self._ids)
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

    def _gather(self, ids: Sequence[int]) -> None:
        """Put *ids* with the others who are due at the same moment; write what is full."""
        self.planned += len(ids)
        if self._dispatch_id is None:
            if self._look is not None:
                self._look(self._connection, ids)
            return
        for moment, together in self._due.group(self._connection, ids).items():
            waiting = self._by_moment.setdefault(moment, [])
            waiting += together
            while len(waiting) >= self._batch_size:
                self._write_batch(waiting[: self._batch_size], moment)
                del waiting[: self._batch_size]
        self._by_moment = {moment: waiting for moment, waiting in self._by_moment.items() if waiting}

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
