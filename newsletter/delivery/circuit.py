"""The circuit: what stops a dispatch by itself when too many messages are refused, and says why.

Rejections for a reason of policy (RFC 3463, section 3.8) are about the sender and not about the recipient:
they are counted apart, and a few of them are reason enough.

Where nobody set a share, one holds that a list with many dead addresses never reaches: of it count only
refusals that are not about the single address, and who failed after all tries.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from newsletter.delivery.models import DISPATCH, DeliveryState, DispatchState
from newsletter.delivery.pacing_tables import CIRCUIT
from newsletter.measures import Share
from newsletter.providers.codes import About, read_refusal
from subscribers.database import writing
from subscribers.tables import insert

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Engine

    from newsletter.delivery.entries import Entry

ACCEPTED, REJECTED, POLICY, TROUBLE = "a", "r", "p", "t"
#: The share that holds where none is set: half of a hundred, so fifty outcomes at least.
CUSTOMARY = Share(50, 100)
#: What the reasons begin with of those who are not tried, because their domain refuses us.
NOT_TRIED = "not tried: "
_NAMES = {
    REJECTED: "rejected",
    POLICY: "rejected by policy",
    TROUBLE: "rejected or failed, not for their addresses",
}


class Circuit:
    """Counts the outcomes of one dispatch, over all processes, and halts it at the stated shares.

    While nothing is refused, nothing is written: outcomes are kept until the first refusal among them.

    Args:
        engine: the database.
        dispatch_id: the dispatch.
        rejected: the share of rejections at which it is halted; None: never.
        policy: the same for rejections by policy.
        trouble: the same for refusals that are not about the address, and for who failed.
    """

    def __init__(
        self,
        engine: Engine,
        dispatch_id: int,
        rejected: Share | None,
        policy: Share | None,
        trouble: Share | None = None,
    ) -> None:
        self._engine = engine
        self._dispatch_id = dispatch_id
        shares = ((REJECTED, rejected), (POLICY, policy), (TROUBLE, trouble))
        self._shares = {mark: share for mark, share in shares if share}
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
            mark = self._mark(entry)
            marks.append(mark)
            if mark in (REJECTED, POLICY, TROUBLE):
                last[mark] = entry.reason
        return "".join(marks), last

    def _mark(self, entry: Entry) -> str:
        """What the outcome counts as; nothing if it says nothing of the sender or the relay."""
        if entry.state is DeliveryState.ACCEPTED:
            return ACCEPTED
        about = read_refusal(entry.reason).about
        if entry.state is DeliveryState.REJECTED:
            if POLICY in self._shares and about is About.REPUTATION:
                return POLICY
            return TROUBLE if TROUBLE in self._shares and about is not About.ADDRESS else REJECTED
        # Whoever was not even tried, because their domain refuses us, is nothing new.
        tried = entry.state is DeliveryState.FAILED and not entry.reason.startswith(NOT_TRIED)
        return TROUBLE if tried and TROUBLE in self._shares and about is not About.ADDRESS else ""

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
                return (
                    f"{seen.count(mark)} of the last {len(seen)} were {_NAMES[mark]} ({share}): {last[mark]}"
                )
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
