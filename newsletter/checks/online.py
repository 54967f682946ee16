"""Rules that look links up, when they are asked to: whether something is there, and where it has gone.

A draft may hold any address, so nothing on this machine or its network is ever asked: each name is resolved
here, every address of it must be public, and the connection goes to the very address that was checked, after
each redirect anew.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from newsletter.checks.body_links import links_of
from newsletter.checks.finding import Finding, Severity
from newsletter.checks.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from newsletter.checks.subject import Subject

#: In seconds: for one connection and each answer; between two questions to one host; how long answers count.
TIMEOUT, PAUSE, KEPT = 10.0, 1.0, 24 * 3600.0
REDIRECTS, MOST, TOGETHER = 5, 500, 8
#: What some servers say to a HEAD that they would not say to a GET.
_ASK_AGAIN = frozenset({403, 404, 405, 406, 429, 500, 501, 503})
_PERMANENT = frozenset({301, 308})
_GONE = frozenset({404, 410})
#: Of a name that does not exist, as opposed to one that nobody could be asked about.
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_HTTP = "https://www.rfc-editor.org/rfc/rfc9110#section-15"

LINK_DEAD = Rule(
    "link-dead",
    Severity.ERROR,
    "Nothing is where the link leads.",
    _HTTP,
    "See [this report](https://example.com/gone).",
    "See [this report](https://example.com/).",
)
LINK_PRIVATE = Rule(
    "link-private",
    Severity.ERROR,
    "A name that leads into a private network leads readers nowhere.",
    "https://owasp.org/www-community/attacks/Server_Side_Request_Forgery",
    "See [this report](https://wiki.corp.example/report).",
    "See [this report](https://example.com/report).",
)
LINK_MOVED = Rule(
    "link-moved",
    Severity.NOTE,
    "What has moved for good is faster and safer under its new address.",
    _HTTP,
    "See [this report](https://example.com/old).",
    "See [this report](https://example.com/new).",
)
LINK_UNSURE = Rule(
    "link-unsure",
    Severity.NOTE,
    "The site gave no answer that says whether the page is there; look for yourself.",
    _HTTP,
    "See [this report](https://slow.example.com/report).",
    "See [this report](https://example.com/report).",
)


@dataclass(frozen=True)
class Answer:
    """What a look-up came to: the last status, where it ended, whether all moves were for good.

    ``problem`` says what failed: ``private``, ``gone`` for a name that does not exist, else it is in words.
    """

    status: int | None = None
    url: str = ""
    moved: bool = False
    problem: str = ""


class PrivateError(Exception):
    """A name leads to an address that is not public."""


def public(address: str) -> bool:
    """Whether *address*, of IPv4 or IPv6, is one of the public network."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None)
    return (mapped or parsed).is_global and parsed.is_global and not parsed.is_multicast


