"""The ledger as a state machine: whatever happens in whatever order, nobody is lost and nobody mailed twice.

Three workers claim, mark, hand over and record; they die at any point, also within a commit, or fall silent
until their lease runs out and go on as if nothing had been; meanwhile a person pauses, resumes, cancels and puts
back who is in doubt or was rejected, readers leave, and events come, also of messages that only a ledger knew which a backup replaced.
Only who was in doubt and is put back may be mailed again, and only as long as nothing proves that they were. After each step everybody is in exactly one place, and those in doubt are exactly those who were
in flight when their worker was lost.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import fill, plan
from fakes.lists import forget_everybody
from fakes.providers import ScriptedProvider
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, event, select, update
from sqlalchemy.exc import DBAPIError

from newsletter.delivery import (
    DeliveryState,
    DispatchState,
    cancel,
    leases,
    ledger,
    pause,
    recovery,
    rejected,
    resend,
    settle_by,
    status,
)
from newsletter.delivery.control import begin
from newsletter.delivery.entries import Entry
from newsletter.delivery.identity import delivery_id
from newsletter.delivery.ledger import Lease, LeaseLostError
from newsletter.delivery.models import BATCH, DELIVERY, DISPATCH, EXCLUSION, SETTLEMENT, BatchState
from newsletter.delivery.proving import Proof, settle_proved
from newsletter.errors import DeliveryError
from subscribers import writing
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

READERS = 7
BATCH_SIZE = 3
WORKERS = st.sampled_from(["ann", "bob", "cho"])
FATES = st.sampled_from(
    [DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN, DeliveryState.REJECTED, "deferred", "gone"]
)
EXAMPLES = {"sqlite": 60, "postgresql": 12}


class CrashError(Exception):
    """The process ends here."""


@dataclass
class Worker:
    """What a worker knows: its lease, whom it marked as about to be handed over, and what came of them."""

    name: str
    lease: Lease
    called: tuple[int, ...] = ()
    fates: dict[int, object] = field(default_factory=dict)
    #: True once somebody else has taken its batch back: it does not know.
    lost: bool = False


class WorkersMachine(RuleBasedStateMachine):
    """Workers alone, of whom some fall silent: the real ledger on the left, what must be true on the right."""

    engine: Engine

    @initialize()
    def begin_with_a_plan(self) -> None:
        with writing(self.engine) as connection:
            for table in (SETTLEMENT, DELIVERY, BATCH, EXCLUSION, DISPATCH):
                connection.execute(delete(table))
        forget_everybody(self.engine)
        self.store = fill(self.engine, READERS)
        plan(self.engine, ScriptedProvider(batch_size=BATCH_SIZE))
        row = begin(self.engine, "issue-1", "smtp")
        self.id, self.secret = row.id, row.secret
        with self.engine.connect() as connection:
            found = connection.execute(select(SUBSCRIBER.c.id, SUBSCRIBER.c.public_id)).all()
        self.public = {row.id: row.public_id for row in found}
        self.now = datetime(2026, 4, 11, 6, 0, tzinfo=UTC) + timedelta(days=3650)
        self.workers: dict[str, Worker] = {}
        self.dead: set[str] = set()
        self.born = 0
        self.taken: Counter[int] = Counter()
        self.doubt: set[int] = set()
        self.left: set[int] = set()
        #: Whom a person put back, at the risk of a second mail.
        self.risked: set[int] = set()
        self.cancelled = False

    # What workers do.

    @rule(who=WORKERS)
    def claim(self, who: str) -> None:
        if who in self.workers:
            return
        self.born += 1
        name = f"{who}-{self.born}"
        if lease := ledger.claim(self.engine, self.id, name, self.now):
            self.workers[who] = Worker(name, lease)

    @rule(who=WORKERS, count=st.integers(1, BATCH_SIZE))
    def mark(self, who: str, count: int) -> None:
        worker = self.workers.get(who)
        if worker is None or worker.called or not worker.lease.untried:
            return
        window = worker.lease.untried[:count]
        with self.engine.connect() as connection:
            people = self.store.addressees(connection, window)
        called = [each for each in window if people[each].barrier is None]
        gone = [each for each in window if people[each].barrier is not None]
        skipped = [self.entry(each, DeliveryState.SKIPPED) for each in gone]
        with self.losing(worker):
            marked = ledger.authorise(self.engine, worker.lease, called, skipped, self.now)
            if marked is None:
                recovery.release(self.engine, worker.lease, self.now)
                del self.workers[who]
                return
            worker.lease, worker.called = marked, tuple(called)
            if not called:
                self.write_down(who)

    @rule(who=WORKERS, fate=FATES)
    def hand_over(self, who: str, fate: object) -> None:
        """One more message of the window; also by who has lost the batch, and does not know it."""
        worker = self.workers.get(who)
        waiting = [each for each in worker.called if each not in worker.fates] if worker else []
        if worker is None or not waiting or "gone" in worker.fates.values():
            return
        worker.fates[waiting[0]] = fate
        if fate in (DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN):
            self.taken[waiting[0]] += 1

    @rule(who=WORKERS, claims=st.booleans())
    def write_down(self, who: str, *, claims: bool = False) -> None:
        """The outcomes of a window; if the batch ends with it, its worker may *claim* the next one with it."""
        worker = self.workers.get(who)
        if worker is None or (worker.called and not worker.fates):
            return
        states = {each: worker.fates.get(each) for each in worker.called}
        if None in states.values() and "gone" not in states.values():
            return  # the window is not through
        entries = [
            self.entry(each, state) for each, state in states.items() if isinstance(state, DeliveryState)
        ]
        later = [each for each, state in states.items() if state == "deferred"]
        with self.losing(worker):
            lease = ledger.record(self.engine, worker.lease, entries, later, self.now, claims=claims)
            self.doubt |= {each for each, state in states.items() if state is DeliveryState.UNCERTAIN}
            worker.called, worker.fates = (), {}
            assert not (lease.ids and lease.following), "a worker holds two batches"
            worker.lease = lease.following or lease
            if not worker.lease.ids:
                del self.workers[who]

    @rule(who=WORKERS)
    def give_back(self, who: str) -> None:
        worker = self.workers.get(who)
        if worker is None or worker.called:
            return
        with self.losing(worker):
            recovery.release(self.engine, worker.lease, self.now)
        self.workers.pop(who, None)

    # What goes wrong.

    @rule()
    def time_passes(self) -> None:
        """So long that every lease is over; whoever is alive has been silent, and goes on afterwards."""
        self.now += ledger.LEASE + timedelta(seconds=1)
        self.take_back()

    def take_back(self) -> None:
        """Take from the dead and the silent what they held."""
        held = {
            worker.name: worker
            for worker in self.workers.values()
            if not worker.lost and worker.name in self.overdue()
        }
        recovery.recover(
            self.engine, self.id, self.now, idempotent=False, gone=lambda name: name in self.dead
        )
        for worker in held.values():
            worker.lost = True
            self.doubt |= set(worker.called)

    def die(self, who: str) -> None:
        """A worker ends where it is."""
        worker = self.workers.pop(who, None)
        if worker is not None:
            self.dead.add(worker.name)
            if not worker.lost:
                self.doubt |= set(worker.called)

    def overdue(self) -> set[str]:
        with self.engine.connect() as connection:
            return set(connection.scalars(select(BATCH.c.worker).where(BATCH.c.lease_until < self.now)))

    # What is always true.

    @invariant()
    def everybody_is_in_exactly_one_place(self) -> None:
        recorded, pending, called = self.places()
        places = Counter([*recorded, *pending])
        assert places == Counter(self.public.keys()), "somebody is in no place or in two"
        once = self.public.keys() - self.risked
        assert all(self.taken[reader] <= 1 for reader in once), "somebody was mailed twice"
        for reader, state in recorded.items():
            if state == DeliveryState.ACCEPTED:
                assert self.taken[reader] == 1 or (self.taken[reader] and reader in self.risked)
            elif state != DeliveryState.UNCERTAIN:
                assert self.taken[reader] == 0 or reader in self.risked
        for reader in (pending - called) & once:
            assert self.taken[reader] == 0, "somebody was mailed who will be tried again"
        lost = {reader for reader, state in recorded.items() if state == DeliveryState.UNCERTAIN}
        # Whoever was in flight with a dead worker is still in the batch until somebody recovers it.
        assert lost <= self.doubt <= lost | called

    def teardown(self) -> None:
        """Everybody goes home, one more worker comes, and does what is left."""
        if not hasattr(self, "workers"):
            return
        for who in list(self.workers):
            self.die(who)
        self.now += timedelta(hours=1)
        self.take_back()
        if not self.cancelled and status(self.engine, "issue-1").state is not DispatchState.FINISHED:
            begin(self.engine, "issue-1", "smtp")
            while lease := ledger.claim(self.engine, self.id, "last", self.now):
                self.workers["ann"] = Worker("last", lease)
                while worker := self.workers.get("ann"):
                    self.mark("ann", BATCH_SIZE)
                    for _ in worker.called:
                        self.hand_over("ann", DeliveryState.ACCEPTED)
                    self.write_down("ann")
            assert ledger.finish(self.engine, self.id, self.now)
        recorded, pending, _ = self.places()
        assert not pending
        assert recorded.keys() == self.public.keys(), "somebody is lost"
        doubtful = {reader for reader, state in recorded.items() if state == DeliveryState.UNCERTAIN}
        assert doubtful == self.doubt
        skipped = {reader for reader, state in recorded.items() if state == DeliveryState.SKIPPED}
        assert self.cancelled or skipped <= self.left

    def places(self) -> tuple[dict[int, str], set[int], set[int]]:
        """Who has which outcome, who is in a batch, and who of these is marked."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(DELIVERY.c.subscriber_id, DELIVERY.c.state)).all()
            batches = connection.execute(select(BATCH.c.ids, BATCH.c.called, BATCH.c.pending)).all()
        waiting = [(json.loads(batch.ids), batch.called, batch.pending) for batch in batches]
        everybody = [reader for ids, _, _ in waiting for reader in ids]
        assert len(everybody) == len(set(everybody)) == sum(pending for _, _, pending in waiting)
        called = {reader for ids, count, _ in waiting for reader in ids[:count]}
        return {row.subscriber_id: row.state for row in rows}, set(everybody), called

    def entry(self, reader: int, state: DeliveryState) -> Entry:
        return Entry(reader, delivery_id(self.secret, reader), state)

    @contextmanager
    def losing(self, worker: Worker) -> Iterator[None]:
        """Whoever has lost the batch is told so by its first write, and only then."""
        try:
            yield
            assert not worker.lost, "a worker wrote into a batch that was no longer its own"
        except LeaseLostError:
            assert worker.lost, "a worker was refused its own batch"
            self.workers = {who: each for who, each in self.workers.items() if each is not worker}


