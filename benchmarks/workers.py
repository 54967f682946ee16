"""The readers' web service by one process and by several: one-click requests, and a page of the archive.

`python -m benchmarks.workers [--requests N] [--rounds N] [--connections N] [--workers N] [--database …]`

Both are `newsletter serve` itself, each on a database of its own with the same people, on a real port; the
load of `benchmarks.public` goes to each in turn. On a machine of two cores, the load generator and the
database need a part of them, too: told is also how many processors the service and the generator used
meanwhile, and what one request cost. Where both together come near to the cores that there are, more workers
cannot show what they gain.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING

from benchmarks.public import DATABASES, Service, _check, _databases, _gets, _load, _posts, _prepared

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REQUESTS, ROUNDS, CONNECTIONS, WORKERS = 2_000, 5, 16, 2
SETTINGS = '[publication]\nname = "N"\nfrom = "N <n@example.com>"\n[database]\nurl = "{url}"\n'


@dataclass
class Measured:
    """Requests per second, how many processors the service and the load generator used, and cost of each."""

    rates: list[float] = field(default_factory=list)
    service: list[float] = field(default_factory=list)
    load: list[float] = field(default_factory=list)

    def line(self) -> str:
        """All of it, as medians."""
        return (
            f"{median(self.rates):,.0f}/s (processors: service {median(self.service):.2f}, "
            f"load {median(self.load):.2f}; {self.cost() * 1e6:,.0f} µs each)"
        )

    def cost(self) -> float:
        """Processor time of the service for one request, in seconds."""
        return median(used / rate for used, rate in zip(self.service, self.rates, strict=True))


@dataclass(frozen=True)
class Group(Service):
    """A service and all of its processes."""

    def spent(self) -> float:
        """Processor time of all of them, in seconds."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        return super().spent() + sum(Service(self.port, int(child)).spent() for child in children)


def main(
    requests: int = REQUESTS,
    rounds: int = ROUNDS,
    connections: int = CONNECTIONS,
    workers: int = WORKERS,
    databases: Sequence[str] = DATABASES,
) -> None:
    """Print both measurements for each database."""
    for database in databases:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            urls = stack.enter_context(_databases(database, folder))
            count = requests * (rounds + 1)
            leave = [_prepared(url, count, folder, bare=False) for url in urls]
            groups = [
                stack.enter_context(_running(folder / str(number), url, number))
                for url, number in zip(urls, (workers, 1), strict=True)
            ]
            posts = [[_posts(f"/unsubscribe/{token}") for token in tokens] for tokens in leave]
            _compare(f"one-click, {database}", groups, posts, requests, rounds, connections, workers)
            pages = [[_gets("/issues/long")] * count] * 2
            _compare(f"archive, {database}", groups, pages, requests, rounds, connections, workers)
            for url in urls:
                _check(url, count)


def _compare(
    what: str,
    groups: list[Group],
    requests: list[list[bytes]],
    number: int,
    rounds: int,
    connections: int,
    workers: int,
) -> None:
    told = Measured(), Measured()
    for each in range(rounds + 1):
        for group, prepared, measured in zip(groups, requests, told, strict=True):
            chosen = prepared[each * number : (each + 1) * number]
            spent, load, begin = group.spent(), process_time(), perf_counter()
            asyncio.run(_load(group.port, chosen, connections))
            seconds = perf_counter() - begin
            if each:  # the first round fills caches
                measured.rates.append(number / seconds)
                measured.service.append((group.spent() - spent) / seconds)
                measured.load.append((process_time() - load) / seconds)
    many, one = told
    ratio = median(a / b for a, b in zip(many.rates, one.rates, strict=True))
    print(
        f"workers    {what}: {workers} workers {many.line()}; one: {one.line()}; {ratio:.2f}x "
        f"(processor {one.cost() / many.cost():.2f}x; {os.cpu_count()} cores)"
    )


@contextmanager
def _running(folder: Path, url: str, workers: int) -> Iterator[Group]:
    folder.mkdir()
    (folder / "newsletter.toml").write_text(SETTINGS.format(url=url), encoding="utf-8")
    command = [sys.executable, "-m", "newsletter", "-C", str(folder), "serve", "--port", "0"]
    command += ["--workers", str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield Group(int(process.stdout.readline().rstrip().rpartition(":")[2]), process.pid)
        finally:
            process.terminate()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--database", choices=DATABASES, action="append")
    given = parser.parse_args()
    main(given.requests, given.rounds, given.connections, given.workers, given.database or DATABASES)
