"""The examples of docs/serving as they stand: a real proxy with TLS before `newsletter serve --workers 2`."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from fakes.certificates import self_signed
from ports import kept_port, until_it_answers

from newsletter.config import load_publication
from newsletter.migrations import open_database
from subscribers import Status, SubscriberStore, Tokens

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "docs" / "serving"
#: Who asks, as the proxy sees it; the service trusts 127.0.0.1 alone, where the proxy asks from.
READER = "127.0.0.5"
NAME = "news.example.com"


def replaced(text, *pairs):
    """A text with something else in the place of what must stand in it."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


@dataclass
class Site:
    """A service behind a proxy."""

    root: Path
    service: str
    plain: int
    port: int
    trust: ssl.SSLContext
    cuts_bodies: bool
    #: How long is waited for the headers and for the body of a request, in seconds.
    headers: int
    body: int
    said: list[str] = field(default_factory=list)

    def ask(self, path, method="GET", *, headers=None, **options):
        """A request of a reader over TLS; httpx takes the name for SNI from the extension."""
        transport = httpx.HTTPTransport(verify=self.trust, local_address=READER)
        with httpx.Client(transport=transport, timeout=300) as client:
            return client.request(
                method,
                f"https://127.0.0.1:{self.port}{path}",
                headers={"Host": NAME, **(headers or {})},
                extensions={"sni_hostname": NAME},
                **options,
            )

    def connected(self):
        """A connection of a reader over TLS, for what no client sends."""
        raw = socket.create_connection(("127.0.0.1", self.port), source_address=(READER, 0))
        raw.settimeout(300)  # against hanging for ever only
        return self.trust.wrap_socket(raw, server_hostname=NAME)

    def lines(self, answer):
        """What the log of the service has of an answer."""
        return [json.loads(line) for line in self.said if answer.headers["x-request-id"] in line]


def nginx_command(program, folder, site, pem):
    """The example within what Debian's nginx.conf has around it."""
    example = replaced(
        (EXAMPLES / "nginx.conf").read_text(encoding="utf-8"),
        ("listen 80;", f"listen 127.0.0.1:{site.plain};"),
        ("listen [::]:80;", ""),
        ("listen 443 ssl", f"listen 127.0.0.1:{site.port} ssl"),
        ("listen [::]:443 ssl http2;", ""),
        ("/etc/letsencrypt/live/news.example.com/fullchain.pem", str(pem)),
        ("/etc/letsencrypt/live/news.example.com/privkey.pem", str(pem)),
        ("http://127.0.0.1:8000", site.service),
        ("client_header_timeout 10s", f"client_header_timeout {site.headers}s"),
        ("client_body_timeout 15s", f"client_body_timeout {site.body}s"),
    )
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "\n".join(f"{each}_temp_path {folder}/{each};" for each in places)
    user = "user root;\n" if os.getuid() == 0 else ""
    around = f"{user}daemon off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{paths}\n"
    (folder / "nginx.conf").write_text(f"{around}{example}}}\n", encoding="utf-8")
    return [program, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]


