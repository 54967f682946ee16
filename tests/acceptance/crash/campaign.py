"""One dispatch after the other, each killed again and again, and what arrived compared with the ledger."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

from acceptance.crash.moments import MOMENTS
from acceptance.crash.publication import write
from fakes.dispatching import fill
from fakes.sendgrid import KEY
from sqlalchemy import select, text

from newsletter.delivery import log
from newsletter.delivery.models import BATCH, DISPATCH
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Engine

HERE = Path(__file__).resolve().parent
READERS = 40
#: The moments at which not the process itself but somebody else ends it.
FROM_OUTSIDE = ("after hand-over", "at random")
#: At random, a process is killed after at most so many seconds: the installed command needs one only to begin.
LONGEST = {True: 2.5, False: 0.6}


def environment(**values: object) -> dict[str, str]:
    """The environment of a command: nothing of this one's that could change the result."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "LANG": "C.UTF-8", **{name: str(value) for name, value in values.items()}}


class Zygote:
    """A process that starts commands quickly; one at a time."""

    def __init__(self) -> None:
        path = str(HERE.parent.parent)
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "zygote.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(PYTHONPATH=path),
        )

    def start(
        self,
        folder: Path,
        arguments: list[str],
        values: Mapping[str, str],
        moment: str = "",
        count: int = 0,
        *,
        processes: int = 1,
        largest_file: int = 0,
    ) -> int:
        """Start `newsletter` with *arguments* in *folder*, as often as *processes* says; the first one's id."""
        for name in ("stdout", "stderr"):
            (folder / name).write_bytes(b"")
        order = {
            "folder": str(folder),
            "arguments": arguments,
            "environment": dict(values),
            "moment": moment,
            "count": count,
            "processes": processes,
            "largest_file": largest_file,
            "stdout": str(folder / "stdout"),
            "stderr": str(folder / "stderr"),
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())[0]

    def wait(self) -> int:
        """The exit code of the process that was started; negative for a signal."""
        return self.wait_for_all()[0]

    def wait_for_all(self) -> list[int]:
        """The exit codes of all of them."""
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(300)
        self._process.stdout.close()