class Desk:
    """Looks addresses up, each once, at a pace that no site minds.

    Args:
        allowed: which addresses of the network may be asked.
        cache: a file that keeps answers for a day; None for none.
        pause: in seconds, between two questions to one host.
        clock: the time, in seconds since the epoch.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        *,
        allowed: Callable[[str], bool] = public,
        cache: Path | None = None,
        pause: float = PAUSE,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._allowed, self._cache, self._pause = allowed, cache, pause
        self._clock, self._sleep = clock, sleep

    def look_up(self, urls: list[str]) -> dict[str, Answer]:
        """The answer for each of *urls*, of which at most `MOST` are asked, several hosts at a time."""
        known = self._kept()
        hosts: defaultdict[str, list[str]] = defaultdict(list)
        for url in dict.fromkeys(urls):
            if url not in known and sum(map(len, hosts.values())) < MOST:
                hosts[urlsplit(url).netloc].append(url)
        with ThreadPoolExecutor(TOGETHER) as pool:
            for answers in pool.map(self._host, hosts.values()):
                known.update(answers)
        self._keep(known)
        return {url: known[url] for url in urls if url in known}

    def _host(self, urls: list[str]) -> dict[str, Answer]:
        answers = {}
        for number, url in enumerate(urls):
            if number:
                self._sleep(self._pause)
            answers[url] = self._one(url)
        return answers

    def _one(self, url: str) -> Answer:
        at, moved = url, True
        try:
            for _ in range(REDIRECTS + 1):
                status, target = self._ask(at)
                if target is None or not 300 <= status < 400:
                    return Answer(status, at, moved=moved and at != url)
                moved = moved and status in _PERMANENT
                at = urljoin(at, target)
        except PrivateError:
            return Answer(None, at, problem="private")
        except socket.gaierror as error:
            gone = error.errno in _NO_SUCH_NAME
            return Answer(None, at, problem="gone" if gone else "its name cannot be looked up now")
        except (OSError, HTTPException, ValueError) as error:
            return Answer(None, at, problem=str(error) or type(error).__name__)
        return Answer(None, at, problem=f"more than {REDIRECTS} redirects")

    def _ask(self, url: str) -> tuple[int, str | None]:
        status, target = self._request("HEAD", url)
        return self._request("GET", url) if status in _ASK_AGAIN else (status, target)

    def _request(self, method: str, url: str) -> tuple[int, str | None]:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url} is no web address")
        connection = self._connection(parts.scheme == "https", parts.hostname, parts.port)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, path, headers={"User-Agent": "newsletter-press link check"})
            response = connection.getresponse()
            return response.status, response.getheader("Location")
        finally:
            connection.close()

    def _connection(self, secure: bool, host: str, port: int | None) -> HTTPConnection:
        """A connection to the address that was checked, and no other."""
        port = port or (443 if secure else 80)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(each[4][0]) for each in found]
        if not addresses or not all(map(self._allowed, addresses)):
            raise PrivateError(host)
        sock = socket.create_connection((addresses[0], port), TIMEOUT)
        connection: HTTPConnection
        if secure:
            connection = HTTPSConnection(host, port, timeout=TIMEOUT)
            connection.sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
        else:
            connection = HTTPConnection(host, port, timeout=TIMEOUT)
            connection.sock = sock
        return connection

    def _kept(self) -> dict[str, Answer]:
        if self._cache is None or not self._cache.is_file():
            return {}
        try:
            kept = json.loads(self._cache.read_text(encoding="utf-8"))
            return {url: Answer(**answer) for url, (at, answer) in kept.items() if self._clock() - at < KEPT}
        except (OSError, ValueError, TypeError):
            return {}

    def _keep(self, known: dict[str, Answer]) -> None:
        """Keep what was found there; what failed is asked again the next time."""
        if self._cache is None:
            return
        good = {url: [self._clock(), asdict(each)] for url, each in known.items() if each.status == 200}
        self._cache.parent.mkdir(parents=True, exist_ok=True)
        self._cache.write_text(json.dumps(good), encoding="utf-8")


def look_up(desk: Desk) -> Callable[[Subject], Iterator[Finding]]:
    """What asks for each link of an issue at *desk*, for `check_edition`."""

    def look(subject: Subject) -> Iterator[Finding]:
        links = [link for link in links_of(subject) if link.href.startswith(("http://", "https://"))]
        answers = desk.look_up([link.href.partition("#")[0] for link in links])
        for link in links:
            answer = answers.get(link.href.partition("#")[0])
            if answer and (told := _told(link.href, answer)):
                rule, message, hint = told
                yield subject.finding(rule, message, hint=hint, line=link.line)

    return look


def _told(href: str, answer: Answer) -> tuple[Rule, str, str] | None:
    if answer.problem == "private":
        return LINK_PRIVATE, f"{href} leads to {answer.url}, which is in a private network", ""
    if answer.problem == "gone" or answer.status in _GONE:
        what = f"answers {answer.status}" if answer.status else "is on a host that does not exist"
        return LINK_DEAD, f"{href} {what}", "correct the address, or link to another page"
    if answer.problem or answer.status is None or answer.status >= 400:
        return LINK_UNSURE, f"{href}: {answer.problem or f'answers {answer.status}'}", ""
    if answer.moved:
        return LINK_MOVED, f"{href} has moved for good", f"write {answer.url}"
    return None


RULES = (LINK_DEAD, LINK_PRIVATE, LINK_MOVED, LINK_UNSURE)
