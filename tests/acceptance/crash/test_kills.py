"""`newsletter send` is killed hundreds of times: nobody is lost, nobody is mailed twice, all doubt is true."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest
from acceptance.crash.campaign import Campaign, Command, Receiver, Zygote, sendgrid_settings, smtp_settings
from fakes.sendgrid import sendgrid
from fakes.smtp import smtp_server
from ports import kept_port, until_it_answers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

KILLS = 10
#: Each campaign is one seed; `make crash` asks for more of them.
CAMPAIGNS = int(os.environ.get("CRASH_CAMPAIGNS", "5"))
FIRST_SEED = int(os.environ.get("CRASH_SEED", "1"))
# What smtp-sink writes: the envelope first; and what every message of ours ends with.
_RECIPIENT = re.compile(r"^X-Rcpt-Args: <(.+)>$", re.MULTILINE)
_END = re.compile(r"^--=_[0-9a-f]+--\s*\Z", re.MULTILINE)


@contextmanager
def smtp() -> Iterator[Receiver]:
    def script(step: str, argument: str) -> None:
        if step == ".":
            receiver.arrived()

    with smtp_server(script) as server:
        receiver = Receiver(
            smtp_settings(server.port), lambda: Counter(recipient for recipient, _ in list(server.messages))
        )
        yield receiver


@contextmanager
def sendgrid_() -> Iterator[Receiver]:
    with sendgrid(lambda number: receiver.arrived()) as server:

        def taken() -> Counter[str]:
            people = (person for body in list(server.bodies) for person in body["personalizations"])
            return Counter(person["to"][0]["email"] for person in people)

        receiver = Receiver(sendgrid_settings(server.url), taken)
        yield receiver


@contextmanager
def sink(program: str, folder: Path) -> Iterator[Receiver]:
    """Postfix's receiver of test mail, which writes each message to a file of its own before it answers."""
    folder.mkdir()
    user = ["-u", "root"] if os.getuid() == 0 else []
    done, seen = Event(), set()

    def text_of(path: Path) -> str:
        with suppress(FileNotFoundError):  # it takes back the half of a message whose sender was killed
            return path.read_text("utf-8", "replace")
        return ""

    def taken() -> Counter[str]:
        return Counter(
            found[1]
            for text in map(text_of, folder.iterdir())
            if (found := _RECIPIENT.search(text)) and _END.search(text)
        )

    def look() -> None:
        while not done.wait(0.002):
            for path in set(folder.iterdir()) - seen:
                seen.add(path)
                receiver.arrived()

    with kept_port() as port:
        receiver = Receiver(smtp_settings(port), taken)
        command = [program, *user, "-d", f"{folder}/", f"127.0.0.1:{port}", "100"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        watcher = Thread(target=look)
        watcher.start()
        try:
            until_it_answers(port, process)
            yield receiver
        finally:
            done.set()
            watcher.join()
            process.kill()
            process.wait()


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + CAMPAIGNS))
@pytest.mark.parametrize("receiver", [smtp, sendgrid_], ids=["smtp", "sendgrid"])
def test_kills_lose_nobody_double_nobody_and_name_who_is_in_doubt(
    engine: Engine, tmp_path: Path, zygote: Zygote, receiver: object, seed: int
) -> None:
    """Ten kills per seed and database; CRASH_SEED=n CRASH_CAMPAIGNS=1 runs seed n again."""
    with receiver() as taking:
        tally = Campaign(seed, engine, tmp_path / "letter", zygote, taking).run(KILLS)

    note(tally, f"{engine.dialect.name} {receiver.__name__.strip('_')}")
    assert (tally.lost, tally.doubled, tally.false_doubt) == ([], [], []), f"seed {seed}"
    assert len(tally.kills) == KILLS


def test_the_installed_command_killed_at_random_against_postfix(
    sqlite_engine: Engine, tmp_path: Path, smtp_sink: str
) -> None:
    """The same with nothing of ours in between: the command as it is installed, and Postfix's receiver."""
    with sink(smtp_sink, tmp_path / "taken") as taking:
        tally = Campaign(FIRST_SEED, sqlite_engine, tmp_path / "letter", Command(), taking).run(KILLS)

    note(tally, "sqlite smtp-sink")
    assert (tally.lost, tally.doubled, tally.false_doubt) == ([], [], []), f"seed {FIRST_SEED}"


def note(tally: object, where: str) -> None:
    """Write down what came of it, for the table of `make crash`."""
    if path := os.environ.get("CRASH_TALLY"):
        line = json.dumps({"where": where, **asdict(tally)}, default=sorted)
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
