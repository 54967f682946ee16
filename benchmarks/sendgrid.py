"""Handing over to SendGrid with 40 ms to the other end and back: ours, the stock client, and the whole path.

`python -m benchmarks.sendgrid [--recipients N] [--rounds N] [--latency SECONDS]`. The other end is the fake
of the tests, over TLS, in a process of its own; it waits for one round trip per connection, handshake and
request, keeps what comes, and checks all of it against the published schema and the limits at the end.

The stock client gets its requests ready made, and opens a connection for each; ours makes them of messages,
over connections that are open already, as they are for all but the first requests of a dispatch. The whole
path is what `newsletter send` does: plan, compose, ledger on SQLite with `synchronous=FULL`, and hand-over.
Its rate is told per second of this process's time on a core, too, as other processes share the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import certifi
from pydantic import SecretStr
from sendgrid import SendGridAPIClient

from benchmarks.compiling import EXAMPLE
from benchmarks.listing import fill
from newsletter.config import SendgridSettings, load_publication
from newsletter.delivery import Audience, Means, plan_dispatch, run_dispatch
from newsletter.delivery.collecting import seldom_collecting
from newsletter.editions.press import press
from newsletter.messages import Composer, Envelope, Recipient, personal_links
from newsletter.migrations import upgrade
from newsletter.providers.sendgrid import SendgridProvider
from newsletter.providers.sendgrid_payload import Payload
from subscribers import SubscriberStore, Tokens
from subscribers.database import open_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from newsletter.messages import Message
    from newsletter.providers import Connection

    Hand = Callable[[Sequence[Sequence[Message]]], None]

TESTS = Path(__file__).resolve().parent.parent / "tests"
KEY = "SG.a-key"
SIZE = 1_000


@dataclass
class Figures:
    """What one contender needed: recipients per second, and per second of this process's time on a core."""

    wall: list[float] = field(default_factory=list)
    core: list[float] = field(default_factory=list)

    @contextmanager
    def timing(self, recipients: int) -> Iterator[None]:
        begin, busy = time.perf_counter(), time.process_time()
        yield
        self.wall.append(recipients / (time.perf_counter() - begin))
        self.core.append(recipients / (time.process_time() - busy))


