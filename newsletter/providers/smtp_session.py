"""How a connection to an SMTP server begins: greeting, EHLO, encryption, login."""

from __future__ import annotations

import smtplib
import socket
import ssl
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.errors import ConfigError, CredentialsError, ProviderError
from newsletter.providers.smtp_dialogue import Line, cause_of
from newsletter.providers.smtp_replies import Reply, one_line

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

    from newsletter.config import SmtpSettings


@dataclass(frozen=True)
class Login:
    """A name and a password for AUTH."""

    username: str
    password: SecretStr


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """What verifies certificates and host names: the system's authorities, or only those in *ca_file*.

    Raises:
        ConfigError: the file is not there, or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except OSError as error:
        reason = "no certificate is in it" if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigError(
            f"the certificates cannot be read: {reason}",
            where=str(ca_file),
            hint="correct `ca_file` under `[smtp]`; it is a file of certificates in PEM",
        ) from error


class Doorway:
    """Opens connections to the server; *sender* gives the name for EHLO if the host has none."""

    def __init__(
        self, settings: SmtpSettings, sender: str, login: Login | None, tls: ssl.SSLContext | None
    ) -> None:
        self._settings = settings
        self._name = _own_name(sender)
        self._login = login
        self._tls = tls

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{self._settings.host}:{self._settings.port}"

    def open(self) -> Line:
        """A connection that is ready for MAIL.

        Raises:
            ProviderError: the server cannot be reached or used, or (CredentialsError) refuses the login.
        """
        try:
            session = self._greeted()
        except smtplib.SMTPResponseException as error:
            raise self.refusal(Reply(error.smtp_code, one_line(error.smtp_error))) from error
        except ssl.SSLError as error:
            raise self._distrust(error) from error
        except (OSError, UnicodeError) as error:
            raise self._error(f"the server does not answer: {cause_of(error)}") from error
        try:
            return self._prepare(session)
        except BaseException:
            session.close()
            raise

    def _greeted(self) -> smtplib.SMTP:
        settings = self._settings
        if settings.tls == "implicit":
            return smtplib.SMTP_SSL(
                settings.host, settings.port, self._name, timeout=settings.timeout, context=self._tls
            )
        return smtplib.SMTP(settings.host, settings.port, self._name, timeout=settings.timeout)

    def _prepare(self, session: smtplib.SMTP) -> Line:
        """EHLO, STARTTLS and AUTH, as far as they are asked for; the line that is ready then."""
        try:
            if session.sock is not None:
                session.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session.ehlo_or_helo_if_needed()
            if self._settings.tls == "starttls":
                session.starttls(context=self._tls)
                session.ehlo_or_helo_if_needed()
            if self._login:
                self._authenticate(session, self._login)
            return Line(session)
        except smtplib.SMTPResponseException as error:
            raise self.refusal(Reply(error.smtp_code, one_line(error.smtp_error))) from error
        except ssl.SSLError as error:
            raise self._distrust(error) from error
        except OSError as error:
            raise self._error(f"the server cannot be used: {cause_of(error)}") from error

    def _authenticate(self, session: smtplib.SMTP, login: Login) -> None:
        """AUTH with PLAIN (RFC 4616) or, where that is not offered, LOGIN; both in UTF-8.

        Raises:
            CredentialsError: the server refuses the login, or offers neither.
        """
        offered = session.esmtp_features.get("auth", "").upper().split()
        name, password = login.username, login.password.get_secret_value()
        if "PLAIN" in offered:
            code, text = session.docmd("AUTH", f"PLAIN {_base64(f'{chr(0)}{name}{chr(0)}{password}')}")
        elif "LOGIN" in offered:
            code, text = session.docmd("AUTH", "LOGIN")
            for answer in (name, password):
                if code == 334:
                    code, text = session.docmd(_base64(answer))
        else:
            raise CredentialsError(
                "the server offers no login that we know, PLAIN or LOGIN",
                where=f"smtp {self.place}",
                hint=_LOGIN_NOT_OFFERED,
            )
        reply = Reply(code, one_line(text))
        if reply.positive:
            return
        if 400 <= code <= 499:  # RFC 4954, section 6: 454 is a failure of the moment
            raise self.refusal(reply)
        raise CredentialsError(
            f"the server refuses the login: {reply}",
            where=f"smtp {self.place}",
            hint="check username and password_file under `[smtp]`",
        )

    def _error(self, what: str) -> ProviderError:
        hint = "check host, port and tls under `[smtp]` in newsletter.toml"
        return ProviderError(what, where=f"smtp {self.place}", hint=hint)

    def _distrust(self, error: ssl.SSLError) -> ProviderError:
        what, hint = str(error.reason), "check host, port and tls under `[smtp]` in newsletter.toml"
        if isinstance(error, ssl.SSLCertVerificationError):
            what = error.verify_message
            hint = (
                "set `host` under `[smtp]` to a name that the certificate has"
                if "mismatch" in what
                else "if an authority of your own vouches for the server, name the file of its certificate:"
                ' `ca_file = "ca.pem"` under `[smtp]`'
            )
        return ProviderError(
            f"the server's encryption is not to be trusted: {what}", where=f"smtp {self.place}", hint=hint
        )

    def refusal(self, reply: Reply) -> ProviderError:
        """The error for a server that does not work with us."""
        if reply.about_login:
            return CredentialsError(
                f"the server wants a login: {reply}",
                where=f"smtp {self.place}",
                hint="set username and password_file under `[smtp]`",
            )
        return self._error(f"the server refuses to work: {reply}")

    def sender_refused(self, reply: Reply, sender: str) -> ProviderError:
        """The error for a server that takes no mail from *sender* at all, whoever it is for."""
        if reply.about_login:
            return self.refusal(reply)
        return ProviderError(
            f"the server takes no mail from {sender}: {reply}",
            where=f"smtp {self.place}",
            hint="check `from` in newsletter.toml, and what the server allows",
        )


_LOGIN_NOT_OFFERED = (
    'many servers offer it over TLS only: set `tls = "starttls"` under `[smtp]`, or leave out `username`'
)


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode("ascii")


def _own_name(sender: str) -> str:
    """The name for EHLO (RFC 5321, 4.1.4): this host's, or the sender's domain if that is no full name.

    Not `socket.getfqdn`, which may ask the network and wait for it.
    """
    name = socket.gethostname()
    return name if "." in name else sender.rpartition("@")[2]
