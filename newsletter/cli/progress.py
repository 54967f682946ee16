"""What is seen while a dispatch runs: a bar on a terminal, a line now and then elsewhere; a clean stop."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from newsletter.cli import output
from newsletter.cli.exits import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from newsletter.delivery import Progress as Count

#: Off a terminal, a line at most so often, in seconds.
EVERY = 10.0


@contextmanager
def delivering(dispatch: str) -> Iterator[tuple[Event, Callable[[Count], None]]]:
    """An event that Ctrl-C and SIGTERM set, and what shows how far the dispatch is.

    The first signal lets what is in flight finish and be recorded. A second Ctrl-C ends at once; whoever was
    being handed over at that moment is named `uncertain` when the dispatch is resumed.
    """
    stop = Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a fixed signature
        if stop.is_set() and number == signal.SIGINT:
            output.say(
                f"ended; `newsletter resume {dispatch}` names who is in doubt and goes on with the others"
            )
            # Ending is safe at any moment: the ledger knows who was about to be handed over.
            os._exit(INTERRUPTED)
        stop.set()
        output.say("\nstopping: what is in flight is finished and recorded first; Ctrl-C again ends at once")

    for number in before:
        signal.signal(number, on_signal)
    try:
        with _bar(dispatch) if sys.stderr.isatty() else _lines(dispatch) as show:
            yield stop, show
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _bar(dispatch: str) -> Iterator[Callable[[Count], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(dispatch, total=None, told="")

        def show(count: Count) -> None:
            bar.update(task, total=count.recipients, completed=count.done, told=_told(count))

        yield show


@contextmanager
def _lines(dispatch: str) -> Iterator[Callable[[Count], None]]:
    last = time.monotonic()

    def show(count: Count) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            output.say(f"{dispatch}: {count.done:,} of {count.recipients:,}; {_told(count)}")

    yield show


def _told(count: Count) -> str:
    return ", ".join(f"{number:,} {state}" for state, number in count.outcomes.items() if number)
