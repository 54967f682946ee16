"""A PostgreSQL that is really stopped and started while an issue is being sent, by its own `pg_ctl`."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from acceptance.crash.campaign import environment, smtp_settings
from acceptance.crash.publication import write
from acceptance.crash.test_faults import IN_FLIGHT, READERS, Sender, acting, arrived
from acceptance.crash.test_worker import PROGRAM, end, workers
from fakes.dispatching import those_in
from fakes.smtp import smtp_server
from ports import kept_port
from postgres import pgserver
from sqlalchemy import create_engine, make_url, text, update

from newsletter import migrations
from newsletter.delivery import status
from newsletter.delivery.models import BATCH
from subscribers.database import open_engine, writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from acceptance.crash.campaign import Zygote

#: `fast` ends every session and writes all down; `immediate` is a crash, and the log is replayed at the start.
MODES = ("fast", "immediate")


class Server:
    """A PostgreSQL of the test's own, which may be stopped without harm to other tests."""

    def __init__(self, folder: Path) -> None:
        self._server = pgserver().get_server(folder, cleanup_mode="delete")
        self._run = pgserver().pgexec.pgexec
        self.url = re.sub(r"^postgresql://", "postgresql+psycopg://", self._server.get_uri())

    def control(self, *words: str) -> None:
        """Run `pg_ctl`, and wait until it is done; the options of the first start count again."""
        server = self._server
        options = ("-w", "-l", str(server.log), "-D", str(server.pgdata))
        self._run("pg_ctl", (*options, *words), bin_path=server.bin_path, user=server.system_user)

    def start(self) -> None:
        """Start it where it was before."""
        path = make_url(self.url).query["host"]
        self.control("-o", f'-h "" -k {path}', "start")

    def over_the_network(self) -> str:
        """Start it again, so that it listens on this machine's loopback too; its URL there."""
        path = make_url(self.url).query["host"]
        with kept_port() as port:
            self.control("-o", f"-h 127.0.0.1 -p {port} -k {path}", "restart")
        there = make_url(self.url).set(host="127.0.0.1", port=port, query={})
        return there.render_as_string(hide_password=False)

    def close(self) -> None:
        """Stop it, and remove what it kept."""
        self._server.cleanup()


@pytest.fixture
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("restarted"))
    yield server
    server.close()


@pytest.fixture
def sender(postgres: Server, tmp_path: Path, zygote: Zygote) -> Iterator[Sender]:
    engine = open_engine(postgres.url)
    migrations.upgrade(engine)
    yield Sender(engine, tmp_path, zygote)
    engine.dispose()


@pytest.mark.parametrize("mode", MODES)
def test_a_postgresql_that_is_started_again_loses_and_doubles_nobody(
    sender: Sender, postgres: Server, mode: str
) -> None:
    """The command goes on over new connections, or ends and is resumed; in doubt are only those in flight."""
    with acting(lambda: postgres.control("-m", mode, "restart"), at=8) as server:
        code = sender.send(smtp_settings(server.port))
        if code == 1:
            check_told(sender.seen)
            code = sender.resume(smtp_settings(server.port))

        assert code in (0, 5), sender.seen
        sender.check(arrived(server))
    assert status(sender.engine, "issue-1").uncertain <= IN_FLIGHT


@pytest.mark.parametrize("mode", MODES)
def test_a_postgresql_that_is_stopped_ends_the_run_in_two_lines(
    sender: Sender, postgres: Server, mode: str
) -> None:
    """While it is away, `resume` says so, too; once it is back, everybody is mailed, and nobody twice."""
    with acting(lambda: postgres.control("-m", mode, "stop"), at=8) as server:
        values = smtp_settings(server.port)
        assert sender.send(values) == 1, sender.seen
        first = arrived(server)
        check_told(sender.seen)

        assert sender.resume(values) == 3, sender.seen
        assert "the database does not answer: " in sender.seen
        assert "hint: start the server" in sender.seen
        assert arrived(server) == first

        postgres.start()
        assert sender.resume(values) == 5, sender.seen
        sender.check(arrived(server))
    in_doubt = those_in(sender.engine, "uncertain")
    assert 0 < len(in_doubt) <= IN_FLIGHT
    assert first.total() < READERS


def test_a_worker_outlives_a_postgresql_that_is_started_again(
    sender: Sender, postgres: Server, zygote: Zygote
) -> None:
    """It waits for the next dispatch as before."""
    with smtp_server() as server:
        values = smtp_settings(server.port)
        sender.send(values)  # the list, and a first dispatch
        first = arrived(server)
        with workers(sender.folder, sender.engine, server.port, 1) as started:
            postgres.control("-m", "immediate", "stop")
            line = next(line for line in started[0].stderr if line.startswith("error: "))
            postgres.start()
            sender.start(values, "send", "issue", "--all", "--again", "--at", "2090-01-01 08:00", "--detach")
            assert zygote.wait() == 0, sender.seen
            sender.engine.dispose()
            with writing(sender.engine) as connection:
                due = status(sender.engine, "issue-1").created_at
                connection.execute(update(BATCH).values(ready_at=due))
            next(line for line in started[0].stderr if "issue-2: finished" in line)
            ended = end(started)

    assert "the database does not answer: " in line
    assert [code for code, _ in ended] == [0]
    assert arrived(server) == Counter(dict.fromkeys(first, 2))


