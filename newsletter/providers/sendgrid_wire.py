"""One HTTP connection that is kept, never follows a redirect, and knows whether a request left whole.

The last byte of a request is held back until all others are with the operating system. A body that lacks its
closing brace is no JSON, so a request that was lost before that byte was provably not taken; only one that
was lost after it is in doubt.
"""

from __future__ import annotations

import select
import time
from base64 import b64encode
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from urllib.parse import SplitResult

#: A connection that was idle for so many seconds may be closed at the other end; a new one is opened.
IDLE = 20.0
#: The time limit counts for each piece of so many bytes: a large request over a slow line is no failure.
_PIECE = 256 * 1024
#: Of an answer, no more than so many bytes are read.
_LONGEST_ANSWER = 1024 * 1024


class UnsentError(Exception):
    """The request did not leave whole, so that nobody can have taken it."""


class DoubtError(Exception):
    """The request left, and no answer came."""


@dataclass(frozen=True)
class Answer:
    """A status with its headers and body."""

    status: int
    reason: str
    headers: HTTPMessage
    body: bytes


@dataclass(frozen=True)
class Route:
    """Where to connect, and what to ask for there, directly or through the environment's proxy."""

    target: SplitResult
    proxy: SplitResult | None

    @classmethod
    def to(cls, base: str) -> Route:
        """The way to *base*: ``https_proxy``, ``http_proxy``, ``all_proxy`` and ``no_proxy`` are obeyed."""
        target = urlsplit(base)
        proxies = getproxies()
        proxy = proxies.get(target.scheme) or proxies.get("all")
        if not proxy or proxy_bypass(target.netloc):
            return cls(target, None)
        return cls(target, urlsplit(proxy if "://" in proxy else f"http://{proxy}"))

    def connection(self, timeout: float, tls: Callable[[], ssl.SSLContext]) -> HTTPConnection:
        """A connection that is not open yet.

        Raises:
            UnsentError: the proxy is of a kind that is not known here.
        """
        secure = self.target.scheme == "https"
        if self.proxy is not None and (self.proxy.scheme != "http" or not self.proxy.hostname):
            raise UnsentError(f"a proxy of the kind `{self.proxy.scheme}` cannot be used")
        place = self.target if self.proxy is None else self.proxy
        host, port = place.hostname or "", place.port or (443 if place.scheme == "https" else 80)
        if not secure:
            return HTTPConnection(host, port, timeout=timeout)
        connection = HTTPSConnection(host, port, timeout=timeout, context=tls())
        if self.proxy is not None:
            connection.set_tunnel(self.target.hostname or "", self.target.port or 443, self.for_proxy())
        return connection

    def selector(self, path: str) -> str:
        """What stands in the request line: a proxy for HTTP wants the whole address (RFC 9112, 3.2.2)."""
        through = self.proxy is not None and self.target.scheme == "http"
        return f"http://{self.target.netloc}{path}" if through else path

    def headers(self) -> dict[str, str]:
        """What each request needs beside its own headers."""
        return self.for_proxy() if self.target.scheme == "http" else {}

    def for_proxy(self) -> dict[str, str]:
        """The credentials of the proxy, if its address has some."""
        if self.proxy is None or self.proxy.username is None:
            return {}
        pair = f"{unquote(self.proxy.username)}:{unquote(self.proxy.password or '')}"
        return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode('ascii')}"}


class Wire:
    """The connection of one thread to *base*; *timeout* is in seconds, *tls* verifies certificates."""

    def __init__(self, base: str, timeout: float, tls: Callable[[], ssl.SSLContext]) -> None:
        self.base = base
        self._timeout = timeout
        self._tls = tls
        self._route = Route.to(base)
        self._connection: HTTPConnection | None = None
        self._used_at = 0.0

    def exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Make a request, and read the whole answer.

        It is made a second time only where an old connection turned out to be closed before it had left.

        Raises:
            UnsentError: it did not leave whole.
            DoubtError: it left, and no answer came.
        """
        was_open = self._connection is not None
        try:
            return self._once(method, path, headers, body)
        except UnsentError:
            if not was_open:
                raise
            return self._once(method, path, headers, body)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _once(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        connection = self._open()
        whole = False
        try:
            answer = self._send(connection, method, path, headers, body)
            if answer is None:
                connection.send(body[-1:])
                whole = True
                answer = self._read(connection.getresponse())
        except (OSError, HTTPException) as error:
            self.close()
            if whole:
                raise DoubtError(_words(error)) from error
            raise UnsentError(_words(error)) from error
        except BaseException:
            self.close()
            raise
        if not whole and not 300 <= answer.status < 500:
            raise UnsentError(f"{answer.status} {answer.reason}, before the request had left whole")
        self._used_at = time.monotonic()
        return answer

    def _send(
        self, connection: HTTPConnection, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Answer | None:
        """Send all but the last byte; the answer, if there was one before that."""
        connection.putrequest(method, self._route.selector(path), skip_accept_encoding=True)
        for name, value in {**headers, **self._route.headers()}.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        pieces = memoryview(body)[:-1]
        try:
            for start in range(0, len(pieces), _PIECE):
                connection.send(pieces[start : start + _PIECE])
        except OSError:
            # Who refuses a request without reading it to its end may have said why (RFC 9112, section 9.6).
            answer = self._read(connection.getresponse())
            self.close()
            return answer
        return None

    def _read(self, response: HTTPResponse) -> Answer:
        """The answer: its status counts, also if what explains it is lost on the way."""
        try:
            body = response.read(_LONGEST_ANSWER)
        except (OSError, HTTPException):
            body = b""
        # After 1xx another answer comes (RFC 9110, 15.2), not to be taken for that to the next request.
        if response.will_close or not response.isclosed() or response.status < 200:
            self.close()
        return Answer(response.status, response.reason, response.headers, body)

    def _open(self) -> HTTPConnection:
        if self._connection is not None and not self._usable(self._connection):
            self.close()
        if self._connection is None:
            connection = self._route.connection(self._timeout, self._tls)
            try:
                connection.connect()
            except (OSError, HTTPException) as error:
                connection.close()
                raise UnsentError(_words(error)) from error
            self._connection = connection
        return self._connection

    def _usable(self, connection: HTTPConnection) -> bool:
        """False if the other end closed it, or may have: as none is repeated, none must be lost."""
        if connection.sock is None or time.monotonic() - self._used_at > IDLE:
            return False
        watch = select.poll()
        watch.register(connection.sock, select.POLLIN)
        return not watch.poll(0)


def _words(error: Exception) -> str:
    told = error.strerror if isinstance(error, OSError) else None
    return told or str(error) or type(error).__name__
