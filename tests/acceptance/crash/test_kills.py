"""`newsletter send` is killed hundreds of times: nobody is lost, nobody is mailed twice, all doubt is true."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from acceptance.crash.campaign import Campaign, Receiver, Zygote, sendgrid_settings, smtp_settings
from fakes.sendgrid import sendgrid
from fakes.smtp import smtp_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

KILLS = 10
#: Each campaign is one seed; `make crash` asks for more of them.
CAMPAIGNS = int(os.environ.get("CRASH_CAMPAIGNS", "5"))
FIRST_SEED = int(os.environ.get("CRASH_SEED", "1"))


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
            people = (person for body in list(server.accepted) for person in body["personalizations"])
            return Counter(person["to"][0]["email"] for person in people)

        receiver = Receiver(sendgrid_settings(server.url), taken)
        yield receiver


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    zygote = Zygote()
    yield zygote
    zygote.close()


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


def note(tally: object, where: str) -> None:
    """Write down what came of it, for the table of `make crash`."""
    if path := os.environ.get("CRASH_TALLY"):
        line = json.dumps({"where": where, **asdict(tally)}, default=sorted)
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
