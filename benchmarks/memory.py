"""The memory of planning and working through a dispatch, for lists of several sizes, each in its own process.

`python -m benchmarks.memory [--rows N …]`: an issue is planned, composed and recorded for everybody on a list
in SQLite, and planned once more, which finds that all of them have it; the provider throws each message away.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.compiling import EXAMPLE
from benchmarks.listing import fill
from newsletter.config import load_publication
from newsletter.delivery import Audience, Means, plan_dispatch, run_dispatch
from newsletter.editions import Edition
from newsletter.editions.press import press
from newsletter.errors import DeliveryError
from newsletter.messages import Envelope
from newsletter.migrations import upgrade
from newsletter.providers import Outcome, Verdict
from subscribers import SubscriberStore, Tokens
from subscribers.database import open_engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from newsletter.messages import Message

SIZES = (1_000, 10_000, 50_000)


class Nowhere:
    """A provider that makes each message and throws it away."""

    name, smtputf8, idempotent = "nowhere", False, False
    window, batch_size, concurrency = 500, 1_000, 1

    def describe(self) -> str:
        return "nowhere"

    @contextmanager
    def connect(self, dispatch: str = "test") -> Iterator[Nowhere]:  # noqa: ARG002 - as every provider has it
        yield self

    def send(self, messages: Sequence[Message]) -> list[Outcome]:
        return [
            Outcome(message.delivery_id, Verdict.ACCEPTED, provider_id=str(len(message.as_bytes())))
            for message in messages
        ]


def main(sizes: Sequence[int] = SIZES) -> None:
    """Print the peak resident memory of a run for each size."""
    peaks = []
    for size in sizes:
        command = [sys.executable, "-m", "benchmarks.memory", "--one", str(size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(json.loads(done.stdout))
    told = ", ".join(f"{size:,} recipients {peak:.0f} MiB" for size, peak in zip(sizes, peaks, strict=True))
    print(f"memory     {told}; the largest is {max(peaks) / peaks[0]:.2f}x the first")


def one(size: int) -> None:
    """Do it once, here, and print the peak in MiB."""
    publication = load_publication(EXAMPLE).settings.publication
    edition = press(load_publication(EXAMPLE), EXAMPLE / "issues" / "2026-04-11.md").edition
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'list.db'}")
        upgrade(engine)
        store = SubscriberStore(engine)
        fill(store, size)
        means = Means(
            engine, store, Tokens(engine), Nowhere(), Envelope.of(publication, "memory"), publication.url
        )
        name = planned(means, edition)
        run_dispatch(means, name)
        with suppress(DeliveryError):  # nobody is left: all of them have it
            planned(means, edition, newcomers=True)
        engine.dispose()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def planned(means: Means, edition: Edition, **options: bool) -> str:
    """The name of a dispatch to everybody."""
    audience = Audience("everybody")
    return plan_dispatch(
        means.engine, means.store, edition, audience, provider=means.provider, sender="x", **options
    ).dispatch


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--one", type=int)
    options = parser.parse_args()
    one(options.one) if options.one else main(options.rows)
