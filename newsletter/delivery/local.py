"""Works through a dispatch within one process: as many threads as the provider takes connections."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from threading import Event
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from newsletter.delivery import ledger
from newsletter.delivery.circuit import Circuit
from newsletter.delivery.collecting import seldom_collecting
from newsletter.delivery.control import begin
from newsletter.delivery.deliver_batch import Job, deliver_batches
from newsletter.delivery.identity import is_gone, retire, worker_name
from newsletter.delivery.models import DispatchState
from newsletter.delivery.pace import PATIENT, Grant, Limits, Pace
from newsletter.delivery.proving import settle_all_known
from newsletter.delivery.recovery import recover
from newsletter.delivery.report import Status, status
from newsletter.delivery.retry import Backoff
from newsletter.delivery.tally import Progress, Tally
from newsletter.delivery.tracking import Tracker, make_tracker
from newsletter.editions import Edition, read_attached
from newsletter.errors import BusyError, DeliveryError, ProviderError
from newsletter.messages import Composer, personal_links, unlisted_link
from subscribers.columns import now as right_now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Engine, Row

    from newsletter.config import TrackingSettings
    from newsletter.messages import Envelope
    from newsletter.providers import Provider
    from subscribers import SubscriberStore, Tokens

#: How often, in seconds, a run that waits looks whether something has changed: a pause, a worker that died.
#: When it waits for long, it looks less often, but at least so often.
LOOK = 1.0
SELDOM = 60.0


@dataclass(frozen=True)
class Means:
    """What a run works with: where list and ledger are, who writes, and what takes the messages.

    ``url`` is where the readers' web service is reachable and ``limits`` what the settings allow. ``media``
    is the folder of published images, from which those that are attached are read. ``tracking`` says what may
    be tracked; None: nothing. ``learn`` is called with the dispatch's name as a run begins and as it ends, to
    draw consequences from its outcomes; it may be called again after a crash.
    """

    engine: Engine
    store: SubscriberStore
    tokens: Tokens
    provider: Provider
    envelope: Envelope
    url: str
    limits: Limits = field(default_factory=Limits)
    media: Path | None = None
    tracking: TrackingSettings | None = None
    learn: Callable[[str], object] = lambda _: None
    backoff: Backoff = field(default_factory=Backoff)
    clock: Callable[[], datetime] = right_now
    random: Random = field(default_factory=Random)


def run_dispatch(
    means: Means,
    name: str,
    *,
    stop: Event | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    pause: Callable[[float], object] | None = None,
    patience: float | None = None,
    paused: bool = True,
) -> Status:
    """Work on a dispatch until every recipient has an outcome, it is paused or cancelled, or *stop* is set.

    Other processes may work on it too. When one of them dies, its batches are taken over here.

    Args:
        means: what to work with.
        name: the dispatch; a finished one is left as it is.
        stop: set it to end early: what is in flight is finished and recorded, the rest can be resumed.
        progress: told how far it is, now and after each window; from several threads, one at a time.
        pause: waits for so many seconds; by default until then or *stop*.
        patience: ends early when there is nothing to do for more seconds than that; None: waits.
        paused: whether a paused dispatch is gone on with.

    Returns:
        How the dispatch stands now.

    Raises:
        DeliveryError: there is no such dispatch, it was cancelled, it belongs to another provider, or an
            image that goes with its messages is missing.
        ProviderError: the provider cannot be reached; whoever was not handed over can be resumed.
    """
    stop = stop or Event()
    try:
        dispatch = begin(means.engine, name, means.provider.name, paused=paused)
        if dispatch is None:
            return status(means.engine, name)
        settle_all_known(means.engine, dispatch.id, means.clock())
        means.learn(name)
        tally = Tally(lambda: status(means.engine, name), progress)
        run = _Run(means, name, dispatch.id, stop, pause or stop.wait, tally, patience)
        if dispatch.state != DispatchState.FINISHED:
            edition = Edition.from_json(dispatch.edition)
            tracker = make_tracker(means.engine, dispatch.id, edition, means.tracking, means.url)
            composer = _composer(means, edition, tracker)
            with seldom_collecting():
                run.work(run.job(dispatch, composer, tracker))
            means.learn(name)
        return status(means.engine, name)
    except DBAPIError as error:
        raise DeliveryError(
            f"the ledger cannot be written: {str(error.orig).strip().splitlines()[0]}",
            where=name,
            hint="look at the database and the space on its disk",
        ) from error


def _composer(means: Means, edition: Edition, tracker: Tracker | None) -> Composer:
    """What makes the messages; images are read, all of them, before anything is handed over."""
    images = read_attached(edition, means.media)
    return Composer(edition, means.envelope, images, tracker.edition if tracker else None)


class _Run:
    """One run over one dispatch: rounds of threads, until there is nothing left to claim or to wait for."""

    def __init__(
        self,
        means: Means,
        name: str,
        dispatch_id: int,
        stop: Event,
        pause: Callable[[float], object],
        tally: Tally,
        patience: float | None,
    ) -> None:
        self._means = means
        self._pace = Pace(means.engine, means.provider.name, means.limits, means.clock)
        self._patience = patience
        self._name = name
        self._id = dispatch_id
        self._stop = stop
        self._halted = False
        self._busy: Grant | None = None
        self._pause = pause
        self._tally = tally

    def work(self, job: Job) -> None:
        """Rounds, and between them waits: for those who were deferred, and for other processes.

        Raises:
            ProviderError: it cannot be reached at the beginning, or not any more after several tries.
        """
        failures = 0
        while not self._stop.is_set():
            self._recover(is_gone)
            busy = self._pace.busy_lanes()
            ahead = ledger.outlook(self._means.engine, self._id, self._means.clock(), busy=busy)
            if ahead.claimable == ahead.held_or_waiting == 0:
                break
            self._tally.look()
            closed = self._closed() if ahead.claimable else Grant(0, until=ahead.next_at)
            if closed is not None:
                if not self._wait_until(closed.until, closed.why):
                    break
                continue
            before = self._tally.recorded
            trouble = self._round(job, min(ahead.claimable, self._means.provider.concurrency))
            failures = 0 if trouble is None else 1 if self._tally.recorded > before else failures + 1
            if trouble is not None:
                # Whoever cannot even begin is told at once; a server that was there may come back, but not
                # one that refuses us.
                hopeless = self._tally.recorded == 0 and not isinstance(trouble, BusyError)
                if hopeless or trouble.lasting or self._means.backoff.exhausted(failures):
                    raise trouble
                seconds = self._means.backoff.wait(failures, self._means.random)
                if isinstance(trouble, BusyError):
                    self._hold(max(seconds, trouble.wait), trouble.what)
                else:
                    self._pause(seconds)
        ledger.finish(self._means.engine, self._id, self._means.clock())

    def _hold(self, seconds: float, why: str) -> None:
        """Hand nothing over for so many seconds."""
        self._busy = Grant(0, until=self._means.clock() + timedelta(seconds=seconds), why=why)

    def _closed(self) -> Grant | None:
        """Until when nothing may leave, by the pace or by what the provider asked; None if something may."""
        if self._busy is not None and self._busy.until is not None:
            if self._busy.until > self._means.clock():
                return self._busy
            self._busy = None
        return self._pace.closed()

    def _wait_until(self, moment: datetime | None, why: str) -> bool:
        """Wait until *moment*, but not for long: somebody may pause the dispatch, or another process may die.

        Without a moment, others hold all that is left. False if it is too far off for the patience.
        """
        if moment is None:
            self._pause(LOOK)
            return self._patience is None
        seconds = (moment - self._means.clock()).total_seconds()
        if self._patience is not None and seconds > self._patience:
            return False
        if seconds > PATIENT:
            self._tally.wait(moment, why)
        self._pause(max(0.0, min(seconds, max(LOOK, min(SELDOM, seconds / 60)))))
        return True

    def _round(self, job: Job, threads: int) -> ProviderError | None:
        """Threads that claim batches until none is left; the trouble that the provider made, if it did."""
        workers = [worker_name() for _ in range(threads)]
        with ThreadPoolExecutor(threads, "delivery") as pool:
            futures = [pool.submit(self._claim_and_deliver, job, worker) for worker in workers]
            try:
                wait(futures)
            finally:
                self._halted = not all(future.done() for future in futures)
        errors = [error for future in futures if (error := future.exception()) is not None]
        trouble = None
        for error in errors:
            if not isinstance(error, ProviderError):
                # Nobody knows how far it came: whoever it had authorised is in doubt, and named now. If the
                # ledger itself is away, that is done as soon as this process works on the dispatch again.
                retire(workers)
                self._recover(workers.__contains__)
                raise error
            trouble = trouble or error
        return trouble

    def _claim_and_deliver(self, job: Job, worker: str) -> None:
        try:
            with self._means.provider.connect(self._name) as connection:
                deliver_batches(job, connection, worker)
        except BusyError as error:
            # It is all one to the provider which connection asks: the others do not ask either.
            self._hold(error.wait, error.what)
            raise
        except ProviderError:
            raise
        except BaseException:
            self._halted = True
            raise

    def _stopping(self) -> bool:
        return self._halted or self._busy is not None or self._stop.is_set()

    def _recover(self, gone: Callable[[str], bool]) -> None:
        means = self._means
        recover(means.engine, self._id, means.clock(), idempotent=means.provider.idempotent, gone=gone)

    def job(self, dispatch: Row[Any], composer: Composer, tracker: Tracker | None) -> Job:
        """What its threads work with."""
        means = self._means
        unlisted = "" if dispatch.archived else self._name
        return Job(
            engine=means.engine,
            store=means.store,
            dispatch_id=self._id,
            secret=dispatch.secret,
            topic=dispatch.topic,
            composer=composer,
            links=links_of(means, composer.edition.slug, dispatch.topic, unlisted),
            tracker=tracker,
            provider=means.provider,
            pace=self._pace,
            circuit=Circuit(
                means.engine,
                self._id,
                means.limits.stop_after,
                means.limits.stop_after_policy,
                means.limits.stop_after_trouble,
            ),
            wait=self._pause,
            stopping=self._stopping,
            progress=self._tally.add,
            backoff=means.backoff,
            clock=means.clock,
            random=means.random,
        )


def links_of(means: Means, slug: str, topic: str, unlisted: str = "") -> Callable[[str], Mapping[str, str]]:
    """What gives a subscriber's links in messages of the issue *slug* about *topic*, by public id.

    *unlisted* is the name of the dispatch, if the archive does not show the issue.
    """
    web = unlisted_link(means.url, means.tokens, slug, unlisted) if unlisted else ""
    return lambda public_id: personal_links(means.url, means.tokens, public_id, slug, topic, web)
