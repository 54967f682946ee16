"""The provider that calls SendGrid's v3 Mail Send, up to 1,000 recipients in one request.

SendGrid has no idempotency key: a request whose answer is lost may or may not have been taken, and all its
recipients are uncertain. A request that it refuses, it refuses as a whole, and nothing was sent.
"""

from __future__ import annotations

import ssl
import time
from contextlib import contextmanager
from functools import cached_property
from http.client import responses
from random import Random
from typing import TYPE_CHECKING

from python_http_client import Client
from sendgrid import SendGridAPIClient

from newsletter.errors import BusyError, CredentialsError, ProviderError, RefusedError
from newsletter.providers.base import Outcome, Verdict
from newsletter.providers.sendgrid_answers import Complaint, Then, rule, seconds_until_reset
from newsletter.providers.sendgrid_payload import Payload
from newsletter.providers.sendgrid_wire import Answer, DoubtError, UnsentError, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from http.client import HTTPMessage
    from urllib.request import OpenerDirector
    from urllib.request import Request as HttpRequest

    from pydantic import SecretStr

    from newsletter.config import SendgridSettings
    from newsletter.messages import Composer, Message
    from newsletter.providers.sendgrid_payload import Request

#: After so many requests in a row that were refused for one recipient or another, it is not about them.
#: Nor is it if more than so many were all that a request had.
MOST_REFUSALS = 20


