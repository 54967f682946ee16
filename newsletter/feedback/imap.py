"""Bounces in a mailbox of an IMAP server (RFC 9051), over TLS: each is marked as seen once it is kept."""

from __future__ import annotations

import imaplib
import ssl
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from newsletter.errors import ConfigError, CredentialsError, NewsletterError
from newsletter.feedback.sources import LONGEST, Letter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from newsletter.config import BouncesSettings, Publication


@contextmanager
def imap_letters(publication: Publication) -> Iterator[Iterator[Letter]]:
    """The messages of ``[bounces]`` that nobody has seen.

    Raises:
        ConfigError: no server or no password is set.
        CredentialsError: the server refuses them.
        NewsletterError: it cannot be reached or trusted, or what it says is no IMAP.
    """
    settings = publication.settings.bounces
    if settings.imap_host is None:
        raise ConfigError(
            "there is no IMAP server to read",
            where="bounces.imap_host",
            hint='set `imap_host = "imap.example.com"` under `[bounces]`',
        )
    password = publication.secret(
        settings.password_file, "NEWSLETTER_IMAP_PASSWORD", what="the password of the bounce mailbox"
    )
    where = f"{settings.imap_host}:{settings.imap_port}"
    ca_file = str(publication.root / settings.ca_file) if settings.ca_file else None
    try:
        with _connected(settings, ca_file) as server:
            _log_in(server, settings, password.get_secret_value(), where)
            yield _unseen(server, where)
    except (OSError, imaplib.IMAP4.error) as error:
        raise NewsletterError(
            f"the mailbox cannot be read: {error}",
            where=where,
            hint="what was read so far is kept; check `[bounces]` in newsletter.toml, and run it again",
        ) from error


@contextmanager
def _connected(settings: BouncesSettings, ca_file: str | None) -> Iterator[imaplib.IMAP4_SSL]:
    """A connection over TLS; certificate and host name are verified."""
    trust = ssl.create_default_context(cafile=ca_file)
    server = imaplib.IMAP4_SSL(
        settings.imap_host or "", settings.imap_port, ssl_context=trust, timeout=settings.timeout
    )
    try:
        yield server
    finally:
        with suppress(OSError, imaplib.IMAP4.error):
            server.logout()
        with suppress(OSError):
            server.shutdown()  # a logout that fails leaves the connection open


def _log_in(server: imaplib.IMAP4_SSL, settings: BouncesSettings, password: str, where: str) -> None:
    try:
        server.login(settings.username, password)
    except imaplib.IMAP4.error as error:
        raise CredentialsError(
            f"the mailbox refuses the password: {_said(error.args)}",
            where=where,
            hint="check `username` and `password_file` under `[bounces]`",
        ) from error
    quoted = settings.mailbox.replace("\\", "\\\\").replace('"', '\\"')
    answer, said = server.select(f'"{quoted}"')
    if answer != "OK":
        raise ConfigError(
            f"there is no such mailbox: {_said(said)}", where="bounces.mailbox", hint="correct `mailbox`"
        )


def _unseen(server: imaplib.IMAP4_SSL, where: str) -> Iterator[Letter]:
    answer, found = server.uid("SEARCH", "UNSEEN")
    if answer != "OK":
        raise NewsletterError(f"the server does not search: {_said(found)}", where=where)
    for uid in (found[0] or b"").split():
        # PEEK leaves it unseen; the range keeps a huge one out of memory.
        answer, parts = server.uid("FETCH", uid.decode("ascii"), f"(BODY.PEEK[]<0.{LONGEST}>)")
        raw = next((part[1] for part in parts if isinstance(part, tuple)), None)
        if answer == "OK" and raw is not None:
            yield Letter(raw, _seen(server, uid.decode("ascii"), where))


def _seen(server: imaplib.IMAP4_SSL, uid: str, where: str) -> Callable[[], None]:
    def mark() -> None:
        answer, said = server.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)")
        if answer != "OK":
            raise NewsletterError(f"a message cannot be marked as seen: {_said(said)}", where=where)

    return mark


def _said(parts: object) -> str:
    words = parts if isinstance(parts, list | tuple) else [parts]
    return " ".join(
        word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word) for word in words if word
    )[:200]
