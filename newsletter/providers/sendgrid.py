"""The provider that calls SendGrid's v3 Mail Send, up to 1,000 recipients in one request.

SendGrid has no idempotency key: a request whose answer is lost may or may not have been taken, and all its
recipients are uncertain. A request that it refuses, it refuses as a whole, and nothing was sent.
"""

from __future__ import annotations

import io
import json
import logging
import re
import select
import ssl
import time
import urllib.error
from contextlib import contextmanager
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from python_http_client import Client
from python_http_client.exceptions import HTTPError, handle_error
from sendgrid import SendGridAPIClient

from newsletter.errors import CredentialsError, ProviderError
from newsletter.providers.base import Outcome, Verdict
from newsletter.providers.sendgrid_payload import (
    MOST_RECIPIENTS,
    MOST_SUBSTITUTIONS,
    requests,
    substitutions_size,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from urllib.request import OpenerDirector
    from urllib.request import Request as HttpRequest

    from pydantic import SecretStr

    from newsletter.config import SendgridSettings
    from newsletter.messages import Message
    from newsletter.providers.sendgrid_payload import Request

#: A connection that was idle for so many seconds may be closed at the other end; a new one is opened.
IDLE = 20.0
#: How often a request that came too early (429) is made again, and how many seconds to wait for that at most.
EARLY = 3
LONGEST_WAIT = 60.0
_FIELD = re.compile(r"personalizations\.(\d+)\b")

# At level DEBUG the library would log the API key and every address.
logging.getLogger("python_http_client").setLevel(logging.WARNING)


class SendgridProvider:
    """SendGrid, as ``[sendgrid]`` describes it. *wait* sleeps for so many seconds."""

    name = "sendgrid"
    window = MOST_RECIPIENTS
    batch_size = MOST_RECIPIENTS
    concurrency = 4
    idempotent = False
    smtputf8 = False

    def __init__(
        self, settings: SendgridSettings, *, key: SecretStr, wait: Callable[[float], object] = time.sleep
    ) -> None:
        self.settings = settings
        self.key = key
        self.wait = wait

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Certificates and host names are verified; made once, as it takes longer than a request."""
        return ssl.create_default_context()

    def describe(self) -> str:
        """Where messages go, for people."""
        return f"sendgrid at {self.settings.host}"

    @contextmanager
    def connect(self, dispatch: str = "test") -> Iterator[SendgridConnection]:
        """A connection; it is opened with the first request, and the key is tried with that, too."""
        api = SendGridAPIClient(self.key.get_secret_value(), host=self.settings.host)
        wire = Wire(self.settings.host, self.settings.timeout, lambda: self.tls)
        api.client = _Client(wire, api.client.request_headers)
        try:
            yield SendgridConnection(api, dispatch, self.wait)
        finally:
            wire.close()


class SendgridConnection:
    """One connection to SendGrid, for one thread."""

    def __init__(self, api: SendGridAPIClient, dispatch: str, wait: Callable[[float], object]) -> None:
        self._api = api
        self._dispatch = dispatch
        self._wait = wait

    def send(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        """Hand over *messages*, in as few requests as can be.

        Raises:
            ProviderError: SendGrid cannot be reached or refuses us. Messages without an outcome were not
                handed over.
        """
        for request in requests(messages, self._dispatch) if messages else ():
            large = {
                place
                for place in range(len(request.messages))
                if substitutions_size(request, place) > MOST_SUBSTITUTIONS
            }
            yield from _all(request.of(large), Verdict.REJECTED, "values of over 10,000 bytes")
            yield from self._request(request.of(set(range(len(request.messages))) - large))

    def _request(self, request: Request) -> Iterator[Outcome]:
        if not request.messages:
            return
        try:
            response = self._post(request)
        except NotReachedError as error:
            raise self._error(f"SendGrid cannot be reached: {error}") from error
        except HTTPError as error:
            yield from self._refused(request, error)
        except (OSError, HTTPException) as error:
            reason = f"handed over, then no answer came: {error or type(error).__name__}"
            yield from _all(request, Verdict.UNCERTAIN, reason)
        else:
            if response.status_code != 202:
                # 200 is what the sandbox says: checked, but not sent.
                raise self._error(
                    f"SendGrid answers {response.status_code}, which is not 202: nothing was sent"
                )
            name = response.headers.get("X-Message-Id", "")
            yield from _all(request, Verdict.ACCEPTED, "202", name)

    def _post(self, request: Request) -> Any:  # noqa: ANN401 - the library has no types
        """The answer to the request, made again when SendGrid says that it came too early."""
        for _ in range(EARLY - 1):
            try:
                return self._api.send(request.body)
            except HTTPError as error:
                if error.status_code != 429:
                    raise
                self._wait(_seconds_until_reset(error.headers))
        return self._api.send(request.body)

    def _refused(self, request: Request, error: HTTPError) -> Iterator[Outcome]:
        """What an error status means: https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/responses."""
        status, reason = error.status_code, _reason(error)
        if status in (401, 403):
            raise CredentialsError(
                f"SendGrid refuses the API key: {reason}",
                where=self._api.host,
                hint="the key needs the permission Mail Send, and `from` a verified sender",
            )
        if status == 429:
            yield from _all(request, Verdict.DEFERRED, reason)
        elif status >= 500:
            # The refusal may come from in between, after the request was taken behind it.
            yield from _all(request, Verdict.UNCERTAIN, reason)
        elif status == 413 and len(request.messages) > 1:
            half = len(request.messages) // 2
            yield from self._request(request.of(range(half)))
            yield from self._request(request.of(range(half, len(request.messages))))
        else:
            yield from self._without_culprits(request, error, reason)

    def _without_culprits(self, request: Request, error: HTTPError, reason: str) -> Iterator[Outcome]:
        """The request without the recipients that the error names; nothing of the first one was sent."""
        places = set(range(len(request.messages)))
        culprits = {int(place) for place in _FIELD.findall(_body(error))} & places
        if error.status_code == 413:
            culprits = places
        if not culprits:
            raise self._error(f"SendGrid refuses the request: {reason}")
        yield from _all(request.of(sorted(culprits)), Verdict.REJECTED, reason)
        yield from self._request(request.of(sorted(places - culprits)))

    def _error(self, what: str) -> ProviderError:
        return ProviderError(what, where=self._api.host, hint="check `[sendgrid]` in newsletter.toml")


class NotReachedError(Exception):
    """There was no connection: not one byte of the request left."""


class Wire:
    """One connection that is kept open between requests."""

    def __init__(self, host: str, timeout: float, tls: Callable[[], ssl.SSLContext]) -> None:
        self.host = host
        self.timeout = timeout
        self._tls = tls
        self._connection: HTTPConnection | None = None
        self._used_at = 0.0

    def exchange(self, request: HttpRequest) -> _Answer:
        """Make a request, once, and read the whole answer.

        Raises:
            NotReachedError: there was no connection.
            OSError, HTTPException: it was lost after the request began to leave.
        """
        connection = self._open()
        try:
            connection.request(
                request.get_method(), request.selector, request.data, dict(request.header_items())
            )
            response = connection.getresponse()
            answer = _Answer(response.status, response.reason, response.headers, response.read())
        except BaseException:
            self.close()
            raise
        self._used_at = time.monotonic()
        return answer

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> HTTPConnection:
        if self._connection is not None and not self._usable(self._connection):
            self.close()
        if self._connection is None:
            place = urlsplit(self.host)
            connection = (
                HTTPSConnection(place.netloc, timeout=self.timeout, context=self._tls())
                if place.scheme == "https"
                else HTTPConnection(place.netloc, timeout=self.timeout)
            )
            try:
                connection.connect()
            except OSError as error:
                connection.close()
                raise NotReachedError(error.strerror or str(error) or type(error).__name__) from error
            self._connection = connection
        return self._connection

    def _usable(self, connection: HTTPConnection) -> bool:
        """False if the other end closed it, or may have: as none is repeated, none must be lost."""
        if connection.sock is None or time.monotonic() - self._used_at > IDLE:
            return False
        readable, _, _ = select.select([connection.sock], [], [], 0)
        return not readable


class _Answer(io.BytesIO):
    """An answer as `python_http_client` wants it."""

    def __init__(self, status: int, reason: str, headers: HTTPMessage, body: bytes) -> None:
        super().__init__(body)
        self.status = status
        self.reason = reason
        self.headers = headers

    def getcode(self) -> int:
        return self.status

    def info(self) -> HTTPMessage:
        return self.headers


class _Client(Client):  # type: ignore[misc] # the library has no types
    """The library's client over a `Wire`.

    As it comes, it opens a TLS connection and reads all root certificates for every call, waits for ever, and
    follows a redirect with the key in its hand.
    """

    def __init__(self, wire: Wire, headers: dict[str, str], path: list[str] | None = None) -> None:
        super().__init__(wire.host, request_headers=headers, version=3, url_path=path)
        self.wire = wire

    def _build_client(self, name: str | None = None) -> _Client:
        path = [*self._url_path, name] if name else self._url_path
        return _Client(self.wire, self.request_headers, path)

    def _make_request(
        self,
        opener: OpenerDirector,  # noqa: ARG002 - a fixed signature
        request: HttpRequest,
        timeout: float | None = None,  # noqa: ARG002 - a fixed signature
    ) -> _Answer:
        answer = self.wire.exchange(request)
        if not 200 <= answer.status < 300:
            raise handle_error(
                urllib.error.HTTPError(request.full_url, answer.status, answer.reason, answer.headers, answer)
            )
        return answer


def _all(request: Request, verdict: Verdict, reason: str, provider_id: str = "") -> Iterator[Outcome]:
    for message in request.messages:
        yield Outcome(message.delivery_id, verdict, reason, provider_id)


def _body(error: HTTPError) -> str:
    return bytes(error.body).decode("utf-8", "replace")


def _reason(error: HTTPError) -> str:
    """The status, and the first message of the answer's list of errors if there is one."""
    try:
        told = json.loads(_body(error))["errors"][0]["message"]
    except (ValueError, LookupError, TypeError):
        told = str(error.reason)
    return f"{error.status_code} {told}"[:300]


def _seconds_until_reset(headers: HTTPMessage) -> float:
    """How long to wait after 429: X-RateLimit-Reset is a moment in seconds since 1970."""
    try:
        seconds = float(headers.get("X-RateLimit-Reset", "")) - time.time()
    except ValueError:
        seconds = 1.0
    return max(0.0, min(seconds, LONGEST_WAIT))
