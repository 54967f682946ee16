"""The provider that speaks SMTP (RFC 5321) to a server or relay: one message, one recipient, one transaction.

What decides between *deferred* and *uncertain* is the dot that ends the message. Until it has left, nothing
was handed over (RFC 5321, 4.1.1.4), and whatever goes wrong may be tried again. Once it has left, only the
server's reply tells; without that reply nobody knows (RFC 1047).
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from newsletter.errors import CredentialsError, ProviderError
from newsletter.messages.headers import ascii_address, utf8_address
from newsletter.messages.message import UnmailableError
from newsletter.providers.base import Outcome, Verdict
from newsletter.providers.smtp_dialogue import (
    BrokenOffError,
    Reply,
    ask,
    cause_of,
    exchange,
    one_line,
    wire_form,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import SecretStr

    from newsletter.config import SmtpSettings
    from newsletter.messages.message import Message

#: After so many messages a connection is replaced; relays limit how many they take over one.
RECYCLE_AFTER = 500
#: How often one message may be begun when connections break before its end.
BEGINNINGS = 2
#: Replies that are about us and not about the recipient (RFC 4954, section 6).
_NOT_LOGGED_IN = {530, 534, 535, 538}
_QUEUE_ID = re.compile(r"(?:queued as|\bid=|message accepted for delivery, id) *<?([\w.@-]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Login:
    """A name and a password for AUTH."""

    username: str
    password: SecretStr


class SmtpProvider:
    """A server or relay as ``[smtp]`` describes it; *sender* is the address of the envelope."""

    name = "smtp"
    window = 20
    #: Small, so that a short list is spread over all connections.
    batch_size = 50
    idempotent = False
    smtputf8 = True

    def __init__(
        self,
        settings: SmtpSettings,
        *,
        sender: str,
        login: Login | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.settings = settings
        self.sender = ascii_address(sender)
        self.login = login
        self.concurrency = settings.connections
        if tls is not None:
            self.tls = tls

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Certificates and host names are verified; made once, as it takes longer than a connection."""
        return ssl.create_default_context()

    def describe(self) -> str:
        """Where messages go, for people."""
        return f"smtp at {self.place}"

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{self.settings.host}:{self.settings.port}"

    @contextmanager
    def connect(self, dispatch: str = "test") -> Iterator[SmtpConnection]:  # noqa: ARG002 - SMTP has no use for it
        """Open a connection, encrypted and logged in as the settings say.

        Raises:
            ProviderError: the server cannot be reached, or (CredentialsError) refuses the login.
        """
        connection = SmtpConnection(self)
        connection.open()
        try:
            yield connection
        finally:
            connection.close()

    def session(self) -> smtplib.SMTP:
        """A new session, ready for MAIL.

        Raises:
            ProviderError: as for `connect`.
        """
        try:
            session = self._greeted()
        except smtplib.SMTPResponseException as error:
            raise self._refusal(Reply(error.smtp_code, one_line(error.smtp_error))) from error
        except ssl.SSLError as error:
            raise self._error(f"the server's encryption is not to be trusted: {error.reason}") from error
        except (OSError, UnicodeError) as error:
            raise self._error(f"the server does not answer: {cause_of(error)}") from error
        try:
            self._prepare(session)
        except BaseException:
            session.close()
            raise
        return session

    def _greeted(self) -> smtplib.SMTP:
        settings = self.settings
        name = _own_name(self.sender)
        if settings.tls == "implicit":
            return smtplib.SMTP_SSL(
                settings.host, settings.port, name, timeout=settings.timeout, context=self.tls
            )
        return smtplib.SMTP(settings.host, settings.port, name, timeout=settings.timeout)

    def _prepare(self, session: smtplib.SMTP) -> None:
        """EHLO, STARTTLS and AUTH, as far as they are asked for."""
        try:
            if session.sock is not None:
                session.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session.ehlo_or_helo_if_needed()
            if self.settings.tls == "starttls":
                session.starttls(context=self.tls)
                session.ehlo_or_helo_if_needed()
            if self.login:
                session.login(self.login.username, self.login.password.get_secret_value())
        except smtplib.SMTPAuthenticationError as error:
            raise CredentialsError(
                f"the server refuses the login: {Reply(error.smtp_code, one_line(error.smtp_error))}",
                where=f"smtp {self.place}",
                hint="check username and password_file under `[smtp]`",
            ) from error
        except smtplib.SMTPResponseException as error:
            raise self._refusal(Reply(error.smtp_code, one_line(error.smtp_error))) from error
        except ssl.SSLError as error:
            raise self._error(f"the server's encryption is not to be trusted: {error.reason}") from error
        except OSError as error:
            raise self._error(f"the server cannot be used: {cause_of(error)}") from error

    def _error(self, what: str) -> ProviderError:
        hint = "check host, port and tls under `[smtp]` in newsletter.toml"
        return ProviderError(what, where=f"smtp {self.place}", hint=hint)

    def _refusal(self, reply: Reply) -> ProviderError:
        if reply.code in _NOT_LOGGED_IN:
            return CredentialsError(
                f"the server wants a login: {reply}",
                where=f"smtp {self.place}",
                hint="set username and password_file under `[smtp]`",
            )
        return self._error(f"the server refuses to work: {reply}")

    def sender_refused(self, reply: Reply) -> ProviderError:
        """The error for a server that takes no mail from us at all, whoever it is for."""
        if reply.code in _NOT_LOGGED_IN:
            return self._refusal(reply)
        return ProviderError(
            f"the server takes no mail from {self.sender}: {reply}",
            where=f"smtp {self.place}",
            hint="check `from` in newsletter.toml, and what the server allows",
        )


