"""Many processes on one dispatch, begun at the same moment: they share it, and nothing is doubled."""

from __future__ import annotations

from collections import Counter
from threading import Event
from typing import TYPE_CHECKING

import pytest
from acceptance.crash.campaign import smtp_settings
from acceptance.crash.publication import write
from fakes.dispatching import fill
from fakes.smtp import SmtpServer, smtp_server

from newsletter.delivery import log, statuses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from acceptance.crash.campaign import Zygote
    from sqlalchemy import Engine

PROCESSES = 8
READERS = 100


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    """It answers no message before two connections are there, so that one process cannot do it all alone."""
    two = Event()

    def script(step: str, argument: str) -> None:
        if step == "banner" and server.connections > 2:
            two.set()
        if step == ".":
            two.wait(60)

    with smtp_server(script) as server:
        yield server


def send(
    zygote: Zygote, engine: Engine, folder: Path, server: SmtpServer, *more: str, processes: int
) -> list[int]:
    url = engine.url.render_as_string(hide_password=False)
    values = {**smtp_settings(server.port), "NEWSLETTER_DATABASE__URL": url}
    zygote.start(folder, ["send", "issue", "--all", "--yes", *more], values, processes=processes)
    return zygote.wait_for_all()


def test_eight_processes_share_a_dispatch_and_double_nothing(
    engine: Engine, tmp_path: Path, zygote: Zygote, server: SmtpServer
) -> None:
    """The same command eight times at once plans one dispatch; each process works on it to the end."""
    fill(engine, READERS)
    write(tmp_path, "issue")

    codes = send(zygote, engine, tmp_path, server, processes=PROCESSES)

    assert codes == [0] * PROCESSES, (tmp_path / "stderr").read_text()
    (standing,) = statuses(engine)
    assert (standing.recipients, standing.accepted, standing.uncertain) == (READERS, READERS, 0)
    assert Counter(recipient for recipient, _ in server.messages) == {
        line.email: 1 for line in log(engine, standing.dispatch)
    }


def test_who_asks_twice_at_once_for_a_new_dispatch_gets_one(
    engine: Engine, tmp_path: Path, zygote: Zygote
) -> None:
    """`--again` begins anew; another that was started before that dispatch was begun joins it."""
    fill(engine, READERS)
    write(tmp_path, "issue")
    with smtp_server() as server:
        send(zygote, engine, tmp_path, server, processes=1)

        codes = send(zygote, engine, tmp_path, server, "--again", processes=3)
        one_more = send(zygote, engine, tmp_path, server, "--again", processes=1)

        assert (codes, one_more) == ([0, 0, 0], [0]), (tmp_path / "stderr").read_text()
        assert [each.dispatch for each in statuses(engine)] == ["issue-3", "issue-2", "issue-1"]
        assert set(Counter(recipient for recipient, _ in server.messages).values()) == {3}
