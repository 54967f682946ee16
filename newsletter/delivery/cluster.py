"""Several machines on one database: Procrastinate gives each worker the dispatches that can be worked on.

Its jobs are calls and no more: which dispatches are open is looked up again and again, and the ledger alone
says who holds which batch. So a job that is lost costs seconds, and one that is done twice costs nothing.
https://procrastinate.readthedocs.io/
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, ProcrastinateException
from procrastinate.jobs import Status
from psycopg_pool import PoolTimeout
from sqlalchemy.exc import DBAPIError

from newsletter.delivery.calls import call_schema, prepare_calls
from newsletter.delivery.due import open_dispatches
from newsletter.delivery.gauges import GONE
from newsletter.errors import DeliveryError, NewsletterError
from subscribers.postgres import signs_of_life

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from procrastinate.tasks import Task
    from sqlalchemy import Engine

QUEUE = "dispatches"
#: A worker looks so often for dispatches that are open, in seconds, and calls for one if nobody has yet.
LOOK = 2.0
#: So often, in seconds, what workers that died have left is deleted.
SWEEP = 30.0
#: A dispatch with which something is wrong is left alone for so long, in seconds.
REST = 30.0
#: So long a signal may go unnoticed, in seconds.
_SLICE = 0.25


def work_on_any(
    engine: Engine,
    run: Callable[[str], object],
    *,
    stop: Event,
    trouble: Callable[[str, NewsletterError], None],
) -> None:
    """Work on every dispatch that is running or falls due, and wait for the next, until *stop* is set.

    Args:
        engine: the PostgreSQL database that the machines share.
        run: works on the dispatch of that name until there is nothing to be done for the moment; it is
            called from another thread, and for one dispatch at a time.
        stop: set it to end; *run* must mind it, too.
        trouble: is told what is wrong with a dispatch, or (without a name) with the database; the work goes
            on, without that dispatch for a while.

    Raises:
        DeliveryError: the database's user may not do what is needed.
        Exception: what *run* raised, if it is none of ours.
    """
    # What goes wrong is told by us, in a line.
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    worker = _Worker(engine, run, stop, trouble)
    while not stop.is_set():
        reason = "the connection was lost"
        try:
            prepare_calls(engine)
            asyncio.run(worker.work())
        except DBAPIError as error:
            reason = str(error.orig)
        except (ProcrastinateException, PoolTimeout) as error:
            reason = str(error.__cause__ or error)
        if worker.fault is not None:
            raise worker.fault
        if not stop.is_set():
            told = reason.strip().partition("\n")[0]
            trouble("", DeliveryError(f"the database does not answer: {told}", hint="it is tried again"))
            stop.wait(LOOK)


class _Worker:
    """One process: takes one job at a time, and sees to it that there are jobs."""

    def __init__(
        self,
        engine: Engine,
        run: Callable[[str], object],
        stop: Event,
        trouble: Callable[[str, NewsletterError], None],
    ) -> None:
        self._engine = engine
        self._run = run
        self._stop = stop
        self._trouble = trouble
        self._resting: dict[str, float] = {}
        self.fault: BaseException | None = None

    async def work(self) -> None:
        """Take jobs until told to stop or the database is gone; what is in hand is ended first."""
        app, task = self._app()
        async with app.open_async():
            taking = asyncio.create_task(
                app.run_worker_async(
                    queues=[QUEUE],
                    name=f"{socket.gethostname()}:{os.getpid()}",
                    fetch_job_polling_interval=LOOK,
                    delete_jobs="always",
                    install_signal_handlers=False,
                )
            )
            looking = asyncio.create_task(self._look(app, task))
            await asyncio.wait({taking, looking}, return_when=asyncio.FIRST_COMPLETED)
            for each in (looking, taking):
                each.cancel()
            ended = await asyncio.gather(looking, taking, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    def _app(self) -> tuple[App, Task[[str], None, [str]]]:
        url = self._engine.url.set(drivername="postgresql")
        app = App(
            connector=PsycopgConnector(
                conninfo=url.render_as_string(hide_password=False),
                kwargs={"options": f"-c search_path={call_schema()}", **signs_of_life(url)},
                min_size=1,
                max_size=3,
                timeout=10,
            )
        )
        return app, app.task(name="work_on", queue=QUEUE)(self._work_on)

    async def _look(self, app: App, task: Task[[str], None, [str]]) -> None:
        """Call for each dispatch that is open, unless a call waits already, until it is time to stop."""
        sweep_at = 0.0
        while not self._stop.is_set():
            if time.monotonic() >= sweep_at:
                await _forget_the_dead(app)
                sweep_at = time.monotonic() + SWEEP
            for name in await asyncio.to_thread(open_dispatches, self._engine):
                if not self._rests(name):
                    with suppress(AlreadyEnqueued):
                        await task.configure(queueing_lock=name).defer_async(name=name)
            again = time.monotonic() + LOOK
            while not self._stop.is_set() and time.monotonic() < again:
                await asyncio.sleep(_SLICE)

    def _work_on(self, name: str) -> None:
        """The job: work on a dispatch that is still open."""
        try:
            if not self._stop.is_set() and not self._rests(name) and name in open_dispatches(self._engine):
                self._run(name)
        except NewsletterError as error:
            self._resting[name] = time.monotonic() + REST
            self._trouble(name, error)
        except DBAPIError:
            pass  # whoever looks for dispatches meets it, too, and tells
        except BaseException as error:
            self.fault = error
            self._stop.set()
            raise

    def _rests(self, name: str) -> bool:
        return self._resting.get(name, 0.0) > time.monotonic()


async def _forget_the_dead(app: App) -> None:
    """Delete the workers that are gone, and their jobs; the dispatches are called for anew."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=GONE):
        # Another worker may have done so at the same time.
        with suppress(ConnectorException):
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
    await app.job_manager.prune_stalled_workers(GONE)