class SmtpConnection:
    """One connection, opened anew when the server ends it."""

    def __init__(self, provider: SmtpProvider) -> None:
        self._provider = provider
        self._session: smtplib.SMTP | None = None
        self._used = 0

    def open(self) -> smtplib.SMTP:
        """The session in use, a new one if there is none."""
        if self._session is not None and self._used >= RECYCLE_AFTER:
            self.close()
        if self._session is None:
            self._session = self._provider.session()
            self._used = 0
        return self._session

    def close(self) -> None:
        """Say goodbye, if there is still somebody to hear it."""
        if self._session is not None:
            with suppress(OSError):
                self._session.quit()
            self._drop()

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def send(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        """Hand over the messages one after the other.

        Raises:
            ProviderError: the server is gone, or takes nothing from us. Messages without an outcome were not
                handed over.
        """
        for message in messages:
            yield self._send(message)

    def _send(self, message: Message) -> Outcome:
        try:
            recipient = utf8_address(message.email)
            content = wire_form(message.as_bytes())
        except UnmailableError as error:
            return Outcome(message.delivery_id, Verdict.REJECTED, error.what)
        reason = ""
        for _ in range(BEGINNINGS):
            try:
                return self._transaction(message.delivery_id, recipient, content)
            except BrokenOffError as error:
                reason = str(error)
                self._drop()
        return Outcome(message.delivery_id, Verdict.DEFERRED, reason)

    def _transaction(self, delivery_id: str, recipient: str, content: bytes) -> Outcome:
        session = self.open()
        if not recipient.isascii() and not session.has_extn("smtputf8"):
            reason = "the address needs SMTPUTF8, which the server does not offer"
            return Outcome(delivery_id, Verdict.REJECTED, reason)
        refusal = self._envelope(session, recipient)
        if refusal is not None:
            verdict = Verdict.REJECTED if refusal.verdict is Verdict.REJECTED else Verdict.DEFERRED
            return Outcome(delivery_id, verdict, str(refusal))
        self._used += 1
        reply = self._hand_over(session, content)
        if reply is None:
            return Outcome(delivery_id, Verdict.UNCERTAIN, "handed over, then the connection was lost")
        if reply.code == 421 or reply.verdict is Verdict.UNCERTAIN:
            self._drop()
        found = _QUEUE_ID.search(reply.text) if reply.verdict is Verdict.ACCEPTED else None
        return Outcome(delivery_id, reply.verdict, str(reply), found[1] if found else "")

    def _envelope(self, session: smtplib.SMTP, recipient: str) -> Reply | None:
        """MAIL, RCPT and DATA; the reply that refused one of them, or None when the message may follow."""
        # RFC 6531, 3.4: a server that offers SMTPUTF8 offers 8BITMIME, and wants to be told of both.
        extended = "" if recipient.isascii() else " BODY=8BITMIME SMTPUTF8"
        commands = [f"MAIL FROM:<{self._provider.sender}>{extended}", f"RCPT TO:<{recipient}>", "DATA"]
        replies: list[Reply] = []
        try:
            for reply in exchange(session, commands):
                replies.append(reply)
        except BrokenOffError:
            if all(reply.positive for reply in replies):
                raise
            self._drop()
        mail = replies[0]
        if mail.code >= 500 and (not extended or mail.code in _NOT_LOGGED_IN):
            self._drop()
            raise self._provider.sender_refused(mail)
        refusal = next((reply for reply in replies if not reply.positive), None)
        if refusal is None:
            return None
        if refusal.code in _NOT_LOGGED_IN:
            self._drop()
            raise self._provider.sender_refused(refusal)
        if self._session is not None:
            self._clear(session, replies)
        return refusal

    def _clear(self, session: smtplib.SMTP, replies: list[Reply]) -> None:
        """Leave a refused transaction so that the next one can begin."""
        try:
            if len(replies) == 3 and replies[2].positive:
                # RFC 2920, 3.1: DATA may be taken although every recipient was refused; a dot ends it.
                ask(session, ".")
            ask(session, "RSET")
        except BrokenOffError:
            self._drop()

    def _hand_over(self, session: smtplib.SMTP, content: bytes) -> Reply | None:
        """Send the message with its dot; the reply to it, or None when that was lost."""
        try:
            session.send(content)
        except smtplib.SMTPServerDisconnected as error:
            raise BrokenOffError("the connection was lost within the message") from error
        try:
            return Reply.read(session)
        except OSError:
            self._drop()
            return None


def _own_name(sender: str) -> str:
    """The name for EHLO (RFC 5321, 4.1.4): this host's, or the sender's domain if that is no full name.

    Not `socket.getfqdn`, which may ask the network and wait for it.
    """
    name = socket.gethostname()
    return name if "." in name else sender.rpartition("@")[2]
