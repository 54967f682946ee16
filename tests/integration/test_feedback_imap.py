"""A bounce mailbox on an IMAP server: over TLS that is verified, each message once, whatever breaks."""

from __future__ import annotations

from contextlib import suppress

import pytest
from fakes import bounced
from fakes.certificates import self_signed
from fakes.dispatching import fill, plan, run
from fakes.feedback import ids
from fakes.imap import PASSWORD, USER, imap
from fakes.providers import ScriptedProvider
from sqlalchemy import select

from newsletter.config import BouncesSettings, Publication, PublicationSettings, Settings
from newsletter.errors import ConfigError, CredentialsError, NewsletterError
from newsletter.feedback.bounces import Reader, Tally
from newsletter.feedback.consequences import Rules
from newsletter.feedback.imap import imap_letters
from newsletter.messages.return_path import ReturnPath
from subscribers import Tokens
from subscribers.engagement import EVENT
from subscribers.tables import CONSENT_EVENT

PATH = ReturnPath("bounce@bounces.example.com", [b"a key of bounces"])


@pytest.fixture
def box(sqlite_engine, tmp_path):
    fill(sqlite_engine, 2)
    provider = ScriptedProvider()
    plan(sqlite_engine, provider)
    run(sqlite_engine, provider)
    letters = [
        bounced.dsn(PATH.address(name), "", recipient=email) for email, name in ids(sqlite_engine).items()
    ]
    server, _ = self_signed(tmp_path)
    (tmp_path / "password").write_text(PASSWORD, encoding="utf-8")
    with imap(server, letters) as running:
        yield running


def publication(tmp_path, box, **changes):
    said = {"name": "Notes", "from": "Notes <notes@example.com>"}
    mailbox = {
        "imap_host": "127.0.0.1",
        "imap_port": box.port,
        "username": USER,
        "password_file": "password",
        "ca_file": "server.pem",
        **changes,
    }
    bounces = BouncesSettings(**mailbox)
    return Publication(tmp_path, Settings(publication=PublicationSettings(**said), bounces=bounces))


def read(engine, publication) -> Tally:
    with imap_letters(publication) as letters:
        return Reader(engine, Rules(), Tokens(engine), PATH).read(letters)


def test_each_message_is_read_and_then_seen(sqlite_engine, tmp_path, box):
    assert read(sqlite_engine, publication(tmp_path, box)).effects == {"bounced": 2}
    assert box.seen == {7, 8}
    assert read(sqlite_engine, publication(tmp_path, box)).read == 0


@pytest.mark.parametrize("breaks_at", range(1, 10))
def test_a_line_that_breaks_anywhere_loses_and_doubles_nothing(sqlite_engine, tmp_path, box, breaks_at):
    box.breaks_at = breaks_at
    with suppress(NewsletterError):
        read(sqlite_engine, publication(tmp_path, box))
    read(sqlite_engine, publication(tmp_path, box))

    assert box.seen == {7, 8}
    with sqlite_engine.connect() as connection:
        assert connection.scalars(select(EVENT.c.kind)).all() == ["bounced"] * 2
        assert connection.scalars(select(CONSENT_EVENT.c.kind)).all() == ["bounced"] * 2


def test_a_certificate_that_nobody_vouches_for_is_refused(sqlite_engine, tmp_path, box):
    with pytest.raises(NewsletterError, match="certificate verify failed"):
        read(sqlite_engine, publication(tmp_path, box, ca_file=None))
    assert box.seen == set()


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"imap_host": None}, ConfigError, "no IMAP server"),
        ({"username": "else"}, CredentialsError, "refuses the password"),
        ({"mailbox": "Nowhere"}, ConfigError, "no such mailbox"),
        ({"password_file": None}, ConfigError, "is not set"),
    ],
)
def test_what_is_not_set_right_is_told(sqlite_engine, tmp_path, box, changes, error, words):
    with pytest.raises(error, match=words):
        read(sqlite_engine, publication(tmp_path, box, **changes))