class SendgridProvider:
    """SendGrid, as ``[sendgrid]`` describes it.

    Args:
        settings: where it is, and how much at once.
        key: the API key.
        wait: sleeps for so many seconds.
        random: keeps those who wait from coming back together.
        rehearsal: only let SendGrid check the requests (its sandbox): nothing is mailed.
    """

    name = "sendgrid"
    idempotent = False
    smtputf8 = False

    def __init__(
        self,
        settings: SendgridSettings,
        *,
        key: SecretStr,
        wait: Callable[[float], object] = time.sleep,
        random: Random | None = None,
        rehearsal: bool = False,
    ) -> None:
        self.settings = settings
        self.key = key
        self.wait = wait
        self.random = random or Random()  # noqa: S311 - no secret is made of it
        self.rehearsal = rehearsal
        self.window = self.batch_size = settings.recipients
        self.concurrency = settings.connections

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Certificates and host names are verified; made once, as it takes longer than a request."""
        return ssl.create_default_context()

    def describe(self) -> str:
        """Where messages go, for people."""
        return f"sendgrid at {self.settings.base}"

    def rehearsing(self) -> SendgridProvider:
        """The same, but in the sandbox: SendGrid checks each request and mails nothing."""
        return SendgridProvider(
            self.settings, key=self.key, wait=self.wait, random=self.random, rehearsal=True
        )

    @contextmanager
    def connect(self, dispatch: str = "test") -> Iterator[SendgridConnection]:
        """A connection; it is opened with the first request, and the key is tried with that, too."""
        wire = Wire(self.settings.base, self.settings.timeout, lambda: self.tls)
        api = SendGridAPIClient(self.key.get_secret_value(), host=self.settings.base)
        api.client = _Client(wire, api.client.request_headers)
        try:
            yield SendgridConnection(api, dispatch, self)
        finally:
            wire.close()


class SendgridConnection:
    """One connection to SendGrid, for one thread."""

    def __init__(self, api: SendGridAPIClient, dispatch: str, provider: SendgridProvider) -> None:
        self._api = api
        self._provider = provider
        self._dispatch = dispatch
        self._payload: Payload | None = None

    @property
    def host(self) -> str:
        """Where the library's client sends its requests."""
        return str(self._api.client.host)

    def send(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        """Hand over *messages*, in as few requests as can be.

        Raises:
            ProviderError: SendGrid cannot be reached, refuses us, or (BusyError) asks to wait. Messages
                without an outcome were not handed over.
        """
        if not messages:
            return
        for request in self._payload_of(messages[0].composer).requests(messages):
            yield from self._settle(request)

    def parts(self, messages: Sequence[Message]) -> Sequence[Sequence[Message]]:
        """The messages by their texts: those of different texts are in different requests."""
        return self._payload_of(messages[0].composer).groups(messages) if messages else []

    def _payload_of(self, composer: Composer) -> Payload:
        if self._payload is None or self._payload.composer is not composer:
            provider = self._provider
            self._payload = Payload(
                composer,
                self._dispatch,
                categories=provider.settings.categories,
                sandbox=provider.rehearsal,
            )
        return self._payload

    def _settle(self, request: Request, refusals: int = 0) -> Iterator[Outcome]:
        """Make the request, and others in its place, until each of its recipients has an outcome."""
        try:
            answer = self._patiently(request)
        except UnsentError as error:
            raise ProviderError(
                f"SendGrid cannot be reached: {error}",
                where=self.host,
                hint="check `[sendgrid]` in newsletter.toml, and the network",
            ) from error
        except DoubtError as error:
            yield from _all(request, Verdict.UNCERTAIN, f"handed over, then no answer came: {error}")
            return
        if self._provider.rehearsal and answer.status == 200:
            yield from _all(request, Verdict.ACCEPTED, "200, checked and not sent")
            return
        complaint = Complaint.read(answer.status, answer.reason, answer.body)
        match rule(answer.status).then:
            case Then.ACCEPT:
                yield from _all(request, Verdict.ACCEPTED, "202", answer.headers.get("X-Message-Id", ""))
            case Then.PARK:
                yield from self._park(request, complaint, refusals)
            case Then.HALVE:
                yield from self._halve(request, complaint, refusals)
            case Then.WAIT:
                raise BusyError(
                    f"SendGrid takes no more for now: {complaint.reason}",
                    wait=seconds_until_reset(answer.headers, self._provider.random),
                    where=self.host,
                    hint="wait, or lower `[delivery] rate`",
                )
            case Then.DEFER:
                yield from _all(request, Verdict.DEFERRED, complaint.reason)
            case Then.DOUBT | Then.UNAVAILABLE:
                yield from _all(request, Verdict.UNCERTAIN, complaint.reason)
            case Then.KEY:
                raise CredentialsError(
                    f"SendGrid refuses the API key: {complaint.reason}",
                    where=self.host,
                    hint="the key needs the permission Mail Send, and `from` a verified sender",
                )
            case Then.HOLD:
                raise self._held(complaint)

    def _patiently(self, request: Request) -> Answer:
        """The answer to the request, made again where it is agreed that it was not taken."""
        answer = self._post(request)
        if rule(answer.status).then is Then.UNAVAILABLE and self._provider.settings.unavailable == "retry":
            self._provider.wait(1.0 + self._provider.random.random())
            answer = self._post(request)
        return answer

    def _post(self, request: Request) -> Answer:
        """What SendGrid says to the request, whatever it is."""
        response = self._api.send(_Encoded(request.body))
        phrase = responses.get(response.status_code, "")
        return Answer(response.status_code, phrase, response.headers, response.body)

    def _park(self, request: Request, complaint: Complaint, refusals: int) -> Iterator[Outcome]:
        """The request without the recipients that the error names; nothing of the first one was sent."""
        places = range(len(request.messages))
        named = {place: reason for place, reason in complaint.named.items() if place in places}
        everybody = len(named) == len(places) > MOST_REFUSALS
        if not named or everybody or refusals >= MOST_REFUSALS:
            raise self._held(complaint)
        for place, reason in named.items():
            yield Outcome(request.messages[place].delivery_id, Verdict.REJECTED, reason)
        if rest := [place for place in places if place not in named]:
            yield from self._settle(request.of(rest), refusals + 1)

    def _halve(self, request: Request, complaint: Complaint, refusals: int) -> Iterator[Outcome]:
        half = len(request.messages) // 2
        if half == 0:
            yield from _all(request, Verdict.REJECTED, complaint.reason)
            return
        yield from self._settle(request.of(range(half)), refusals)
        yield from self._settle(request.of(range(half, len(request.messages))), refusals)

    def _held(self, complaint: Complaint) -> RefusedError:
        return RefusedError(
            f"SendGrid refuses the request: {complaint.reason}; nothing of it was sent",
            where=self.host,
            hint="check `[sendgrid]` in newsletter.toml",
        )


def _all(request: Request, verdict: Verdict, reason: str, provider_id: str = "") -> Iterator[Outcome]:
    for message in request.messages:
        yield Outcome(message.delivery_id, verdict, reason, provider_id)


class _Encoded:
    """A request body that is JSON already, in the place where the library takes a mail that it encodes."""

    def __init__(self, body: bytes) -> None:
        self._body = _Unseen(body)

    def get(self) -> _Encoded:
        """As ``sendgrid.helpers.mail.Mail.get``, which gives what is to be sent."""
        return self

    def encode(self, encoding: str) -> _Unseen:  # noqa: ARG002 - as str.encode
        """As ``str.encode``."""
        return self._body


class _Unseen(bytes):
    """Bytes that no log shows: the library formats each body for a log, whether that is on or not."""

    def __repr__(self) -> str:
        return f"<{len(self):,} bytes>"

    __str__ = __repr__


class _Client(Client):  # type: ignore[misc] # the library has no types
    """The library's client over a `Wire`.

    As it comes, it opens a TLS connection and reads all root certificates for every call, waits for ever,
    follows a redirect with the key in its hand, and logs key and addresses at level DEBUG. The key is kept
    from it here.
    """

    def __init__(self, wire: Wire, headers: Mapping[str, str], path: Sequence[str] = ()) -> None:
        # The library leaves a body of any other type than plain `application/json` as it is.
        shown = {**headers, "Content-Type": "application/json; charset=utf-8"}
        self._secret = {"Authorization": shown.pop("Authorization")}
        super().__init__(wire.base, request_headers=shown, version=3, url_path=list(path))
        self._wire = wire

    def _build_client(self, name: str | None = None) -> _Client:
        path = [*self._url_path, name] if name else self._url_path
        return _Client(self._wire, {**self.request_headers, **self._secret}, path)

    def _make_request(
        self,
        opener: OpenerDirector,  # noqa: ARG002 - a fixed signature
        request: HttpRequest,
        timeout: float | None = None,  # noqa: ARG002 - a fixed signature
    ) -> _Response:
        # RFC 8259 section 11: JSON is UTF-8, and its media type has no parameter.
        headers = {**dict(request.header_items()), **self._secret, "Content-type": "application/json"}
        body = self._body(request)
        return _Response(self._wire.exchange(request.get_method(), request.selector, headers, body))

    @staticmethod
    def _body(request: HttpRequest) -> bytes:
        if not isinstance(request.data, bytes):
            raise TypeError("a request needs a body")
        return request.data


class _Response:
    """An answer of any status, as the library reads it; an error is not raised, as its status tells all."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def getcode(self) -> int:
        return self._answer.status

    def read(self) -> bytes:
        return _Unseen(self._answer.body)

    def info(self) -> HTTPMessage:
        return self._answer.headers
