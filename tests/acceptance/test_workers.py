"""`newsletter serve --workers 2` with real processes: killed, stopped, renewed, and counted together."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from time import monotonic

import httpx
import pytest
from sqlalchemy import text

from newsletter.config import load_publication
from newsletter.migrations import open_database, upgrade
from newsletter.web.serving import _MOMENT
from subscribers import SubscriberStore, Tokens
from subscribers.database import open_engine

FORM = {"List-Unsubscribe": "One-Click"}
#: A reader behind the proxy on this machine: who asks from the machine itself is not counted.
READER = {"X-Forwarded-For": "203.0.113.7", "Host": "news.example.com"}


class Workforce:
    """A service of several processes, and what it says."""

    def __init__(self, process, url):
        self.process, self.url = process, url
        self.port = int(url.rpartition(":")[2])
        self._said, self._more = [], threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stderr:
            with self._more:
                self._said.append(line)
                self._more.notify_all()

    def hears(self, pattern):
        """Wait until a line on stderr matches."""
        with self._more:
            assert self._more.wait_for(lambda: re.search(pattern, "".join(self._said)), 300), self._said

    def ask(self, path="/", method="GET", **options):
        """One request over a connection of its own."""
        return httpx.request(method, self.url + path, timeout=300, **options)

    def children(self):
        """The processes by what they are: those who answer hold the listening socket."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return sorted(int(pid) for pid in path.read_text().split())

    def workers(self):
        """The processes that answer, in the order of their start."""
        return [pid for pid in self.children() if self._listens(pid)]

    def _listens(self, pid):
        sockets = set()
        with suppress(OSError):  # it may have ended
            for each in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):  # it opens and closes other files meanwhile
                    sockets.add(each.readlink().name)
        return f"socket:[{self._inode()}]" in sockets

    def _inode(self):
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        wanted = f":{self.port:04X}"
        return next(
            line.split()[9] for line in lines if wanted in line.split()[1] and line.split()[3] == "0A"
        )

    @contextmanager
    def only(self, pid):
        """Let but this one of the workers answer."""
        others = [each for each in self.workers() if each != pid]
        for each in others:
            while not self._rests(each):
                pass  # it still counts what it answered, and others would wait for what it holds
            os.kill(each, signal.SIGSTOP)
        try:
            yield
        finally:
            for each in others:
                os.kill(each, signal.SIGCONT)

    def _rests(self, pid):
        """Whether no thread of a process does anything."""
        tasks = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
        return {text.rpartition(")")[2].split()[0] for text in tasks} == {"S"}

    def until(self, holds):
        """Ask, until something holds; every answer must be a good one.

        Nobody may be turned away but by a worker that ends, and who took longer to ask than that waits for it: then
        this machine is to blame.
        """
        while not holds():
            begun = monotonic()
            try:
                assert self.ask("/healthz").status_code == 200
            except httpx.TransportError:
                assert monotonic() - begun > _MOMENT


@contextmanager
def serving(letter, *options, **extra):
    """The command, ready."""
    command = letter.command("serve", "--port", "0", "--workers", "2", *options)
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        command, env=letter.env(), text=True, start_new_session=True, **pipes, **extra
    ) as process:
        try:
            yield Workforce(process, process.stdout.readline().strip())
            process.terminate()
            process.wait(300)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(params=["sqlite", "postgresql"])
def public(request, bare):
    """A publication on either database, with numbers and without patience."""
    if request.param == "postgresql":
        url = request.getfixturevalue("new_postgres_url")()
        engine = open_engine(url)
        upgrade(engine)
        engine.dispose()
        bare.environment["NEWSLETTER_DATABASE__URL"] = url
    bare.environment |= {
        "NEWSLETTER_WEB__METRICS": "true",
        "NEWSLETTER_SIGNUP__FORM_SECONDS": "0",
        "NEWSLETTER_SIGNUP__PROOF_OF_WORK": "0",
    }
    return bare


def opened(letter):
    """The database of a publication."""
    if url := letter.environment.get("NEWSLETTER_DATABASE__URL"):
        return closing_engine(open_engine(url))
    return closing_engine(open_database(load_publication(letter.root)))


@contextmanager
def closing_engine(engine):
    try:
        yield engine
    finally:
        engine.dispose()


def counted(service, route):
    """How many requests of a route are counted."""
    lines = service.ask("/metrics").text.splitlines()
    found = [
        line for line in lines if line.startswith("newsletter_http_requests_total") and f'"{route}"' in line
    ]
    return sum(int(line.rpartition(" ")[2]) for line in found)


def test_rates_and_numbers_are_those_of_all_workers_and_outlive_one(public):
    """Ten at once: five of one worker and five of the other are ten; so are they when one was killed."""
    public.environment["NEWSLETTER_WEB__RATE"] = "10/hour"
    with serving(public) as service:
        first, second = service.workers()
        answers = []
        for each in (first, second):
            with service.only(each):
                answers += [service.ask("/subscribe", headers=READER).status_code for _ in range(5)]
        assert answers == [200] * 10
        for each in (first, second):
            with service.only(each):
                assert service.ask("/subscribe", headers=READER).status_code == 429
                assert (
                    service.ask(
                        "/subscribe", headers={**READER, "X-Forwarded-For": "203.0.113.8"}
                    ).status_code
                    == 200
                )
                assert counted(service, "/subscribe") in {11, 12}

        os.kill(first, signal.SIGKILL)
        service.hears(rf"worker \d \({first}\) was ended by SIGKILL")
        service.until(lambda: len(service.workers()) == 2)
        third = next(pid for pid in service.workers() if pid not in (first, second))
        with service.only(third):
            assert service.ask("/subscribe", headers=READER).status_code == 429
            assert counted(service, "/subscribe") == 12
            assert "newsletter_http_requests_in_flight 1\n" in service.ask("/metrics").text


