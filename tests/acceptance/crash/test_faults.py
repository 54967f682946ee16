"""Each row of the fault table in docs/guarantees.md: what goes wrong, what becomes of it, what is seen."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
from collections import Counter
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

import pytest
from acceptance.crash.campaign import sendgrid_settings, smtp_settings
from acceptance.crash.publication import write
from fakes import sendgrid as sg
from fakes import smtp
from fakes.dispatching import fill, names, plan, run, those_in
from fakes.providers import ScriptedProvider
from sqlalchemy import create_engine, event, func, text, update
from sqlalchemy.exc import OperationalError

from newsletter.delivery import log, status
from newsletter.delivery.models import BATCH, BatchState
from newsletter.errors import DeliveryError
from subscribers.database import writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from acceptance.crash.campaign import Zygote
    from sqlalchemy import Engine

#: Forty readers are four batches of two windows of five, as the zygote has it.
#: Three workers for two connections, each with a window of five.
IN_FLIGHT = 15
READERS = 40
UNSURE = "may or may not have been mailed"


@dataclass(frozen=True)
class Fault:
    """One row: where in the dialogue what is answered, how often, and what comes of it."""

    name: str
    #: Of SMTP the step, of SendGrid nothing.
    step: str
    answer: object
    #: What becomes of those who are concerned: the state, or `accepted` after another try.
    outcome: str
    exit: int
    seen: str
    #: How often it is answered; the next time all is well.
    times: int = 1


SMTP = [
    Fault("421 in answer to a message", ".", "421 4.3.2 going down", "accepted", 0, "accepted"),
    Fault("450 in answer to an address", "RCPT", "450 4.2.1 greylisted", "accepted", 0, "accepted"),
    Fault("452 in answer to a message", ".", "452 4.3.1 no room", "accepted", 0, "accepted"),
    Fault("550 in answer to an address", "RCPT", "550 5.1.1 no such user", "rejected", 5, "rejected", 99),
    Fault("554 in answer to a message", ".", "554 5.7.1 spam", "rejected", 5, "rejected", 99),
    Fault("the connection lost after a message", ".", smtp.HANG_UP, "uncertain", 5, UNSURE),
    Fault("no answer to a message", ".", smtp.SILENCE, "uncertain", 5, UNSURE),
]
SENDGRID = [
    Fault("429 from SendGrid", "", (429, {"X-RateLimit-Reset": "0"}), "accepted", 0, "accepted"),
    Fault("500 from SendGrid", "", 500, "uncertain", 5, UNSURE),
    Fault("503 from SendGrid", "", 503, "uncertain", 5, UNSURE),
    Fault("the connection to SendGrid lost", "", sg.HANG_UP, "uncertain", 5, UNSURE),
    Fault("no answer from SendGrid", "", sg.SILENCE, "uncertain", 5, UNSURE),
]
#: The rows that have tests of their own below: name and outcome.
OTHERS = {
    "SIGTERM or Ctrl-C": "pending",
    "the disk full": "pending",
    "the database locked for a moment": "accepted",
    "the database locked for longer": "pending",
    "PostgreSQL started again": "accepted",
    "PostgreSQL gone": "pending",
    "SIGKILL, the machine gone": "uncertain",
}


class Sender:
    """The real command on one publication."""

    def __init__(self, engine: Engine, folder: Path, zygote: Zygote) -> None:
        self.engine, self.folder, self.zygote = engine, folder, zygote
        self.readers: set[str] = set()

    def start(self, values: dict[str, str], *words: str, **options: int) -> int:
        if not self.readers:
            fill(self.engine, READERS)
            write(self.folder, "issue")
            self.readers = names(*range(1, READERS + 1))
        url = self.engine.url.render_as_string(hide_password=False)
        values = {**values, "NEWSLETTER_DATABASE__URL": url}
        command = words or ("send", "issue", "--all")
        return self.zygote.start(self.folder, [*command, "--yes"], values, **options)

    def send(self, values: dict[str, str], **options: int) -> int:
        self.start(values, **options)
        return self.zygote.wait()

    def resume(self, values: dict[str, str]) -> int:
        self.start(values, "resume", "issue-1")
        return self.zygote.wait()

    @property
    def seen(self) -> str:
        """What the operator sees of it."""
        return (self.folder / "stdout").read_text() + (self.folder / "stderr").read_text()

    def check(self, taken: Counter[str]) -> None:
        """Everybody has an outcome; whoever was accepted got one message, all others one or none."""
        states = {line.email: line.state for line in log(self.engine, "issue-1")}
        assert states.keys() == self.readers
        assert "pending" not in states.values()
        assert max(taken.values()) == 1
        for email, state in states.items():
            assert state == "uncertain" or taken[email] == (state == "accepted")


@pytest.fixture
def sender(sqlite_engine: Engine, tmp_path: Path, zygote: Zygote) -> Sender:
    return Sender(sqlite_engine, tmp_path, zygote)


@contextmanager
def acting(act: Callable[[], object], at: int) -> Iterator[smtp.SmtpServer]:
    """A server that does something when the message of that number arrives, before it answers anybody."""
    arriving, turn = count(1), Lock()

    def script(step: str, argument: str) -> None:
        if step == ".":
            with turn:
                if next(arriving) == at:
                    act()

    with smtp.smtp_server(script) as server:
        yield server


@contextmanager
def hurrying(engine: Engine) -> Iterator[None]:
    """Nobody has to wait to be tried again: it is their time as soon as they were put off.

    The clock itself is the machine's; a server that greylists is waited for five minutes by it.
    """
    done = Event()
    due = (BATCH.c.state == BatchState.READY) & (BATCH.c.ready_at > func.current_timestamp())

    def hurry() -> None:
        while not done.wait(0.2):
            with suppress(OperationalError), writing(engine) as connection:
                connection.execute(update(BATCH).where(due).values(ready_at=datetime(2020, 1, 1, tzinfo=UTC)))

    thread = Thread(target=hurry)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def arrived(server: smtp.SmtpServer) -> Counter[str]:
    return Counter(recipient for recipient, _ in server.messages)


@pytest.mark.parametrize("fault", SMTP, ids=lambda fault: fault.name)
def test_a_fault_of_an_smtp_server(sender: Sender, fault: Fault) -> None:
    """It concerns one reader; all others are accepted."""
    answered = Counter()
    refused = Counter()

    def script(step: str, argument: str) -> object:
        if step != fault.step or "reader7@" not in argument:
            return None
        answered[step] += 1
        if answered[step] > fault.times:
            return None
        refused[argument] += step == "." and fault.outcome != "uncertain"
        return fault.answer

    with smtp.smtp_server(script) as server, hurrying(sender.engine):
        patience = {"NEWSLETTER_SMTP__TIMEOUT": "2"} if fault.answer == smtp.SILENCE else {}
        code = sender.send({**smtp_settings(server.port), **patience})
        taken = arrived(server) - refused

    assert (code, fault.seen in sender.seen) == (fault.exit, True), sender.seen
    if fault.outcome != "accepted":
        assert "reader7@example.com" in those_in(sender.engine, fault.outcome)
    sender.check(taken)


@pytest.mark.parametrize("fault", SENDGRID, ids=lambda fault: fault.name)
def test_a_fault_of_sendgrid(sender: Sender, fault: Fault) -> None:
    """It concerns one request, which is one window; all others are accepted."""
    with sg.sendgrid(lambda number: fault.answer if number == 2 else None) as server:
        patience = {"NEWSLETTER_SENDGRID__TIMEOUT": "5"} if fault.answer == sg.SILENCE else {}
        code = sender.send({**sendgrid_settings(server.url), **patience})
        taken = Counter(
            person["to"][0]["email"] for body in server.bodies for person in body["personalizations"]
        )

    assert (code, fault.seen in sender.seen) == (fault.exit, True), sender.seen
    standing = status(sender.engine, "issue-1")
    assert (standing.accepted, standing.uncertain) == ((40, 0) if fault.outcome == "accepted" else (35, 5))
    sender.check(taken)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_records_what_is_in_flight_and_leaves_the_rest(sender: Sender, number: int) -> None:
    pid = SimpleQueue()
    heard = "stopping: what is in flight is finished and recorded first"

    def stop() -> None:
        os.kill(pid.get(), number)
        while heard not in sender.seen:
            pass

    with acting(stop, at=8) as server:
        pid.put(sender.start(smtp_settings(server.port)))
        code = sender.zygote.wait()
        left = status(sender.engine, "issue-1")

        assert (code, left.uncertain, left.accepted) == (130, 0, arrived(server).total())
        assert left.pending > 0
        assert "`newsletter resume issue-1 --yes` goes on" in sender.seen
        assert sender.send(smtp_settings(server.port)) == 0
        sender.check(arrived(server))


def test_a_full_disk_ends_the_run_and_room_lets_it_go_on(sender: Sender) -> None:
    """Whoever was in flight when nothing could be written any more is in doubt; nobody else is."""
    with smtp.smtp_server() as server:
        code = sender.send(smtp_settings(server.port), largest_file=160_000)
        first = arrived(server)
        assert (code, 0 < first.total() < READERS) == (1, True), sender.seen
        assert "the ledger cannot be written" in sender.seen
        assert "look at the database and the space on its disk" in sender.seen

        assert sender.send(smtp_settings(server.port)) == 5
        sender.check(arrived(server))
    assert those_in(sender.engine, "uncertain") <= first.keys()
    assert 0 < status(sender.engine, "issue-1").uncertain <= IN_FLIGHT


def test_a_database_that_is_locked_for_a_moment_is_waited_for(sender: Sender) -> None:
    path = sender.engine.url.database

    def lock() -> None:
        other = sqlite3.connect(path, isolation_level=None)
        with closing(other):
            other.execute("PRAGMA busy_timeout = 300000")
            other.execute("BEGIN IMMEDIATE")
            # The answer to this message can be recorded only when this is over.
            other.execute("SELECT count(*) FROM subscriber").fetchone()
            other.execute("ROLLBACK")

    with acting(lock, at=3) as server:
        assert sender.send(smtp_settings(server.port)) == 0
        sender.check(arrived(server))


def test_a_database_that_stays_locked_ends_the_run(sqlite_engine: Engine) -> None:
    """Thirty seconds are waited; here, none."""
    fill(sqlite_engine, 3)
    provider = ScriptedProvider()
    plan(sqlite_engine, provider)

    @event.listens_for(sqlite_engine, "checkout")
    def hurry(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA busy_timeout = 0").close()

    with closing(sqlite3.connect(sqlite_engine.url.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DeliveryError, match="the ledger cannot be written: database is locked"):
            run(sqlite_engine, provider)
        other.execute("ROLLBACK")

    assert run(sqlite_engine, provider).accepted == 3


@pytest.fixture
def ending(postgres_engine: Engine, postgres_server: str) -> Iterator[Callable[[bool], None]]:
    """A function that ends every connection to the database and says whether new ones are let in."""
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    name = postgres_engine.url.database

    def end(*, open_again: bool) -> None:
        with admin.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {open_again}"))
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
            connection.execute(text(query), {"name": name})

    yield end
    admin.dispose()


def test_a_postgresql_that_is_back_at_once_is_gone_on_with(
    postgres_engine: Engine, tmp_path: Path, zygote: Zygote, ending: Callable[..., None]
) -> None:
    """As after a quick restart: every connection is ended while messages are in flight, and opened anew."""
    sender = Sender(postgres_engine, tmp_path, zygote)
    with acting(lambda: ending(open_again=True), at=8) as server:
        code = sender.send(smtp_settings(server.port))
        if code == 1:  # a connection was just writing
            assert "the ledger cannot be written" in sender.seen
            code = sender.send(smtp_settings(server.port))
        assert code in (0, 5), sender.seen
        sender.check(arrived(server))


def test_a_postgresql_that_is_gone_ends_the_run(
    postgres_engine: Engine, tmp_path: Path, zygote: Zygote, ending: Callable[..., None]
) -> None:
    """The windows in flight are in doubt; all others are gone on with when it is back."""
    sender = Sender(postgres_engine, tmp_path, zygote)
    with acting(lambda: ending(open_again=False), at=8) as server:
        assert sender.send(smtp_settings(server.port)) == 1, sender.seen
        assert "the ledger cannot be written" in sender.seen
        first = arrived(server)
        ending(open_again=True)

        assert sender.send(smtp_settings(server.port)) == 5
        sender.check(arrived(server))
    in_doubt = those_in(postgres_engine, "uncertain")
    assert 0 < len(in_doubt) <= IN_FLIGHT
    assert in_doubt & first.keys()


def test_each_row_of_the_documented_table_is_held_by_a_test(root: Path) -> None:
    guarantees = (root / "docs" / "guarantees.md").read_text(encoding="utf-8")
    table = guarantees.partition("## What goes wrong, and what is seen")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| ([^|`]+?) \| `(\w+)`", table, re.MULTILINE))

    assert rows == {**{fault.name: fault.outcome for fault in (*SMTP, *SENDGRID)}, **OTHERS}
