"""The readers' web service under load: one-click requests, and a page of the archive.

`python -m benchmarks.public [--requests N] [--rounds N] [--connections N] [--database sqlite|postgresql]`

Every one-click request is somebody else's wish to leave, and durable before its answer: SQLite with
``synchronous=FULL``, PostgreSQL with its defaults. The floor is a bare FastAPI route, with no middleware,
that does one UPDATE of the same row on an engine that is opened alike, in a database of its own without our
trigger. The floor of the archive is the same bytes as a file, through Starlette's own StaticFiles.

Both services are real processes with a port; one load generator keeps all connections busy, over keep-alive,
on each in turn. Told are requests per second, p50 and p99 in milliseconds, and processor time of the service
per request: on a machine that does other things at the same time, it is the steadier one.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import TYPE_CHECKING

from sqlalchemy import update

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
from newsletter.config import Publication, Settings
from newsletter.public import create_app
from newsletter.web import Held, Patience, serve
from subscribers.columns import now
from subscribers.database import open_engine, writing
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastapi import FastAPI
    from sqlalchemy import Engine

REQUESTS, ROUNDS, CONNECTIONS = 2_000, 5, 16


@dataclass
class Measured:
    """What came of the rounds of one service."""

    rates: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def line(self) -> str:
        """Requests per second, p50, p99, processor time."""
        cuts = quantiles(self.latencies, n=100)
        return (
            f"{median(self.rates):,.0f}/s, p50 {cuts[49] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms, "
            f"{median(self.cpu) * 1e6:,.0f} µs of processor each"
        )


def main(
    requests: int = REQUESTS,
    rounds: int = ROUNDS,
    connections: int = CONNECTIONS,
    kinds: Sequence[str] = DATABASES,
) -> None:
    """Print both measurements for each database."""
    for database in kinds:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            urls = stack.enter_context(databases(database, folder))
            count = requests * (rounds + 1)
            leave = [prepared(url, count, folder, bare=bare) for bare, url in enumerate(urls)]
            ours = stack.enter_context(_started("ours", urls[0], folder))
            floor = stack.enter_context(_started("floor", urls[1], folder))
            leaving = (
                [posts(f"/unsubscribe/{token}") for token in leave[0]],
                [posts(f"/leave/{each}") for each in leave[1]],
            )
            told = _compare((ours, floor), leaving, requests, rounds, connections)
            _say(f"one-click, {database}", told, "one UPDATE")
            pages = [gets("/issues/long")] * count, [gets("/static/long.html")] * count
            told = _compare((ours, floor), pages, requests, rounds, connections)
            _say(f"archive, {database}", told, "a static file")
            check_all_left(urls[0], count)


def _say(what: str, told: tuple[Measured, Measured], floor: str) -> None:
    ours, bare = told
    ratio = median(ours.rates) / median(bare.rates)
    cpu = median(bare.cpu) / median(ours.cpu)
    print(
        f"public     {what}: ours {ours.line()}; {floor}: {bare.line()}; {ratio:.2f}x (processor {cpu:.2f}x)"
    )


def _compare(
    services: tuple[Service, Service],
    requests: tuple[list[bytes], list[bytes]],
    number: int,
    rounds: int,
    connections: int,
) -> tuple[Measured, Measured]:
    told = Measured(), Measured()
    for each in range(rounds + 1):
        for service, each_of, measured in zip(services, requests, told, strict=True):
            chosen = each_of[each * number : (each + 1) * number]
            spent, begin = service.spent(), perf_counter()
            latencies = asyncio.run(load(service.port, chosen, connections))
            seconds = perf_counter() - begin
            if each:  # the first round fills caches
                measured.rates.append(len(chosen) / seconds)
                measured.cpu.append((service.spent() - spent) / len(chosen))
                measured.latencies += latencies
    return told


def _started(which: str, url: str, folder: Path) -> AbstractContextManager[Service]:
    return started([sys.executable, "-m", "benchmarks.public", "--serve", which, url, str(folder)])


def _serve(which: str, url: str, folder: str) -> None:
    engine = open_engine(url)

    def ready(address: str) -> None:
        print(address, flush=True)

    if which == "ours":
        settings = Settings(publication={"name": "N", "from": "N <n@example.com>"})
        app = create_app(Publication(Path(folder), settings), engine)
        serve(app, port=0, patience=Patience(held=Held(1000)), on_ready=ready)
    else:
        _serve_plainly(_bare(engine, folder), ready)


def _serve_plainly(app: FastAPI, ready: Callable[[str], None]) -> None:
    """As uvicorn is without any setting of ours."""
    import socket

    import uvicorn

    # As `newsletter serve` makes its own: asyncio holds nothing back on a socket that names its protocol.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    ready(f"http://127.0.0.1:{listener.getsockname()[1]}")
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listener])


def _bare(engine: Engine, folder: str) -> FastAPI:
    from fastapi import FastAPI
    from fastapi.staticfiles import StaticFiles

    app = FastAPI()

    @app.post("/leave/{public_id}")
    def leave(public_id: str) -> dict[str, str]:
        changed = update(SUBSCRIBER).where(SUBSCRIBER.c.public_id == public_id)
        with writing(engine) as connection:
            connection.execute(changed.values(status="unsubscribed", updated_at=now()))
        return {"status": "left"}

    app.mount("/static", StaticFiles(directory=f"{folder}/static"))
    return app


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        _serve(*sys.argv[2:5])
    else:
        main(**options(__doc__, {"requests": REQUESTS, "rounds": ROUNDS, "connections": CONNECTIONS}))
