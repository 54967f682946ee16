"""What accepts messages: the outbox, an SMTP server, SendGrid; chosen by ``[delivery] provider``."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from newsletter.config import split_mailbox
from newsletter.errors import ConfigError, did_you_mean
from newsletter.messages.headers import ascii_address
from newsletter.providers.base import Connection, Outcome, Provider, Rehearsable, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.config import Publication

__all__ = ["PROVIDERS", "Connection", "Outcome", "Provider", "Rehearsable", "Verdict", "make_provider"]

#: The words of ``[delivery] provider``.
PROVIDERS = ("outbox", "smtp", "sendgrid")


def make_provider(name: str, publication: Publication) -> Provider:
    """The provider of that name, set up as the publication says; nothing is connected yet.

    Raises:
        ConfigError: there is no such provider, or a secret that it needs is missing.
    """
    makers = {"outbox": _outbox, "smtp": _smtp, "sendgrid": _sendgrid}
    if name not in makers:
        raise ConfigError(
            f"`{name}` is no provider", where="delivery.provider", hint=did_you_mean(name, PROVIDERS)
        )
    return makers[name](publication)


def _outbox(publication: Publication) -> Provider:
    from newsletter.providers.outbox import OutboxProvider

    return OutboxProvider(publication.outbox)


def _smtp(publication: Publication) -> Provider:
    from newsletter.providers.smtp import Login, SmtpProvider
    from newsletter.providers.smtp_session import trust

    settings = publication.settings.smtp
    login = None
    if settings.username:
        if settings.tls == "none" and not _is_this_machine(settings.host):
            raise ConfigError(
                "a password would travel unencrypted",
                where="smtp.tls",
                hint='set `tls = "starttls"` or `tls = "implicit"` under `[smtp]`',
            )
        secret = publication.secret(
            settings.password_file, "NEWSLETTER_SMTP_PASSWORD", what="the password for SMTP"
        )
        login = Login(settings.username, secret)
    sender = split_mailbox(publication.settings.publication.sender)[1]
    tls = trust(publication.root / settings.ca_file) if settings.ca_file else None
    return SmtpProvider(settings, sender=sender, login=login, tls=tls, sign=_signer(publication, sender))


def _signer(publication: Publication, sender: str) -> Callable[[bytes], bytes] | None:
    settings = publication.settings.smtp.dkim
    if settings is None:
        return None
    # Only who signs pays for importing cryptography.
    from newsletter.messages.dkim import DkimSigner, read_key

    domain = settings.domain or ascii_address(sender).rpartition("@")[2]
    return DkimSigner(domain, settings.selector, read_key(publication.root / settings.key_file)).sign


def _sendgrid(publication: Publication) -> Provider:
    # Only who uses SendGrid pays for importing it: 0.2 s.
    from newsletter.providers.sendgrid import SendgridProvider

    settings = publication.settings.sendgrid
    place = urlsplit(settings.base)
    if place.scheme != "https" and not _is_this_machine(place.hostname or ""):
        raise ConfigError(
            "the API key would travel unencrypted",
            where="sendgrid.host",
            hint="write `https://`, or leave `host` out",
        )
    key = publication.secret(settings.api_key_file, "SENDGRID_API_KEY", what="the API key of SendGrid")
    return SendgridProvider(settings, key=key)


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