def main(recipients: int = 4_000, rounds: int = 3, latency: float = 0.04) -> None:
    """Print recipients per second and the ratios."""
    recipients = max(SIZE, recipients // SIZE * SIZE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with fake(folder, latency) as (url, report):
            figures, expected = measure(folder, url, recipients, rounds)
        told = report[0]
    if told["problems"] or told["recipients"] != expected:
        raise SystemExit(f"the other end is not content: {told}, {expected} were sent")
    print(f"sendgrid   {latency * 1000:.0f} ms away, recipients/s, ours against the stock client: ", end="")
    pairs = []
    for many, theirs in ((1, 1), (4, 4), (4, 1)):
        mine, stocks = figures[f"ours {many}"], figures[f"stock {theirs}"]
        pairs.append(
            f"{median(mine.wall):,.0f} over {many} and {median(stocks.wall):,.0f} in {theirs}"
            f" ({ratio(mine, stocks):.1f}x)"
        )
    print("; ".join(pairs))
    whole = figures["whole"]
    print(
        f"sendgrid   whole path, {recipients:,} recipients: {median(whole.core):,.0f}/s of one core,"
        f" {median(whole.wall):,.0f}/s by the clock; {told['recipients']:,} recipients in"
        f" {told['requests']:,} requests broke 0 rules"
    )


def ratio(mine: Figures, theirs: Figures) -> float:
    """How many times as fast, round by round."""
    return median(one / other for one, other in zip(mine.wall, theirs.wall, strict=True))


def measure(folder: Path, url: str, recipients: int, rounds: int) -> tuple[dict[str, Figures], int]:
    """The figures of all contenders, in turn in each round, and how many recipients there were in all."""
    publication = load_publication(EXAMPLE).settings.publication
    edition = press(load_publication(EXAMPLE), EXAMPLE / "issues" / "2026-04-11.md").edition
    envelope = Envelope.of(publication, "benchmark")
    engine = open_engine(f"sqlite:///{folder / 'list.db'}")
    upgrade(engine)
    store = SubscriberStore(engine)
    fill(store, recipients)
    provider = SendgridProvider(SendgridSettings(host=url), key=SecretStr(KEY))
    means = Means(engine, store, Tokens(engine), provider, envelope, publication.url)
    batches = composed(Composer(edition, envelope), recipients)
    bodies = [
        json.loads(request.body)
        for batch in batches
        for request in Payload(batch[0].composer, "stock").requests(batch)
    ]
    warm = batches[0][:1]
    contenders = ("stock 1", "stock 4", "ours 1", "ours 4", "whole")
    figures = {name: Figures() for name in contenders}
    for _ in range(rounds):
        for threads in (1, 4):
            with figures[f"stock {threads}"].timing(recipients):
                stock(url, bodies, threads)
            with ours(provider, threads, warm) as hand_over, figures[f"ours {threads}"].timing(recipients):
                hand_over(batches)
        with figures["whole"].timing(recipients):
            plan = plan_dispatch(
                engine, store, edition, Audience("everybody"), provider=provider, sender="x", again=True
            )
            run_dispatch(means, plan.dispatch)
    engine.dispose()
    return figures, rounds * (recipients * len(contenders) + 1 + 4)


def stock(url: str, bodies: Sequence[dict[str, Any]], threads: int) -> None:
    """The library as it comes."""
    api = SendGridAPIClient(KEY, host=url)
    with ThreadPoolExecutor(threads) as pool:
        if {response.status_code for response in pool.map(api.send, bodies)} != {202}:
            raise SystemExit("the stock client was refused")


@contextmanager
def ours(provider: SendgridProvider, threads: int, warm: Sequence[Message]) -> Iterator[Hand]:
    """What hands batches of messages over, by as many connections as there are threads, each open already.

    Garbage is looked for as seldom as in every dispatch.
    """

    def work(connection: Connection, share: Sequence[Sequence[Message]]) -> None:
        for batch in share:
            if wrong := [each for each in connection.send(batch) if each.verdict != "accepted"]:
                raise SystemExit(f"ours was refused: {wrong[0]}")

    def hand_over(batches: Sequence[Sequence[Message]]) -> None:
        shares = [batches[start::threads] for start in range(threads)]
        list(pool.map(work, connections, shares))

    with ExitStack() as stack:
        connections = [stack.enter_context(provider.connect("ours")) for _ in range(threads)]
        pool = stack.enter_context(ThreadPoolExecutor(threads))
        stack.enter_context(seldom_collecting())
        list(pool.map(work, connections, [[warm]] * threads))
        yield hand_over


def composed(composer: Composer, recipients: int) -> list[list[Message]]:
    """Messages for as many readers, by the thousand."""
    tokens = Tokens([b"a key"])
    messages = []
    for number in range(recipients):
        email, name = f"reader{number}@example.com", f"Reader {number}"
        links = personal_links("https://news.example.com", tokens, f"public-id-{number:012}", "benchmark")
        fields = {"email": email, "first_name": name, "tags": []}
        messages.append(
            composer.compose(Recipient(email, name, fields, links), f"{number:024}", 0.0, batch=1)
        )
    return [messages[start : start + SIZE] for start in range(0, recipients, SIZE)]


@contextmanager
def fake(folder: Path, latency: float) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The fake in a process of its own: its URL, and what it tells at the end."""
    sys.path.insert(0, str(TESTS))
    from fakes.certificates import self_signed

    self_signed(folder)
    certificate = folder / "server.pem"
    # The stock client reads all root certificates for each call; so it must have them here.
    trusted = folder / "trusted.pem"
    trusted.write_bytes(Path(certifi.where()).read_bytes() + certificate.read_bytes())
    os.environ[ssl.get_default_verify_paths().openssl_cafile_env] = str(trusted)
    command = [sys.executable, "-m", "fakes.sendgrid_process", "--latency", str(latency)]
    process = subprocess.Popen(
        [*command, "--certificate", str(certificate)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    report: list[dict[str, Any]] = []
    try:
        yield process.stdout.readline().strip(), report  # type: ignore[union-attr]
        report.append(json.loads(process.communicate()[0]))
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", type=float, default=0.04)
    options = parser.parse_args()
    main(options.recipients, options.rounds, options.latency)