def test_a_worker_that_begins_before_its_postgresql_waits_for_it(
    sender: Sender, postgres: Server, zygote: Zygote
) -> None:
    """It says so, once; what is due is handed over as soon as the server is there."""
    with smtp_server() as server:
        values = smtp_settings(server.port)
        sender.send(values)
        first = arrived(server)
        sender.start(values, "send", "issue", "--all", "--again", "--at", "2090-01-01 08:00", "--detach")
        assert zygote.wait() == 0, sender.seen
        with writing(sender.engine) as connection:
            connection.execute(update(BATCH).values(ready_at=status(sender.engine, "issue-1").created_at))
        sender.engine.dispose()
        postgres.control("-m", "fast", "stop")
        with workers(sender.folder, sender.engine, server.port, 1, says="it is waited for") as started:
            postgres.start()
            said = []
            for line in started[0].stderr:
                said.append(line)
                if "issue-2: finished" in line:
                    break
            ended = end(started)

    assert said[:2] == [
        "hint: start the server, or correct `[database] url`\n",
        "waiting for dispatches; Ctrl-C ends\n",
    ]
    assert [code for code, _ in ended] == [0]
    assert arrived(server) == Counter(dict.fromkeys(first, 2))


def test_a_worker_that_waits_for_its_postgresql_can_be_stopped(sender: Sender, postgres: Server) -> None:
    sender.engine.dispose()
    write(sender.folder, "issue")
    postgres.control("-m", "fast", "stop")
    with workers(sender.folder, sender.engine, 1, 1, says="it is waited for") as started:
        ended = end(started)
    postgres.start()

    assert [code for code, _ in ended] == [0]


def test_a_worker_waits_for_a_postgresql_that_has_too_many_clients(sender: Sender) -> None:
    """SQLSTATE 53300, here since its role may have no connection; others leave, and it goes on."""
    write(sender.folder, "issue")
    with writing(sender.engine) as connection:
        connection.execute(text("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0 IN ROLE CURRENT_USER"))
    crowded = create_engine(sender.engine.url.set(username="crowded"))
    with workers(sender.folder, crowded, 1, 1, says="too many connections") as started:
        hint = started[0].stderr.readline()
        with writing(sender.engine) as connection:
            connection.execute(text("ALTER ROLE crowded CONNECTION LIMIT -1"))
        next(line for line in started[0].stderr if line.startswith("waiting for dispatches"))
        ended = end(started)

    assert hint.startswith("hint: end connections")
    assert [code for code, _ in ended] == [0]


def test_a_worker_says_once_that_the_name_of_its_postgresql_cannot_be_resolved(sender: Sender) -> None:
    """It goes on waiting, since the name may come back."""
    write(sender.folder, "issue")
    nowhere = create_engine(sender.engine.url.set(host="nowhere.invalid", query={}))
    says = "the name of the database's server cannot be resolved: nowhere.invalid; it is waited for"
    with workers(sender.folder, nowhere, 1, 1, says=says, RES_OPTIONS="timeout:1 attempts:1") as started:
        hint = started[0].stderr.readline()
        ((code, told),) = end(started)

    assert hint.startswith("hint: correct it in `[database] url`")
    assert (code, told.splitlines()[-1]) == (0, "stopped")
    assert "resolved" not in told


def test_a_worker_does_not_wait_for_a_database_that_is_not_there(sender: Sender) -> None:
    """The server answers, and says no: only another setting mends that."""
    write(sender.folder, "issue")
    url = sender.engine.url.set(database="elsewhere").render_as_string(hide_password=False)
    done = subprocess.run(
        [PROGRAM, "worker"],
        cwd=sender.folder,
        env=environment(**smtp_settings(1), NEWSLETTER_DATABASE__URL=url),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

    assert done.returncode == 3, done.stderr
    assert 'database "elsewhere" does not exist' in done.stderr
    assert "hint: make it, by `createuser` or `createdb`" in done.stderr


def check_told(seen: str) -> None:
    """What the operator reads at the end: what is wrong in one line, and in another how to go on."""
    error, hint = seen.strip().splitlines()[-2:]
    assert error.startswith("error: "), seen
    assert "the ledger cannot be written" in error, seen
    assert hint.startswith("hint: "), seen
    assert "newsletter resume issue-1" in hint, seen
    assert "Traceback" not in seen


def test_both_ends_notice_when_the_network_between_them_is_gone(postgres: Server) -> None:
    """In two minutes, not in hours, in which the server kept locked what a worker that is gone was writing."""
    engine = open_engine(f"{postgres.over_the_network()}?keepalives_interval=20")
    with engine.connect() as connection:
        asked = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")
        there = [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in asked]
        here = connection.connection.driver_connection.info.get_parameters()
    engine.dispose()

    assert there == ["60", "10", "6", "120000"]
    assert (here["keepalives_idle"], here["keepalives_interval"]) == ("60", "20")
    assert here["tcp_user_timeout"] == "120000"