def test_a_worker_that_is_killed_in_the_middle_takes_no_wish_with_it(public):
    """Whoever got no answer asks again, as mail services do; whoever got one has left."""
    with opened(public) as engine:
        store, tokens = SubscriberStore(engine), Tokens(engine)
        people = [store.add(f"r{number}@example.com")[0] for number in range(60)]
        waiting = [f"/unsubscribe/{tokens.sign('unsubscribe', each.public_id)}" for each in people]
    halfway, asked_again = threading.Event(), []

    with serving(public) as service:

        def press():
            while waiting:
                with suppress(IndexError):
                    path = waiting.pop()
                    try:
                        assert service.ask(path, "POST", data=FORM).status_code == 200
                    except httpx.TransportError:
                        asked_again.append(path)
                        waiting.append(path)
                if len(waiting) < 30:
                    halfway.set()

        pressing = [threading.Thread(target=press) for _ in range(6)]
        for each in pressing:
            each.start()
        assert halfway.wait(300)
        victim = service.workers()[0]
        os.kill(victim, signal.SIGKILL)
        for each in pressing:
            each.join()
        service.hears(rf"\({victim}\) was ended by SIGKILL; another one takes its place")
        service.until(lambda: len(service.workers()) == 2)
        answered = counted(service, "/unsubscribe/{token}")
    # An answer is counted when it was written: who is killed in between has not counted those that it wrote last.
    assert 60 - len(pressing) <= answered <= 60 + len(asked_again)
    with opened(public) as engine, engine.connect() as connection:
        left = "SELECT count(*) FROM subscriber WHERE status = 'unsubscribed'"
        assert connection.scalar(text(left)) == 60


def test_one_process_carries_notices_whoever_wrote_them_and_is_replaced(public):
    def sign_up(service, address):
        page = service.ask("/subscribe").text
        form = re.search(r'name="form" value="([^"]+)"', page)[1]
        assert service.ask("/subscribe", "POST", data={"email": address, "form": form}).status_code == 200

    def mailed():
        return len(list((public.root / "outbox" / "notices").glob("*.eml")))

    with serving(public) as service:
        for number, each in enumerate(service.workers()):
            with service.only(each):
                sign_up(service, f"a{number}@example.com")
                service.until(lambda number=number: mailed() == number + 1)

        (postman,) = set(service.children()) - set(service.workers())
        os.kill(postman, signal.SIGKILL)
        sign_up(service, "b@example.com")
        service.until(lambda: mailed() == 3)
    assert public.ok("notices", "list").out == "confirm\taccepted\t3\n"


def test_sighup_reads_the_settings_again_and_refuses_no_request(bare):
    settings = bare.root / "newsletter.toml"
    with serving(bare) as service:
        before = service.workers()
        settings.write_text(settings.read_text().replace('name = "Test Letter"', 'name = "New Letter"'))
        service.process.send_signal(signal.SIGHUP)
        service.until(lambda: len(service.workers()) == 2 and not set(service.workers()) & set(before))
        for each in service.workers():
            with service.only(each):
                assert "New Letter" in service.ask().text

        after = service.workers()
        settings.write_text(settings.read_text() + "[web]\nconnectoins = 3\n")
        service.process.send_signal(signal.SIGHUP)
        service.hears("did you mean `connections`")
        service.hears("the settings stay as they were")
        assert service.workers() == after
        assert service.ask().status_code == 200


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_whole_group_ends_it_well(bare, sign):
    """As systemd and a terminal send it: workers get it twice, and end once."""
    with serving(bare) as service:
        children = service.children()
        os.killpg(service.process.pid, sign)

        assert service.process.wait(300) == 0
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def test_nobody_is_left_when_who_looks_after_them_is_killed(bare):
    with serving(bare) as service:
        children = service.children()
        assert len(children) == 3
        service.process.kill()
        for pid in children:
            with suppress(ProcessLookupError):
                wait_for(pid)
        with pytest.raises(httpx.ConnectError):
            service.ask()


def wait_for(pid):
    """Until a process that is no child of ours has ended."""
    with closing(os.fdopen(os.pidfd_open(pid), "rb", buffering=0)) as handle:
        assert select.select([handle], [], [], 300)[0]


def test_a_socket_that_systemd_hands_over_is_taken(bare):
    """sd_listen_fds(3): it is number 3, and two variables say so."""
    program = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); "
        "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); os.execv(sys.argv[2], sys.argv[2:])"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        command = [sys.executable, "-c", program, str(listener.fileno())]
        command += bare.command("serve", "--workers", "2")
        with subprocess.Popen(
            command, env=bare.env(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            pass_fds=[listener.fileno()], text=True,
        ) as process:  # fmt: skip
            try:
                assert process.stdout.readline() == f"http://127.0.0.1:{port}\n"
                assert httpx.get(f"http://127.0.0.1:{port}/", timeout=300).status_code == 200
            finally:
                process.terminate()
                assert process.wait(300) == 0