class Command:
    """The installed command, started as people start it."""

    def start(
        self, folder: Path, arguments: list[str], values: Mapping[str, str], moment: str = "", count: int = 0
    ) -> int:
        """As `Zygote.start`, but with no named moments: it cannot be told to kill itself."""
        assert not moment
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
            self._process = subprocess.Popen(
                [str(Path(sys.executable).parent / "newsletter"), *arguments],
                cwd=folder,
                env=environment(**values),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        return self._process.pid

    def wait(self) -> int:
        """The exit code; negative for a signal."""
        return self._process.wait(600)


@dataclass
class Receiver:
    """What takes the messages, as a campaign sees it: settings for the command, and what arrived."""

    values: Mapping[str, str]
    #: How often each address got a message.
    taken: Callable[[], Counter[str]]
    #: Called for each message that arrives, before it is answered.
    arriving: list[Callable[[], None]] = field(default_factory=list)

    def arrived(self) -> None:
        for each in list(self.arriving):
            each()


def smtp_settings(port: int) -> dict[str, str]:
    """The environment for a server on *port* of this machine."""
    return {
        "NEWSLETTER_DELIVERY__PROVIDER": "smtp",
        "NEWSLETTER_SMTP__PORT": str(port),
        "NEWSLETTER_SMTP__CONNECTIONS": "2",
        "NEWSLETTER_SMTP__TIMEOUT": "300",
    }


def sendgrid_settings(url: str) -> dict[str, str]:
    """The environment for a fake at *url*."""
    return {
        "NEWSLETTER_DELIVERY__PROVIDER": "sendgrid",
        "NEWSLETTER_SENDGRID__HOST": url,
        "NEWSLETTER_SENDGRID__RECIPIENTS": "5",
        "NEWSLETTER_SENDGRID__TIMEOUT": "300",
        "SENDGRID_API_KEY": KEY,
    }


@dataclass
class Kill:
    """One kill: where, and what came of those who were in flight."""

    moment: str
    in_flight: set[str]
    arrived: set[str]


@dataclass
class Tally:
    """What a campaign came to; the first three are what must never be."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    false_doubt: list[str] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    uncertain: int = 0
    dispatches: int = 0


class Campaign:
    """Dispatches to forty readers, killed at moments that *seed* chooses, until there were enough kills."""

    def __init__(
        self, seed: int, engine: Engine, folder: Path, command: Zygote | Command, receiver: Receiver
    ) -> None:
        self.tally = Tally()
        self._moments = [*([] if isinstance(command, Command) else MOMENTS), *FROM_OUTSIDE]
        self._random = random.Random(seed)
        self._engine = engine
        self._folder = folder
        self._command = command
        self._receiver = receiver
        self._emails: dict[int, str] = {}

    def run(self, kills: int) -> Tally:
        """Go on until *kills* processes were killed; every dispatch is brought to its end and looked at."""
        self._prepare()
        while len(self.tally.kills) < kills:
            self.tally.dispatches += 1
            self._dispatch(f"issue{self.tally.dispatches}", kills)
        return self.tally

    def _prepare(self) -> None:
        self._folder.mkdir(exist_ok=True)
        fill(self._engine, READERS)
        with self._engine.connect() as connection:
            rows = connection.execute(select(SUBSCRIBER.c.id, SUBSCRIBER.c.email))
            self._emails = {row.id: row.email for row in rows}

    def _dispatch(self, slug: str, kills: int) -> None:
        write(self._folder, slug)
        before = self._receiver.taken()
        expected: set[str] = set()
        while len(self.tally.kills) < kills and self._killed(slug):
            in_flight = self._in_flight(slug)
            arrived = set(self._receiver.taken() - before)
            unaccounted = arrived - self._with_outcome(slug) - in_flight
            # Whoever got a message and is neither recorded nor marked would get another one.
            self.tally.doubled += sorted(unaccounted)
            new = in_flight - expected
            self.tally.kills.append(Kill(self._moment, new, new & arrived))
            expected |= in_flight
        code = self._run(slug)
        assert code in (0, 5), (code, (self._folder / "stderr").read_text())
        self._compare(slug, self._receiver.taken() - before, expected)

    def _compare(self, slug: str, taken: Counter[str], expected: set[str]) -> None:
        lines = list(log(self._engine, f"{slug}-1"))
        states = {line.email: line.state for line in lines}
        assert len(lines) == len(states)
        uncertain = {email for email, state in states.items() if state == "uncertain"}
        self.tally.uncertain += len(uncertain)
        self.tally.doubled += sorted(email for email, count in taken.items() if count > 1)
        self.tally.lost += sorted(set(self._emails.values()) - states.keys())
        self.tally.lost += sorted(
            email for email, state in states.items() if state != "uncertain" and not taken[email]
        )
        self.tally.false_doubt += sorted(uncertain ^ expected)

    def _killed(self, slug: str) -> bool:
        """Run the dispatch up to a moment chosen by chance; False if it came to its end before."""
        self._moment = self._random.choice(self._moments)
        if self._moment in FROM_OUTSIDE:
            return self._killed_from_outside(slug)
        count = self._random.randint(1, MOMENTS[self._moment])
        return self._run(slug, self._moment, count) == -signal.SIGKILL

    def _killed_from_outside(self, slug: str) -> bool:
        pid = self._start(slug)

        def kill() -> None:
            with suppress(ProcessLookupError):  # it may have come to its end in the same moment
                os.kill(pid, signal.SIGKILL)

        if self._moment == "at random":
            timer = Timer(self._random.uniform(0, LONGEST[isinstance(self._command, Command)]), kill)
            timer.start()
            code = self._command.wait()
            timer.cancel()
            timer.join()
            return code == -signal.SIGKILL
        left = self._random.randint(1, READERS // 2)

        def count_down() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                kill()

        self._receiver.arriving.append(count_down)
        code = self._command.wait()
        self._receiver.arriving.clear()
        return code == -signal.SIGKILL

    def _run(self, slug: str, moment: str = "", count: int = 0) -> int:
        self._start(slug, moment, count)
        return self._command.wait()

    def _start(self, slug: str, moment: str = "", count: int = 0) -> int:
        url = self._engine.url.render_as_string(hide_password=False)
        values = {**self._receiver.values, "NEWSLETTER_DATABASE__URL": url}
        arguments = ["send", slug, "--all", "--yes"]
        if self._random.random() < 0.5 and self._names(slug):
            arguments = ["resume", f"{slug}-1", "--yes"]
        return self._command.start(self._folder, arguments, values, moment, count)

    def _names(self, slug: str) -> list[str]:
        with self._engine.connect() as connection:
            return list(connection.scalars(select(DISPATCH.c.name).where(DISPATCH.c.slug == slug)))

    def _in_flight(self, slug: str) -> set[str]:
        """Whom the ledger holds for being handed over at this moment, when nobody works any more."""
        self._settle()
        query = (
            select(BATCH.c.ids, BATCH.c.called)
            .join(DISPATCH, DISPATCH.c.id == BATCH.c.dispatch_id)
            .where(DISPATCH.c.slug == slug, BATCH.c.called > 0)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return {self._emails[who] for row in rows for who in json.loads(row.ids)[: row.called]}

    def _with_outcome(self, slug: str) -> set[str]:
        names = self._names(slug)
        return (
            {line.email for line in log(self._engine, names[0]) if line.state != "pending"}
            if names
            else set()
        )

    def _settle(self) -> None:
        """Wait for PostgreSQL to notice that its client is dead: it may still be at its last commit."""
        if self._engine.dialect.name != "postgresql":
            return
        others = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        with self._engine.connect() as connection:
            while connection.scalar(others):
                connection.rollback()
                time.sleep(0.01)
