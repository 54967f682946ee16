"""`newsletter send` over SMTP, whole, against Postfix's C client and against a pool of smtplib, in one run.

`python -m benchmarks.smtp [--messages N] [--rounds N]` needs Postfix's `smtp-sink` and `smtp-source`. Ours is
the command itself as a process of its own: it compiles the issue, plans, composes a personal message of 60 KB
for everybody, and writes the ledger in a SQLite file with `synchronous=FULL`. `smtp-source` sends one message
that it made beforehand again and again, and the pool of smtplib one that is ready, too.
"""

from __future__ import annotations

import argparse
import os
import smtplib
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from shutil import which
from statistics import median
from time import perf_counter, sleep
from typing import TYPE_CHECKING

from benchmarks.listing import fill
from newsletter.config import load_publication
from newsletter.editions import press
from newsletter.messages import Composer, Envelope, Recipient
from newsletter.migrations import open_database
from subscribers import SubscriberStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "ai-news-digest"
CONNECTIONS = 10
#: How much of the example's stories is said twice, so that a message has about 60,000 bytes.
SHARE = 0.72
#: Half of a round trip, in seconds.
LATENCY = 0.02
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def main(messages: int = 20_000, distant: int = 2_000, rounds: int = 3) -> None:
    """Print messages per second of everybody, near and far, and the two ratios."""
    if not which("smtp-sink", path=PATH):
        print("smtp       left out: Postfix's smtp-sink is not on this machine")
        return
    with tempfile.TemporaryDirectory() as folder, sink() as port:
        lists = {count: publication(Path(folder) / str(count), count) for count in {messages, distant}}
        size = size_of(lists[messages])
        near = turns(
            rounds,
            messages,
            ours=lambda: send(lists[messages], port),
            floor=lambda: source(port, messages, size),
        )
        with delayed(port) as far_port:
            far = turns(
                rounds,
                distant,
                ours=lambda: send(lists[distant], far_port),
                peer=lambda: pool(far_port, distant, size),
            )
    near_ratio, far_ratio = near["ours"] / near["floor"], far["ours"] / far["peer"]
    print(
        f"smtp       {messages:,} messages of {size:,} bytes, {CONNECTIONS} connections, loopback: "
        f"ours {near['ours']:,.0f}/s, smtp-source {near['floor']:,.0f}/s; {near_ratio:.2f}x its speed\n"
        f"smtp       {distant:,} messages, {2e3 * LATENCY:.0f} ms away: ours {far['ours']:,.0f}/s, "
        f"smtplib {far['peer']:,.0f}/s; {far_ratio:.1f}x its speed"
    )


def turns(rounds: int, messages: int, **contenders: Callable[[], None]) -> dict[str, float]:
    """The median messages per second of each, taken in turn so that a slow moment is slow for all."""
    speeds: dict[str, list[float]] = {name: [] for name in contenders}
    costs: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            begin, busy = perf_counter(), processor()
            run()
            speeds[name].append(messages / (perf_counter() - begin))
            costs[name].append((processor() - busy) / messages * 1e6)
    told = [
        f"{name} {', '.join(f'{each:,.0f}' for each in all_)}/s, {median(costs[name]):.0f} µs of a processor"
        for name, all_ in speeds.items()
    ]
    print(f"           {'; '.join(told)}", file=sys.stderr)
    return {name: median(all_) for name, all_ in speeds.items()}


def processor() -> float:
    """Seconds of a processor that this process, and all that it has waited for, have used."""
    return sum(used.ru_utime + used.ru_stime for used in (getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)))


@contextmanager
def sink() -> Iterator[int]:
    """Postfix's receiver, which throws everything away; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    as_root = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = ["smtp-sink", *as_root, f"127.0.0.1:{port}", "128"]
    process = subprocess.Popen(command, env={**os.environ, "PATH": PATH})
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def delayed(port: int) -> Iterator[int]:
    """The same server far away; its port."""
    command = [sys.executable, "-m", "benchmarks.delay", str(port), str(LATENCY)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(10)


def publication(folder: Path, count: int) -> Path:
    """A publication with a list of *count* readers and an issue that makes messages of about 60 KB."""
    (folder / "issues").mkdir(parents=True)
    toml = (EXAMPLE / "newsletter.toml").read_text(encoding="utf-8")
    (folder / "newsletter.toml").write_text(toml, encoding="utf-8")
    text = (EXAMPLE / "issues" / "2026-04-11.md").read_text(encoding="utf-8")
    _, head, body = text.split("---\n", 2)
    lines = [line for line in body.splitlines() if "{%" not in line and "{{" not in line]
    stories = "\n".join(lines).split("\n## Sources")[0]
    stories = stories[: stories.rindex("\n\n", 0, int(len(stories) * SHARE))]
    (folder / "issues" / "long.md").write_text(f"---\n{head}---\n{stories}\n\n{body}", encoding="utf-8")
    engine = open_database(load_publication(folder))
    fill(SubscriberStore(engine), count)
    engine.dispose()
    return folder


def size_of(folder: Path) -> int:
    """The bytes of one message."""
    home = load_publication(folder)
    edition = press(home, home.issues / "long.md").edition
    links = {name: f"https://news.example.com/{name}/{'x' * 45}" for name in ("unsubscribe", "preferences")}
    reader = Recipient(
        "reader1@example.com", "", {}, {**links, "web": "https://news.example.com/issues/long"}
    )
    composer = Composer(edition, Envelope.of(home.settings.publication, "long"))
    return len(composer.compose(reader, "x" * 24, 0.0).as_bytes())


def send(folder: Path, port: int) -> None:
    """The command, to everybody on the list, once more."""
    command = [sys.executable, "-m", "newsletter", "-C", str(folder)]
    command += ["send", "long", "--all", "--again", "--yes", "--provider", "smtp"]
    settings = {"NEWSLETTER_SMTP__PORT": str(port), "NEWSLETTER_SMTP__CONNECTIONS": str(CONNECTIONS)}
    subprocess.run(command, env={**os.environ, **settings}, check=True, capture_output=True)


def source(port: int, messages: int, size: int) -> None:
    """Postfix's client: C, one process, the same message again and again over open connections."""
    command = ["smtp-source", "-d", "-s", str(CONNECTIONS), "-m", str(messages), "-l", str(size)]
    command += ["-f", "digest@example.com", "-t", "reader@example.com", f"127.0.0.1:{port}"]
    subprocess.run(command, env={**os.environ, "PATH": PATH}, check=True, capture_output=True)


def pool(port: int, messages: int, size: int) -> None:
    """As many threads with smtplib, each with one connection that it keeps."""
    content = b"Subject: x\r\n\r\n" + (b"x" * 73 + b"\r\n") * (size // 75)

    def work(_: int) -> None:
        with smtplib.SMTP("127.0.0.1", port) as session:
            for _ in range(messages // CONNECTIONS):
                session.sendmail("digest@example.com", ["reader@example.com"], content)

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(work, range(CONNECTIONS)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--distant", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    main(options.messages, options.distant, options.rounds)
