"""What is seen while a dispatch runs: a bar on a terminal, a line now and then elsewhere; a clean stop."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING

from newsletter.cli import output
from newsletter.cli.exits import INTERRUPTED
from subscribers.columns import now as right_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from types import FrameType

    from newsletter.delivery import Progress as Count

#: Off a terminal, a line at most so often, in seconds.
EVERY = 10.0
#: The speed is that of so many seconds.
SPAN = 30.0
#: A shorter wait is told to the second.
_BRIEF = timedelta(minutes=2)


@contextmanager
def delivering(dispatch: str) -> Iterator[tuple[Event, Callable[[Count], None]]]:
    """An event that Ctrl-C and SIGTERM set, and what shows how far the dispatch is."""
    ended = f"{output.resuming(dispatch)} names who is in doubt and goes on with the others"
    with stoppable(ended) as stop, showing(dispatch) as show:
        yield stop, show


@contextmanager
def stoppable(ended: str) -> Iterator[Event]:
    """An event that Ctrl-C and SIGTERM set.

    The first signal lets what is in flight finish and be recorded. A second Ctrl-C ends at once, and *ended*
    is said; whoever was being handed over at that moment is named `uncertain` when the dispatch is resumed.
    """
    stop = Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a fixed signature
        if stop.is_set() and number == signal.SIGINT:
            _say_between(f"ended; {ended}")
            # Ending is safe at any moment: the ledger knows who was about to be handed over.
            os._exit(INTERRUPTED)
        stop.set()
        _say_between(
            "\nstopping: what is in flight is finished and recorded first; Ctrl-C again ends at once"
        )

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say_between(text: str) -> None:
    """A line on stderr from a signal's handler, which may have interrupted a line that is being written."""
    try:
        output.say(text)
    except RuntimeError:  # Python's file does not let itself be written to twice at once
        os.write(2, f"{text}\n".encode())


@contextmanager
def showing(dispatch: str) -> Iterator[Callable[[Count], None]]:
    """What shows how far a dispatch is."""
    with _bar(dispatch) if sys.stderr.isatty() else _lines(dispatch) as show:
        yield show


@contextmanager
def _bar(dispatch: str) -> Iterator[Callable[[Count], None]]:
    # It takes a while to load, and where there is no terminal nothing needs it.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
    )
    speed = Speed()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(dispatch, total=None, told="")

        def show(count: Count) -> None:
            told = told_of(count, speed.of(count))
            bar.update(task, total=count.recipients, completed=count.done, told=told)

        yield show


@contextmanager
def _lines(dispatch: str) -> Iterator[Callable[[Count], None]]:
    lines = Lines(dispatch)
    yield lines.show


class Lines:
    """Tells how far a dispatch is in a line now and then, and at once when it begins to wait."""

    def __init__(self, dispatch: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._dispatch = dispatch
        self._clock = clock
        self._speed = Speed(clock)
        self._last = clock()
        self._waits_until: datetime | None = None

    def show(self, count: Count) -> None:
        """A line, if it is time for one."""
        speed = self._speed.of(count)
        new_wait = count.waits_until is not None and count.waits_until != self._waits_until
        self._waits_until = count.waits_until
        if new_wait or (count.waits_until is None and self._clock() - self._last >= EVERY):
            self._last = self._clock()
            output.say(f"{self._dispatch}: {count.done:,} of {count.recipients:,}; {told_of(count, speed)}")


class Speed:
    """Outcomes per second over the last half minute; None while it cannot be told."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def of(self, count: Count) -> float | None:
        """The speed, as of now."""
        now = self._clock()
        self._seen.append((now, count.done))
        while now - self._seen[0][0] > SPAN:
            self._seen.popleft()
        seconds, done = now - self._seen[0][0], count.done - self._seen[0][1]
        return done / seconds if seconds >= 1 and done > 0 else None


def told_of(count: Count, speed: float | None, now: datetime | None = None) -> str:
    """What is told of a dispatch: outcomes, who waits to be tried again, the speed, and the time left.

    *now* is the present moment: where the wait is short, it is told to the second.
    """
    counts = {**count.outcomes, "deferred": count.deferred}
    told = [f"{number:,} {state}" for state, number in counts.items() if number]
    if count.waits_until is not None:
        why = f" ({count.why})" if count.why else ""
        brief = count.waits_until - (now or right_now()) < _BRIEF
        form = "%Y-%m-%d %H:%M:%S %Z" if brief else "%Y-%m-%d %H:%M %Z"
        told.append(f"waits until {count.waits_until.astimezone():{form}}{why}")
    elif speed is not None:
        told.append(f"{speed:,.1f} a second")
        if left := count.recipients - count.done:
            told.append(f"{_span(left / speed)} left")
    return ", ".join(told)


def _span(seconds: float) -> str:
    """A span of time, roughly: ``40 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