def caddy_command(program, folder, site, pem):
    """The example, with a certificate of ours instead of one that it gets."""
    example = replaced(
        (EXAMPLES / "Caddyfile").read_text(encoding="utf-8"),
        ("{\n\tservers {", f"{{\nadmin off\nhttp_port {site.plain}\nhttps_port {site.port}\n\tservers {{"),
        ("news.example.com {", f"news.example.com {{\n\ttls {pem} {pem}"),
        ("127.0.0.1:8000", site.service.removeprefix("http://")),
        ("read_header 10s", f"read_header {site.headers}s"),
    )
    (folder / "Caddyfile").write_text(example, encoding="utf-8")
    return [program, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


COMMANDS = {"nginx": nginx_command, "caddy": caddy_command}


@contextmanager
def running(command, **options):
    """A program with its children, ended afterwards."""
    with subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL, **options) as process:
        try:
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(300)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def site_behind(proxy, request, headers=300, body=300):
    """The service behind a proxy: with patience for readers on a busy machine, if nothing else is said."""
    program, _peopled = request.getfixturevalue(proxy), request.getfixturevalue("_peopled")
    folder = request.getfixturevalue("tmp_path_factory").mktemp(proxy)
    shutil.copytree(_peopled, folder / "letter")
    _, trust = self_signed(folder, NAME)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "NEWSLETTER_PUBLICATION__URL": f"http://{NAME}",  # so that only what the proxy says tells of TLS
        "NEWSLETTER_WEB__TRUSTED_PROXIES": '["127.0.0.1/32"]',
        "NEWSLETTER_WEB__METRICS": "true",
        "NEWSLETTER_WEB__REQUEST_SECONDS": str(body),
        "NEWSLETTER_WEB__LOG": "json",
        "NEWSLETTER_WEB__LOG_CLIENTS": "true",
    }
    serve = [str(Path(sys.executable).parent / "newsletter"), "-C", str(folder / "letter"), "serve"]
    serve += ["--port", "0", "--workers", "2"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with (
        kept_port() as plain,
        kept_port() as port,
        running(serve, env=environment, **pipes) as service,
    ):
        url = service.stdout.readline().strip()
        site = Site(folder / "letter", url, plain, port, trust, proxy == "nginx", headers, body)
        threading.Thread(
            target=lambda: site.said.extend(iter(service.stderr.readline, "")), daemon=True
        ).start()
        command = COMMANDS[proxy](program, folder, site, folder / "server.pem")
        with running(command, env={"PATH": os.environ["PATH"], "HOME": str(folder)}) as process:
            until_it_answers(site.port, process)
            yield site


@pytest.fixture(scope="module", params=list(COMMANDS))
def site(request):
    with site_behind(request.param, request) as site:
        yield site


def patiently(ask, *arguments):
    """The answer of a site without patience: who was too slow for it, or for the service behind it, asks again."""
    while True:
        with suppress(httpx.TransportError):
            if (answer := ask(*arguments)).status_code != 502:
                return answer


@pytest.fixture
def ann(site):
    """A reader who is on the list, her link, and what tells her status."""
    engine = open_database(load_publication(site.root))
    store = SubscriberStore(engine)
    who = store.find("ann@example.com")
    yield Tokens(engine).sign("unsubscribe", who.public_id), lambda: store.find("ann@example.com").status
    engine.dispose()


def straight(site, path):
    """What the service answers to who asks past the proxy."""
    return httpx.get(site.service + path, timeout=300)


def test_a_reader_sees_the_pages_over_tls_and_is_bound_to_it(site):
    answer = site.ask("/")

    assert answer.status_code == 200
    assert "Test Letter" in answer.text
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in straight(site, "/").headers


def test_http_leads_to_https(site):
    answer = httpx.get(f"http://127.0.0.1:{site.plain}/issues/", headers={"Host": NAME}, timeout=300)

    assert answer.status_code in {301, 308}
    assert re.match(rf"https://{NAME}(:\d+)?/issues/$", answer.headers["location"])


@pytest.mark.parametrize(
    "made_up",
    [
        {},
        {"X-Forwarded-For": "198.51.100.1"},
        {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http"},
        {"Forwarded": "for=198.51.100.1;proto=http"},
        {"X-Real-IP": "198.51.100.1", "Forwarded": 'for="[2001:db8::1]"'},
    ],
)
def test_the_client_is_who_asked_the_proxy_whatever_it_says_of_itself(site, made_up):
    answer = site.ask("/healthz", headers=made_up)
    while not site.lines(answer):
        site.ask("/healthz")

    assert [line["client"] for line in site.lines(answer)] == [READER]
    assert "strict-transport-security" in answer.headers


@pytest.mark.parametrize("kind", ["data", "files"])
def test_one_click_leaves_through_the_proxy(site, ann, kind):
    """RFC 8058, in both encodings: 200 at once, and the reader is off the list."""
    token, status = ann
    fields = {"List-Unsubscribe": "One-Click"}
    body = (
        {"data": fields}
        if kind == "data"
        else {"files": {name: (None, each) for name, each in fields.items()}}
    )
    answer = site.ask(f"/unsubscribe/{token}", "POST", **body)

    assert answer.status_code == 200
    assert "location" not in answer.headers
    assert status() is Status.UNSUBSCRIBED


def test_numbers_are_not_public(site):
    """Though the proxy asks from this machine, for which they are."""
    for headers in ({}, {"Host": "127.0.0.1"}, {"Host": "localhost"}):
        answer = site.ask("/metrics", headers=headers)
        assert "newsletter_http" not in answer.text
    assert site.ask("/metrics").status_code == 404
    for path in ("/metrics/", "//metrics", "/%6detrics", "/./metrics"):
        assert "newsletter_http" not in site.ask(path).text
    assert "newsletter_http_requests_total" in straight(site, "/metrics").text


def test_bodies_have_a_limit_at_the_proxy_and_here(site):
    assert site.ask("/subscribe", "POST", content=b"x" * 70_000).status_code == 413
    with suppress(httpx.TransportError):  # it may be cut off while it sends
        assert site.ask("/webhooks/sendgrid", "POST", content=b"x" * 6_000_000).status_code in {413, 502}
    assert site.ask("/healthz").status_code == 200


def rest(connection):
    """All that comes until the other end closes or cuts the connection."""
    told = b""
    with suppress(ConnectionResetError, ssl.SSLError):
        while piece := connection.recv(65536):
            told += piece
    return told


def begin(site, stack, words):
    """Five readers who begin to say *words*; who was too slow for a site without patience comes again."""
    slow = []
    while len(slow) < 5:
        with suppress(OSError):
            connection = stack.enter_context(site.connected())
            connection.sendall(words)
            slow.append(connection)
    return slow


@pytest.mark.parametrize("proxy", COMMANDS)
def test_slow_headers_are_cut_off_and_others_do_not_wait(request, proxy):
    with site_behind(proxy, request, headers=1) as site, ExitStack() as stack:
        slow = begin(site, stack, b"GET / HTTP/1.1\r\nHost: news.example.com\r\nX-A: ")
        assert patiently(site.ask, "/healthz").status_code == 200
        for each in slow:
            assert b"HTTP/1.1 2" not in rest(each)


@pytest.mark.parametrize("proxy", COMMANDS)
def test_slow_bodies_do_not_hold_the_service_and_are_never_told_that_all_is_well(request, proxy):
    """nginx keeps them to itself and cuts them off; Caddy lets them wait, since it would say 200 otherwise."""
    begun = b"POST /subscribe HTTP/1.1\r\nHost: news.example.com\r\nContent-Length: 100\r\n\r\nabc"
    with site_behind(proxy, request, body=1) as site, ExitStack() as stack:
        slow = begin(site, stack, begun)
        assert patiently(site.ask, "/healthz").status_code == 200
        while "newsletter_http_requests_in_flight 1\n" not in patiently(straight, site, "/metrics").text:
            pass
        if site.cuts_bodies:
            assert [b"HTTP/1.1 2" in rest(each) for each in slow] == [False] * 5
        else:
            for each in slow:
                each.setblocking(False)
                with pytest.raises(ssl.SSLWantReadError):
                    each.recv(1)


def test_another_name_finds_no_page_of_ours(site):
    answer = site.ask("/", headers={"Host": "evil.example.com"})

    assert "Test Letter" not in answer.text