class LedgerMachine(WorkersMachine):
    """The same, with whatever else may happen to a dispatch."""

    # What goes wrong, besides.

    @rule(who=WORKERS)
    def crash(self, who: str) -> None:
        self.die(who)

    @rule(who=WORKERS)
    def crash_within_a_commit(self, who: str) -> None:
        """All of a transaction is lost, whichever it was."""
        worker = self.workers.get(who)
        if worker is None:
            return

        def end(_: object) -> None:
            raise CrashError

        event.listen(self.engine, "commit", end)
        before = worker.called
        try:
            if worker.called:
                for _ in worker.called:
                    self.hand_over(who, DeliveryState.ACCEPTED)
                self.write_down(who)
            else:
                self.mark(who, BATCH_SIZE)
        except CrashError:
            pass
        finally:
            event.remove(self.engine, "commit", end)
        if self.workers.get(who) is worker:
            worker.called = before
            self.die(who)

    @rule()
    def recover(self) -> None:
        self.take_back()

    def held(self) -> bool:
        with self.engine.connect() as connection:
            return "leased" in connection.scalars(select(BATCH.c.state)).all()

    # What people do.

    @rule()
    def pause(self) -> None:
        with self.refused_when_over():
            pause(self.engine, "issue-1")

    @rule()
    def resume(self) -> None:
        if not self.cancelled:
            begin(self.engine, "issue-1", "smtp")

    @rule(number=st.integers(0, READERS - 1))
    def leave(self, number: int) -> None:
        reader = sorted(self.public)[number]
        self.store.unsubscribe(self.public[reader], source="one-click")
        self.left.add(reader)

    @precondition(lambda self: self.born > 2)
    @rule()
    def cancel(self) -> None:
        # Once more, while a worker still has something in hand: it may have died meanwhile.
        if self.cancelled and self.held():
            cancel(self.engine, "issue-1", self.now)
            return
        with self.refused_when_over():
            cancel(self.engine, "issue-1", self.now)
            self.cancelled = True

    @precondition(lambda self: self.doubt and not self.cancelled)
    @rule()
    def put_back(self) -> None:
        """A person tries those again who are in doubt."""
        recorded, _, _ = self.places()
        again = {reader for reader, state in recorded.items() if state == DeliveryState.UNCERTAIN}
        assert resend(self.engine, "issue-1", DeliveryState.UNCERTAIN, now=self.now).put_back == len(again)
        self.doubt -= again
        self.risked |= again

    @precondition(lambda self: not self.cancelled)
    @rule()
    def try_rejected_again(self) -> None:
        """A person mended what was at fault; whoever left is not among them, and nobody is risked."""
        recorded, _, _ = self.places()
        refused = {reader for reader, state in recorded.items() if state == DeliveryState.REJECTED}
        found = rejected(self.engine, self.store, "issue-1")
        assert set(found.ids) == refused - self.left
        again = resend(self.engine, "issue-1", DeliveryState.REJECTED, ids=found.ids, now=self.now)
        assert again == (len(found.ids), 0)

    @precondition(lambda self: self.taken)
    @rule(number=st.integers(0, READERS - 1))
    def prove(self, number: int) -> None:
        """An event comes about a message that was taken: it ends the doubt, and who waits waits no more."""
        waiting = self.waiting()
        readers = sorted(self.taken, key=lambda reader: (reader not in waiting, reader))
        reader = readers[number % len(readers)]
        before, _, _ = self.places()
        waits = reader in self.risked and reader in waiting
        with writing(self.engine) as connection:
            proof = Proof(delivery_id(self.secret, reader), "an event")
            settled = settle_proved(connection, [proof], self.now)
        after, _, _ = self.places()
        if waits or before.get(reader) == DeliveryState.UNCERTAIN:
            assert (settled, after.get(reader)) == (1, DeliveryState.ACCEPTED)
            self.doubt.discard(reader)
        else:
            assert (settled, after) == (0, before)

    @precondition(lambda self: self.born > 2 and not self.cancelled)
    @rule(number=st.integers(0, READERS - 1))
    def mailed_by_a_ledger_that_a_backup_replaced(self, number: int) -> None:
        """Evidence comes of somebody who is pending here: they wait no more, and are not mailed again."""
        self.take_back()
        waiting = sorted(self.waiting() - self.taken.keys())
        if not waiting:
            return
        reader = waiting[number % len(waiting)]
        self.taken[reader] += 1
        evidence = {delivery_id(self.secret, reader): "listed"}
        assert settle_by(self.engine, "issue-1", evidence, now=self.now) == (0, 1, 0)
        recorded, _, _ = self.places()
        assert recorded[reader] == DeliveryState.ACCEPTED

    @rule()
    def finish(self) -> None:
        ledger.finish(self.engine, self.id, self.now)

    def waiting(self) -> set[int]:
        """Who is in a batch that nobody holds."""
        with self.engine.connect() as connection:
            free = connection.scalars(select(BATCH.c.ids).where(BATCH.c.state == BatchState.READY))
            return {reader for ids in free for reader in json.loads(ids)}

    @contextmanager
    def refused_when_over(self) -> Iterator[None]:
        over = status(self.engine, "issue-1").state in (DispatchState.FINISHED, DispatchState.CANCELLED)
        try:
            yield
            assert not over
        except DeliveryError:
            assert over


def test_the_ledger_is_this_machine(engine: Engine) -> None:
    machine = type("Machine", (LedgerMachine,), {"engine": engine})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES[engine.dialect.name],
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_machine_finds_a_ledger_that_is_no_longer_fenced(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a batch could be written by who lost it, the machine would see it: workers alone are enough for that."""
    fenced = leases._write

    def unfenced(connection: object, lease: Lease, *rest: object) -> None:
        this = BATCH.c.number == lease.number
        held = {"worker": lease.worker, "attempt": lease.attempt, "state": BatchState.LEASED}
        connection.execute(update(BATCH).where(this).values(**held))
        fenced(connection, lease, *rest)

    monkeypatch.setattr(leases, "_write", unfenced)
    machine = type("Machine", (WorkersMachine,), {"engine": sqlite_engine})
    with pytest.raises((AssertionError, DBAPIError)):
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=100,
                stateful_step_count=40,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
                report_multiple_bugs=False,
                phases=[Phase.generate],
            ),
        )
