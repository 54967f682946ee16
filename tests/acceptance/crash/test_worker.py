"""`newsletter worker`: machines that share a PostgreSQL work on whatever is running, and nobody is mailed twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import pytest
from acceptance.crash.campaign import environment, smtp_settings
from acceptance.crash.publication import write
from fakes.dispatching import fill
from fakes.smtp import SmtpServer, smtp_server
from sqlalchemy import update

from newsletter.delivery import DispatchState, log, status
from newsletter.delivery.models import BATCH
from newsletter.notices import NoticeKind, count_notices, enqueue
from subscribers import SubscriberStore, now
from subscribers.database import writing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acceptance.crash.campaign import Zygote
    from sqlalchemy import Engine

READERS = 100
PROGRAM = Path(sys.executable).parent / "newsletter"


class Arrivals:
    """A script for a server: holds messages until so many connections are there, and tells when all arrived."""

    def __init__(self, connections: int, expected: int = READERS) -> None:
        self.server: SmtpServer | None = None
        self.all, self.together = Event(), Event()
        self.connections, self.expected, self.arriving = connections, expected, count(1)

    def __call__(self, step: str, argument: str) -> None:
        if step == "banner" and self.server is not None and self.server.connections >= self.connections:
            self.together.set()
        if step == ".":
            self.together.wait(200)
            if next(self.arriving) == self.expected:
                self.all.set()


@contextmanager
def workers(
    folder: Path, engine: Engine, port: int, count: int, says: str = "waiting for dispatches", **more: str
) -> Iterator[list[subprocess.Popen[str]]]:
    """Workers, as soon as each *says* that in its first line; they are ended with the block at the latest."""
    url = engine.url.render_as_string(hide_password=False)
    values = environment(**smtp_settings(port), NEWSLETTER_DATABASE__URL=url, **more)
    started = [
        subprocess.Popen([PROGRAM, "worker"], cwd=folder, env=values, stdout=-1, stderr=-1, text=True)
        for _ in range(count)
    ]
    try:
        for each in started:
            assert each.stderr is not None
            assert says in each.stderr.readline()
        yield started
    finally:
        for each in started:
            each.kill()
            each.communicate()


def end(started: list[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """Ask them to end; the exit code of each, and what it said."""
    for each in started:
        each.send_signal(signal.SIGTERM)
    told = [each.communicate(timeout=600)[1] for each in started]
    return [(each.returncode, text) for each, text in zip(started, told, strict=True)]


def send(zygote: Zygote, folder: Path, engine: Engine, port: int, *more: str) -> int:
    url = engine.url.render_as_string(hide_password=False)
    values = {**smtp_settings(port), "NEWSLETTER_DATABASE__URL": url}
    zygote.start(folder, ["send", "issue", "--all", "--yes", *more], values)
    return zygote.wait()


def arrived(server: SmtpServer) -> Counter[str]:
    return Counter(recipient for recipient, _ in server.messages)


@pytest.fixture
def folder(postgres_engine: Engine, tmp_path: Path) -> Path:
    fill(postgres_engine, READERS)
    write(tmp_path, "issue")
    return tmp_path


def test_two_workers_help_whoever_sends(folder: Path, postgres_engine: Engine, zygote: Zygote) -> None:
    """They are called as soon as a dispatch runs: no message is taken before all three are connected."""
    script = Arrivals(connections=5)
    with smtp_server(script) as script.server:
        with workers(folder, postgres_engine, script.server.port, 2) as started:
            code = send(zygote, folder, postgres_engine, script.server.port)
            ended = end(started)
        counts = arrived(script.server)

    standing = status(postgres_engine, "issue-1")
    assert (code, standing.accepted, standing.uncertain) == (0, READERS, 0), (folder / "stderr").read_text()
    assert counts == {line.email: 1 for line in log(postgres_engine, "issue-1")}
    assert script.together.is_set()
    assert [code for code, _ in ended] == [0, 0], ended
    assert all(text.endswith("stopped\n") for _, text in ended)


def test_workers_hand_over_what_falls_due(folder: Path, postgres_engine: Engine, zygote: Zygote) -> None:
    """Two of them, and nobody else; a paused dispatch they leave alone."""
    script = Arrivals(connections=3)
    with smtp_server(script) as script.server:
        at = ("--at", "2090-01-01 08:00", "--detach")
        assert send(zygote, folder, postgres_engine, script.server.port, *at) == 0
        with workers(folder, postgres_engine, script.server.port, 2) as started:
            with writing(postgres_engine) as connection:
                connection.execute(
                    update(BATCH).values(ready_at=status(postgres_engine, "issue-1").created_at)
                )
            assert script.all.wait(600)
            ended = end(started)
        counts = arrived(script.server)

    standing = status(postgres_engine, "issue-1")
    assert (standing.accepted, standing.uncertain, set(counts.values())) == (READERS, 0, {1})
    assert [code for code, _ in ended] == [0, 0], ended
    assert standing.state is DispatchState.FINISHED


def test_a_worker_that_is_told_to_stop_records_what_is_in_flight(
    folder: Path, postgres_engine: Engine, zygote: Zygote
) -> None:
    """And one that is killed leaves its windows in doubt, and the others to whoever is left."""
    pids: list[int] = []
    arriving = count(1)

    def script(step: str, argument: str) -> None:
        if step == "." and next(arriving) == 8:
            os.kill(pids[0], signal.SIGTERM)

    with smtp_server(script) as server:
        at = ("--at", "2090-01-01 08:00", "--detach")
        assert send(zygote, folder, postgres_engine, server.port, *at) == 0
        with workers(folder, postgres_engine, server.port, 1) as started:
            pids.append(started[0].pid)
            with writing(postgres_engine) as connection:
                connection.execute(
                    update(BATCH).values(ready_at=status(postgres_engine, "issue-1").created_at)
                )
            told = started[0].communicate(timeout=600)[1]
        standing, counts = status(postgres_engine, "issue-1"), arrived(server)

    assert (started[0].returncode, standing.uncertain) == (0, 0), told
    assert 0 < standing.accepted == counts.total() < READERS
    assert standing.pending == READERS - standing.accepted


def test_a_worker_needs_a_database_that_machines_can_share(folder: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "worker"], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )

    assert (done.returncode, len(done.stderr.splitlines())) == (2, 2)
    assert "a SQLite file cannot be shared" in done.stderr


def test_a_worker_without_its_libraries_says_which_to_install(folder: Path, postgres_engine: Engine) -> None:
    """As with the extra `[postgres]` alone."""
    url = postgres_engine.url.render_as_string(hide_password=False)
    program = "import sys; sys.modules['procrastinate'] = None; from newsletter.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "worker"],
        cwd=folder,
        env=environment(NEWSLETTER_DATABASE__URL=url),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 3, done.stderr
    assert done.stderr.splitlines() == [
        "error: newsletter worker: workers need the library procrastinate",
        "hint: pip install 'newsletter-press[cluster]'",
    ]


def test_a_worker_writes_into_no_outbox_of_its_own(folder: Path, postgres_engine: Engine) -> None:
    url = postgres_engine.url.render_as_string(hide_password=False)
    values = environment(NEWSLETTER_DATABASE__URL=url, NEWSLETTER_DELIVERY__PROVIDER="outbox")
    done = subprocess.run(
        [PROGRAM, "worker"], cwd=folder, env=values, capture_output=True, text=True, check=False
    )

    assert (done.returncode, len(done.stderr.splitlines())) == (3, 2), done.stderr
    assert "the outbox is a folder of each machine" in done.stderr
    assert "`shared = true` under `[outbox]`" in done.stderr


@pytest.fixture
def due(folder: Path, postgres_engine: Engine, zygote: Zygote) -> Path:
    """A dispatch for the outbox that is due."""
    more = ("--provider", "outbox", "--at", "2090-01-01 08:00", "--detach")
    assert send(zygote, folder, postgres_engine, 1, *more) == 0
    with writing(postgres_engine) as connection:
        connection.execute(update(BATCH).values(ready_at=status(postgres_engine, "issue-1").created_at))
    return folder


def test_a_worker_leaves_a_dispatch_for_the_outbox_alone_and_says_so_once(
    due: Path, postgres_engine: Engine
) -> None:
    with workers(due, postgres_engine, 1, 1) as started:
        assert started[0].stderr is not None
        said = started[0].stderr.readline()
        code, rest = end(started)[0]

    assert said.startswith("error: issue-1: the outbox is a folder of each machine")
    assert (code, rest.count("error:")) == (0, 0)
    assert status(postgres_engine, "issue-1").pending == READERS
    assert not list((due / "outbox").glob("issue-1/*.eml"))


def test_a_worker_writes_into_an_outbox_that_machines_share(due: Path, postgres_engine: Engine) -> None:
    with workers(due, postgres_engine, 1, 1, NEWSLETTER_OUTBOX__SHARED="true") as started:
        assert started[0].stderr is not None
        said = next(line for line in started[0].stderr if line.startswith("issue-1"))
        assert [code for code, _ in end(started)] == [0]

    assert said == "issue-1: finished, 100 accepted, 0 pending\n"
    assert len(list((due / "outbox").glob("issue-1/*.eml"))) == READERS


def test_two_workers_hand_over_a_notice_once(folder: Path, postgres_engine: Engine) -> None:
    """Though nobody serves, and no dispatch is running."""
    script = Arrivals(connections=0, expected=3)
    script.together.set()
    people = [SubscriberStore(postgres_engine).find(f"reader{number}@example.com") for number in (1, 2, 3)]
    with writing(postgres_engine) as connection:
        for person in people:
            assert person is not None
            until = now() + timedelta(days=1)
            enqueue(connection, NoticeKind.PREFERENCES, person.id, "en", now(), until=until)
    with smtp_server(script) as script.server:
        with workers(folder, postgres_engine, script.server.port, 2) as started:
            assert script.all.wait(600)
            ended = end(started)
        counts = arrived(script.server)

    assert [code for code, _ in ended] == [0, 0], ended
    assert counts == {f"reader{number}@example.com": 1 for number in (1, 2, 3)}
    assert count_notices(postgres_engine) == {"preferences": {"accepted": 3}}
