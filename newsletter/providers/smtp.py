"""The provider that speaks SMTP (RFC 5321) to a server or relay: one message, one recipient, one transaction.

What decides between *deferred* and *uncertain* is the dot that ends the message. Until it has left, nothing
was handed over (RFC 5321, 4.1.1.4), and whatever goes wrong may be tried again. Once it has left, only the
server's reply tells; without that reply nobody knows (RFC 1047).
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from newsletter.messages.headers import ascii_address
from newsletter.providers.smtp_connection import SmtpConnection, Terms
from newsletter.providers.smtp_domains import Domains
from newsletter.providers.smtp_pool import Pool
from newsletter.providers.smtp_session import Doorway, Login, trust

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from newsletter.config import SmtpSettings
    from newsletter.errors import ProviderError
    from newsletter.messages.message import Message
    from newsletter.providers.smtp_dialogue import Line
    from newsletter.providers.smtp_replies import Reply

__all__ = ["Login", "SmtpProvider"]


class SmtpProvider:
    """A server or relay as ``[smtp]`` describes it.

    Args:
        settings: the section.
        sender: the address of the envelope, where a message has no return path of its own.
        login: for AUTH, if the server wants one.
        tls: what verifies certificates; by default the system's authorities.
        sign: gives the signature field for the bytes of a message, if it is signed here.
    """

    name = "smtp"
    idempotent = False
    smtputf8 = True

    def __init__(
        self,
        settings: SmtpSettings,
        *,
        sender: str,
        login: Login | None = None,
        tls: ssl.SSLContext | None = None,
        sign: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self.settings = settings
        self.sender = ascii_address(sender)
        self.domains = Domains(settings.domains)
        self.login = login
        if tls is not None:
            self.tls = tls
        self._pool = Pool(self._open, settings.connections, settings.recycle_after, settings.recycle_age)
        self._terms = Terms(self._pool, self._return_path, sign, self._sender_refused, self.domains)

    @cached_property
    def window(self) -> int:
        """How many messages a worker may leave in doubt after a crash."""
        return self.settings.window

    @cached_property
    def batch_size(self) -> int:
        """Some windows: small, so that a short list is spread over all connections."""
        return min(3 * self.settings.window, 1000)

    @cached_property
    def concurrency(self) -> int:
        """More workers than connections: while some write the ledger, the others hand over."""
        return self.settings.connections + self.settings.connections // 2

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Certificates and host names are verified; made once, as it takes longer than a connection."""
        return trust(None)

    @cached_property
    def _doorway(self) -> Doorway:
        tls = self.tls if self.settings.tls != "none" else None
        return Doorway(self.settings, self.sender, self.login, tls)

    def describe(self) -> str:
        """Where messages go, for people."""
        return f"smtp at {self._doorway.place}"

    @contextmanager
    def connect(self, dispatch: str = "test") -> Iterator[SmtpConnection]:  # noqa: ARG002 - SMTP has no use for it
        """Join the pool of connections, which are encrypted and logged in as the settings say.

        Raises:
            ProviderError: the server cannot be reached, or (CredentialsError) refuses the login.
        """
        connection = SmtpConnection(self._terms)
        self._pool.join()
        try:
            connection.open()
            connection.close()
            yield connection
        finally:
            self._pool.leave()

    def _sender_refused(self, reply: Reply) -> ProviderError:
        return self._doorway.sender_refused(reply, self.sender)

    def _open(self) -> Line:
        return self._doorway.open()

    def _return_path(self, message: Message) -> str:
        return message.return_path or self.sender
