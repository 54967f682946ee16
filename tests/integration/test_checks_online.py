"""Links are looked up with real servers, kindly, and never within a private network."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest
from ports import kept_port

from newsletter.checks import check_edition
from newsletter.checks.online import Answer, Desk, look_up, public
from newsletter.checks.spamd import ask, spam_score
from newsletter.config import ChecksSettings, PublicationSettings
from newsletter.editions import compile_issue, load_theme
from newsletter.errors import ConfigError
from newsletter.issues import parse_document, parse_issue
from tests.fakes.certificates import self_signed
from tests.fakes.publications import FRONT, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator


class Site(BaseHTTPRequestHandler):
    """A site with pages that are there, gone, moved, shy of HEAD, and endless."""

    asked: ClassVar[Counter[str]] = Counter()

    def do_HEAD(self) -> None:
        self.asked[f"{self.command} {self.path}"] += 1
        statuses = {
            "/there": 200,
            "/gone": 410,
            "/broken": 502,
            "/shy": 405 if self.command == "HEAD" else 200,
        }
        moves = {"/old": (301, "/there"), "/login": (302, "/there"), "/round": (302, "/round")}
        moves["/inside"] = (302, f"http://internal.test:{self.server.server_port}/there")
        status, target = moves.get(self.path, (statuses.get(self.path, 404), ""))
        self.send_response(status)
        if target:
            self.send_header("Location", target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    """The address of a site on this machine."""
    Site.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def desk(**options) -> Desk:
    """A desk that may ask this machine, and does not pause."""
    return Desk(**{"allowed": lambda _: True, "pause": 0.0, **options})


def found(body: str, look, **settings: object) -> list[tuple[str, int | None, str]]:
    """Rule, line and hint of what is found in an issue once *look* is asked, too."""
    issue = parse_issue(f"---\n{FRONT}\n---\n\n{body}\n", None, "issue")
    publication = PublicationSettings(**SETTINGS)
    edition = compile_issue(issue, load_theme("digest"), publication)
    checks = ChecksSettings(ignore=("link-local", "text-links", "link-same-text"), **settings)
    findings = check_edition(issue, parse_document(issue), edition, publication, settings=checks, more=[look])
    return [(finding.rule, finding.line, finding.hint) for finding in findings]


class TestLinks:
    def test_each_kind_of_answer_is_told_at_its_line(self, site):
        names = ("there", "gone", "broken", "shy", "old", "login", "round")
        body = "\n".join(f"The [{name} page]({site}/{name})," for name in names)
        told = found(body, look_up(desk()))
        assert sorted(told) == [
            ("link-dead", 7, "correct the address, or link to another page"),
            ("link-moved", 10, f"write {site}/there"),
            ("link-unsure", 8, ""),
            ("link-unsure", 12, ""),
        ]

    def test_a_page_is_asked_for_once(self, site):
        desk().look_up([f"{site}/there", f"{site}/there"])
        assert Site.asked == {"HEAD /there": 1}

    def test_a_site_is_asked_at_a_pace(self, site):
        pauses: list[float] = []
        desk(pause=1.5, sleep=pauses.append).look_up([f"{site}/there", f"{site}/gone", f"{site}/shy"])
        assert pauses == [1.5, 1.5]

    def test_good_answers_are_kept_for_a_day_and_others_are_asked_again(self, site, tmp_path):
        now = [1_000_000.0]
        for _ in range(2):
            desk(cache=tmp_path / "links.json", clock=lambda: now[0]).look_up(
                [f"{site}/there", f"{site}/gone"]
            )
        assert Site.asked["HEAD /there"] == 1
        assert Site.asked["HEAD /gone"] == 2
        now[0] += 25 * 3600
        desk(cache=tmp_path / "links.json", clock=lambda: now[0]).look_up([f"{site}/there"])
        assert Site.asked["HEAD /there"] == 2

    def test_a_broken_cache_is_none(self, site, tmp_path):
        (tmp_path / "links.json").write_text("{", encoding="utf-8")
        answers = desk(cache=tmp_path / "links.json").look_up([f"{site}/there"])
        assert answers[f"{site}/there"].status == 200

    @pytest.mark.parametrize(
        ("code", "rule"), [(socket.EAI_NONAME, "link-dead"), (socket.EAI_AGAIN, "link-unsure")]
    )
    def test_a_host_that_does_not_exist_is_dead_and_one_nobody_knows_of_is_not(self, monkeypatch, code, rule):
        """Without a network, no link is accused."""

        def nobody(*_: object, **__: object) -> list[object]:
            raise socket.gaierror(code, "")

        monkeypatch.setattr(socket, "getaddrinfo", nobody)
        told = found("The [report](https://nowhere.invalid/report).", look_up(desk()))
        assert [name for name, _, _ in told] == [rule]


class TestEncryption:
    @pytest.fixture
    def secure(self, tmp_path) -> Iterator[str]:
        """The address of a site whose certificate is in ``server.pem``, and which nobody trusts yet."""
        context, _ = self_signed(tmp_path)
        Site.asked.clear()
        server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def test_a_site_with_a_certificate_is_asked(self, secure, tmp_path, monkeypatch):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
        (answer,) = desk().look_up([f"{secure}/there"]).values()
        assert answer == Answer(200, f"{secure}/there")

    def test_one_whose_certificate_nobody_trusts_is_told(self, secure):
        told = found(f"The [report]({secure}/there).", look_up(desk()))
        assert [rule for rule, _, _ in told] == ["link-unsure"]
        assert Site.asked == {}


class TestPrivateNetworks:
    @pytest.mark.parametrize(
        "address",
        [
            *(
                "127.0.0.1",
                "10.0.0.1",
                "192.168.1.1",
                "172.16.0.1",
                "169.254.169.254",
                "100.64.0.1",
                "0.0.0.0",
            ),
            *(
                "::1",
                "fe80::1%eth0",
                "fc00::1",
                "::ffff:127.0.0.1",
                "::ffff:10.0.0.1",
                "2002:7f00:1::",
                "224.0.0.1",
            ),
        ],
    )
    def test_their_addresses_are_not_public(self, address):
        assert not public(address)

    @pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
    def test_those_of_the_public_network_are(self, address):
        assert public(address)

    def test_they_are_never_asked(self, site):
        answers = Desk().look_up([f"{site}/there"])
        assert answers[f"{site}/there"].problem == "private"
        assert Site.asked == {}

    def test_not_after_a_redirect_either(self, site, monkeypatch):
        """The first name is public as far as the desk can tell, the one that it sends on to is not."""
        with resolving(monkeypatch, {"internal.test": "10.0.0.1"}):
            answers = Desk(allowed=lambda address: address == "127.0.0.1").look_up([f"{site}/inside"])
        (answer,) = answers.values()
        assert (answer.problem, "internal.test" in answer.url) == ("private", True)
        assert Site.asked == {"HEAD /inside": 1}

    def test_one_private_address_among_public_ones_is_enough(self, monkeypatch):
        with resolving(monkeypatch, {"mixed.test": ("93.184.215.14", "10.0.0.1")}):
            assert Desk().look_up(["http://mixed.test/"]) == {
                "http://mixed.test/": Answer(None, "http://mixed.test/", problem="private")
            }

    def test_the_address_that_was_checked_is_the_one_that_is_asked(self, site, monkeypatch):
        """A name that changes its address between the check and the connection gains nothing."""
        port = int(site.rpartition(":")[2])
        answers = iter(["127.0.0.1", "10.0.0.1", "10.0.0.1"])
        with resolving(monkeypatch, {"rebinding.test": answers}):
            found = Desk(allowed=lambda address: address == "127.0.0.1").look_up(
                [f"http://rebinding.test:{port}/there"]
            )
        assert [answer.status for answer in found.values()] == [200]


@contextmanager
def resolving(monkeypatch, names) -> Iterator[None]:
    """Let *names* resolve to the addresses given; an iterator gives another one each time."""
    real = socket.getaddrinfo

    def resolve(host, port, *rest, **options):
        if host not in names:
            return real(host, port, *rest, **options)
        given = names[host]
        addresses = (
            (given,) if isinstance(given, str) else given if isinstance(given, tuple) else (next(given),)
        )
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolve)
        yield


class TestSpamd:
    @contextmanager
    def spamd(self, answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
        """A server that answers one question as spamd would; its address, and what it was asked."""
        asked: list[bytes] = []
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve() -> None:
                connection, _ = server.accept()
                with connection:
                    asked.append(b"".join(iter(lambda: connection.recv(65536), b"")))
                    connection.sendall(answer)

            thread = threading.Thread(target=serve)
            thread.start()
            yield f"127.0.0.1:{server.getsockname()[1]}", asked
            thread.join()

    def test_its_score_and_its_tests_are_told(self):
        answer = b"SPAMD/1.1 0 EX_OK\r\nContent-length: 22\r\nSpam: True ; 7.4 / 5.0\r\n\r\nGTUBE,HTML_IMAGE_ONLY\r\n"
        with self.spamd(answer) as (address, asked):
            told = found("Text.", spam_score(b"From: a@example.com\r\n\r\nText"), spamd=address)
        assert told == [("spam-score", None, "it counts GTUBE, HTML_IMAGE_ONLY")]
        assert asked[0].startswith(b"SYMBOLS SPAMC/1.5\r\nContent-length: 27\r\n\r\nFrom:")

    def test_a_score_below_the_limit_is_no_finding(self):
        with self.spamd(b"SPAMD/1.1 0 EX_OK\r\nSpam: False ; 0.4 / 5.0\r\n\r\n") as (address, _):
            assert found("Text.", spam_score(b"Text"), spamd=address) == []

    def test_what_is_no_spamd_is_an_error(self):
        with (
            self.spamd(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (address, _),
            pytest.raises(ConfigError, match="no spamd"),
        ):
            ask(address, b"Text")

    def test_nobody_there_is_an_error(self):
        with kept_port() as port, pytest.raises(ConfigError, match="does not answer"):
            ask(f"127.0.0.1:{port}", b"Text")
