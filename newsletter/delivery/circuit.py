"""The circuit: what stops a dispatch by itself when too many messages are refused, and says why.

Rejections for a reason of policy (enhanced status 5.7.x, RFC 3463 section 3.8) are about the sender and not
about the recipient: they are counted apart, and a few of them are reason enough.
"""

from __future__ import annotations

import re
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from newsletter.delivery.models import DISPATCH, DeliveryState, DispatchState
from newsletter.delivery.pacing_tables import CIRCUIT
from subscribers.database import writing
from subscribers.tables import insert

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Engine

    from newsletter.delivery.entries import Entry
    from newsletter.measures import Share

ACCEPTED, REJECTED, POLICY = "a", "r", "p"
_POLICY = re.compile(r"(?<![\d.])5\.7\.\d{1,3}(?![\d.]*\d)")


def is_policy(reason: str) -> bool:
    """Whether a refusal is about the sender: its enhanced status code is 5.7.x."""
    return _POLICY.search(reason) is not None


class Circuit:
    """Counts the outcomes of one dispatch, over all processes, and halts it at the stated shares.

    While nothing is refused, nothing is written: outcomes are kept until the first refusal among them.

    Args:
        engine: the database.
        dispatch_id: the dispatch.
        rejected: the share of rejections at which it is halted; None: never.
        policy: the same for rejections by policy.
    """

    def __init__(
        self, engine: Engine, dispatch_id: int, rejected: Share | None, policy: Share | None
    ) -> None:
        self._engine = engine
        self._dispatch_id = dispatch_id
        self._shares = {mark: share for mark, share in ((REJECTED, rejected), (POLICY, policy)) if share}
        self._sample = max((share.sample for share in self._shares.values()), default=0)
        self._kept = ""
        self._lock = Lock()

    def note(self, entries: Iterable[Entry]) -> str | None:
        """Count the outcomes of a window; why the dispatch was halted, if they were too much."""
        if not self._shares:
            return None
        marks, last = self._marks(entries)
        with self._lock:
            self._kept = (self._kept + marks)[-self._sample :]
            if not any(mark in marks for mark in self._shares):
                return None
            marks, self._kept = self._kept, ""
        with writing(self._engine) as connection:
            recent = (self._recent(connection) + marks)[-self._sample :]
            connection.execute(
                update(CIRCUIT).where(CIRCUIT.c.dispatch_id == self._dispatch_id).values(recent=recent)
            )
            why = self._judge(recent, last)
            if why:
                halt(connection, self._dispatch_id, why)
        return why

    def _marks(self, entries: Iterable[Entry]) -> tuple[str, dict[str, str]]:
        """A character for each outcome, and the last reason of each kind of refusal."""
        marks, last = [], {}
        for entry in entries:
            if entry.state is DeliveryState.ACCEPTED:
                marks.append(ACCEPTED)
            elif entry.state is DeliveryState.REJECTED:
                mark = POLICY if POLICY in self._shares and is_policy(entry.reason) else REJECTED
                marks.append(mark)
                last[mark] = entry.reason
        return "".join(marks), last

    def _recent(self, connection: Connection) -> str:
        """What all processes saw last; the row is locked, and made if need be."""
        fresh = insert(connection, CIRCUIT).values(dispatch_id=self._dispatch_id, recent="")
        connection.execute(fresh.on_conflict_do_nothing())
        row = select(CIRCUIT.c.recent).where(CIRCUIT.c.dispatch_id == self._dispatch_id).with_for_update()
        return str(connection.execute(row).scalar_one())

    def _judge(self, recent: str, last: dict[str, str]) -> str | None:
        for mark, share in self._shares.items():
            seen = recent[-share.sample :]
            if mark in last and seen.count(mark) >= share.limit:
                kind = "rejected by policy" if mark == POLICY else "rejected"
                return f"{seen.count(mark)} of the last {len(seen)} were {kind} ({share}): {last[mark]}"
        return None


def halt(connection: Connection, dispatch_id: int, why: str) -> None:
    """Pause a running dispatch and say why; one that was paused or cancelled meanwhile is left so."""
    connection.execute(
        update(DISPATCH)
        .where(DISPATCH.c.id == dispatch_id, DISPATCH.c.state == DispatchState.RUNNING)
        .values(state=DispatchState.PAUSED, halted=why)
    )


def close(connection: Connection, dispatch_id: int) -> None:
    """Begin to count anew, as when a person resumes the dispatch."""
    connection.execute(delete(CIRCUIT).where(CIRCUIT.c.dispatch_id == dispatch_id))
    connection.execute(update(DISPATCH).where(DISPATCH.c.id == dispatch_id).values(halted=""))
