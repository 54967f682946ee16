"""Processes are killed at every step of a dispatch: nobody is lost, nobody is mailed twice, all doubt is named."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import fill, names, plan, run, those_in
from fakes.providers import ScriptedProvider
from fakes.smtp import real_smtp_server

from newsletter.config import SmtpSettings
from newsletter.delivery import DispatchState, log, status
from newsletter.providers.smtp import SmtpProvider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

HERE = Path(__file__).parent
EVERYBODY = names(*range(1, 61))


class Relay:
    """An SMTP server in this process: what it took, whoever was killed meanwhile.

    After its first message it waits until as many *senders* as the test says are there.
    """

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.port = 0
        self.senders = 1
        self.peers: set[object] = set()
        self.at = 0
        self.reached = Event()

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        self.peers.add(session.peer)
        while self.taken and len(self.peers) < self.senders:
            await asyncio.sleep(0.01)
        self.taken[envelope.rcpt_tos[0]] += 1
        if self.taken.total() == self.at:
            self.reached.set()
        return "250 2.0.0 queued"


@pytest.fixture
def relay() -> Iterator[Relay]:
    relay = Relay()
    with real_smtp_server(relay) as port:
        relay.port = port
        yield relay


@pytest.fixture
def planned(engine: Engine) -> Engine:
    """A dispatch to sixty readers, in three batches of four windows of five."""
    fill(engine, 60)
    plan(engine, ScriptedProvider(batch_size=20))
    return engine


def sender(engine: Engine, relay: Relay, moment: str = "never", count: int = 0) -> subprocess.Popen[bytes]:
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, str(HERE / "sender.py"), url, str(relay.port), moment, str(count)]
    path = os.pathsep.join([str(HERE.parent.parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path})


def resume(engine: Engine, relay: Relay) -> None:
    settings = SmtpSettings(host="127.0.0.1", port=relay.port, connections=2)
    run(engine, SmtpProvider(settings, sender="news@example.com"))


def check_everybody(engine: Engine, relay: Relay, in_doubt: set[str]) -> None:
    """Each recipient has one outcome; those in doubt are named and got one mail or none, all others one."""
    end = status(engine, "issue-1")
    assert end.state is DispatchState.FINISHED
    assert len(list(log(engine, "issue-1"))) == 60
    assert those_in(engine, "uncertain") == in_doubt
    assert those_in(engine, "accepted") == EVERYBODY - in_doubt
    assert max(relay.taken.values()) == 1
    assert relay.taken.keys() >= EVERYBODY - in_doubt


@pytest.mark.parametrize(
    ("moment", "count", "in_doubt", "reached"),
    [
        ("claimed", 1, set(), 0),
        ("claimed", 3, set(), 10),
        ("authorised", 1, names(1, 2, 3, 4, 5), 0),
        ("authorised", 5, names(21, 22, 23, 24, 25), 20),
        ("handed-over", 1, names(1, 2, 3, 4, 5), 1),
        ("handed-over", 8, names(6, 7, 8, 9, 10), 8),
        ("handed-over", 60, names(56, 57, 58, 59, 60), 60),
        ("recorded", 1, set(), 5),
        ("recorded", 12, set(), 60),
    ],
)
def test_a_kill_leaves_exactly_one_window_in_doubt_or_none(
    planned: Engine, relay: Relay, moment: str, count: int, in_doubt: set[str], reached: int
) -> None:
    """Killed between the write-ahead mark and the record, that window is in doubt; anywhere else, nobody is."""
    assert sender(planned, relay, moment, count).wait(600) == -signal.SIGKILL
    assert relay.taken.total() == reached

    resume(planned, relay)

    check_everybody(planned, relay, in_doubt)


def test_two_processes_double_nothing(planned: Engine, relay: Relay) -> None:
    relay.senders = 2
    processes = [sender(planned, relay) for _ in range(2)]

    assert [process.wait(600) for process in processes] == [0, 0]
    check_everybody(planned, relay, set())


def test_a_process_takes_over_from_one_that_was_killed(planned: Engine, relay: Relay) -> None:
    """Without being told: the other one was still running, and ends only when everybody has an outcome."""
    relay.senders = 2
    processes = [sender(planned, relay, "handed-over", 3), sender(planned, relay)]

    assert [process.wait(600) for process in processes] == [-signal.SIGKILL, 0]
    in_doubt = those_in(planned, "uncertain")
    assert len(in_doubt) == 5
    check_everybody(planned, relay, in_doubt)


def test_sigterm_records_what_is_in_flight_and_leaves_the_rest(planned: Engine, relay: Relay) -> None:
    relay.at = 7
    process = sender(planned, relay)
    assert relay.reached.wait(600)
    process.send_signal(signal.SIGTERM)

    assert process.wait(600) == 0
    left = status(planned, "issue-1")
    assert (left.uncertain, left.accepted) == (0, relay.taken.total())
    resume(planned, relay)
    check_everybody(planned, relay, set())
