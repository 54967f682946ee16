"""The readers' web service by one process and by several: one-click requests, and a page of the archive.

`python -m benchmarks.workers [--requests N] [--rounds N] [--connections N] [--workers N] [--database …]`

Both are `newsletter serve` itself, each on a database of its own with the same people, on a real port; the
load of `benchmarks.public` goes to each in turn. On a machine of two cores, the load generator and the
database need a part of them, too: told is also how many processors the service and the generator used
meanwhile, and what one request cost. Where both together come near to the cores that there are, more workers
cannot show what they gain.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING

from benchmarks.serving import (
    DATABASES,
    Service,
    check_all_left,
    databases,
    gets,
    load,
    options,
    posts,
    prepared,
    started,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def main(
    requests: int = REQUESTS,
    rounds: int = ROUNDS,
    connections: int = CONNECTIONS,
    workers: int = WORKERS,
    kinds: Sequence[str] = DATABASES,
) -> None:
    """Print both measurements for each database."""
    for database in kinds:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            urls = stack.enter_context(databases(database, folder))
            count = requests * (rounds + 1)
            leave = [prepared(url, count, folder, bare=False) for url in urls]
            services = [
                stack.enter_context(_started(folder / str(number), url, number))
                for url, number in zip(urls, (workers, 1), strict=True)
            ]
            leaving = [[posts(f"/unsubscribe/{token}") for token in tokens] for tokens in leave]
            _compare(f"one-click, {database}", services, leaving, requests, rounds, connections, workers)
            pages = [[gets("/issues/long")] * count] * 2
            _compare(f"archive, {database}", services, pages, requests, rounds, connections, workers)
            for url in urls:
                check_all_left(url, count)


def _compare(
    what: str,
    services: list[Service],
    requests: list[list[bytes]],
    number: int,
    rounds: int,
    connections: int,
    workers: int,
) -> None:
    told = Measured(), Measured()
    for each in range(rounds + 1):
        for service, each_of, measured in zip(services, requests, told, strict=True):
            chosen = each_of[each * number : (each + 1) * number]
            spent, own, begin = service.spent(), process_time(), perf_counter()
            asyncio.run(load(service.port, chosen, connections))
            seconds = perf_counter() - begin
            if each:  # the first round fills caches
                measured.rates.append(number / seconds)
                measured.service.append((service.spent() - spent) / seconds)
                measured.load.append((process_time() - own) / seconds)
    many, one = told
    ratio = median(a / b for a, b in zip(many.rates, one.rates, strict=True))
    print(
        f"workers    {what}: {workers} workers {many.line()}; one: {one.line()}; {ratio:.2f}x "
        f"(processor {one.cost() / many.cost():.2f}x; {os.cpu_count()} cores)"
    )


def _started(folder: Path, url: str, workers: int) -> AbstractContextManager[Service]:
    folder.mkdir()
    (folder / "newsletter.toml").write_text(SETTINGS.format(url=url), encoding="utf-8")
    command = [sys.executable, "-m", "newsletter", "-C", str(folder), "serve", "--port", "0"]
    return started([*command, "--workers", str(workers)])


if __name__ == "__main__":
    numbers = {"requests": REQUESTS, "rounds": ROUNDS, "connections": CONNECTIONS, "workers": WORKERS}
    main(**options(__doc__, numbers))
