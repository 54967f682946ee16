"""SMTP encrypted and with a login: whom we believe, and what is told if that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from fakes.certificates import self_signed
from fakes.editions import messages
from fakes.smtp import Mailbox, real_smtp_server, smtp_server
from fakes.smtp_client import once, provider, send, verdicts
from pydantic import SecretStr

from newsletter.errors import ConfigError, CredentialsError, ProviderError
from newsletter.providers import Verdict
from newsletter.providers.smtp import Login
from newsletter.providers.smtp_session import trust as trust_file

if TYPE_CHECKING:
    from pathlib import Path


def test_starttls_is_insisted_on() -> None:
    with smtp_server() as server, pytest.raises(ProviderError, match="STARTTLS extension not supported"):
        send(provider(server.port, tls="starttls"), messages(1))


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_messages_travel_encrypted(tls: str, tmp_path: Path) -> None:
    server_side, trust = self_signed(tmp_path)
    box = Mailbox()
    starttls = {"tls_context": server_side, "require_starttls": True}
    options = {"implicit_tls": server_side} if tls == "implicit" else starttls
    with real_smtp_server(box, **options) as port:
        outcomes = send(provider(port, tls=tls, trust=trust), messages(2))

    assert verdicts(outcomes) == [Verdict.ACCEPTED] * 2
    assert len(box.mail) == 2


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_that_nobody_vouches_for_is_refused(tls: str, tmp_path: Path) -> None:
    server_side, _ = self_signed(tmp_path)
    box = Mailbox()
    options = {"implicit_tls": server_side} if tls == "implicit" else {"tls_context": server_side}
    with (
        real_smtp_server(box, **options) as port,
        pytest.raises(ProviderError, match="encryption is not to be trusted"),
    ):
        send(provider(port, tls=tls), messages(1))

    assert box.mail == []


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_an_authority_of_ones_own_is_believed_when_it_is_named(tls: str, tmp_path: Path) -> None:
    """And the error without it says how to name it."""
    server_side, _ = self_signed(tmp_path)
    box = Mailbox()
    options = {"implicit_tls": server_side} if tls == "implicit" else {"tls_context": server_side}
    with real_smtp_server(box, **options) as port:
        with pytest.raises(ProviderError, match="self-signed certificate") as caught:
            send(provider(port, tls=tls), messages(1))
        outcomes = send(provider(port, tls=tls, trust=trust_file(tmp_path / "server.pem")), messages(1))

    assert "ca_file" in caught.value.hint
    assert verdicts(outcomes) == [Verdict.ACCEPTED]


def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    server_side, trust = self_signed(tmp_path)
    with (
        real_smtp_server(Mailbox(), implicit_tls=server_side) as port,
        pytest.raises(ProviderError, match="not to be trusted") as caught,
    ):
        send(provider(port, tls="implicit", trust=trust, host="localhost"), messages(1))

    assert "name that the certificate has" in caught.value.hint


def test_a_file_of_authorities_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")

    with pytest.raises(ConfigError, match="no certificate is in it"):
        trust_file(tmp_path / "empty.pem")
    with pytest.raises(ConfigError, match="No such file"):
        trust_file(tmp_path / "missing.pem")


def authenticator(
    server: object, session: object, envelope: object, mechanism: str, data: LoginPassword
) -> AuthResult:
    return AuthResult(success=data.password == "geheim-ß".encode(), handled=False)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize(("password", "good"), [("geheim-ß", True), ("wrong", False)])
@pytest.mark.parametrize("excluded", ["LOGIN", "PLAIN"])
def test_a_login_is_used_and_a_wrong_one_named(password: str, good: bool, excluded: str) -> None:
    """With PLAIN or, where the server does not offer it, LOGIN; in UTF-8."""
    options = {"authenticator": authenticator, "auth_require_tls": False, "auth_required": True}
    options["auth_exclude_mechanism"] = [excluded]
    with real_smtp_server(Mailbox(), **options) as port:
        to = provider(port, Login("press", SecretStr(password)))
        if good:
            assert verdicts(send(to, messages(1))) == [Verdict.ACCEPTED]
        else:
            with pytest.raises(CredentialsError, match="refuses the login: 535"):
                send(to, messages(1))


def test_a_server_without_a_login_that_we_know_is_told() -> None:
    with (
        smtp_server(offers=["AUTH GSSAPI"]) as server,
        pytest.raises(CredentialsError, match="no login that we know"),
    ):
        send(provider(server.port, Login("press", SecretStr("x"))), messages(1))


def test_what_was_offered_in_the_clear_is_forgotten_once_encrypted(tmp_path: Path) -> None:
    """RFC 3207, 4.2: PIPELINING is used only where the encrypted server offers it, too."""
    certificate, trust = self_signed(tmp_path)

    def refuse(step: str, _: str) -> str | None:
        return "550 5.1.1 no" if step == "RCPT" else None

    with smtp_server(refuse, tls=certificate, offers_encrypted=["8BITMIME"]) as server:
        outcomes = send(provider(server.port, tls="starttls", trust=trust), messages(1))

    assert verdicts(outcomes) == [Verdict.REJECTED]
    assert "DATA" not in server.commands


def test_what_somebody_says_in_the_clear_behind_starttls_counts_for_nothing(tmp_path: Path) -> None:
    """Said by whoever sits in between, it would be taken for what the server says encrypted (CVE-2011-0411)."""
    certificate, trust = self_signed(tmp_path)
    injected = "220 go on\r\n250-evil\r\n250-PIPELINING\r\n250 SIZE 10"
    with smtp_server(once("STARTTLS", injected), tls=certificate, offers_encrypted=["8BITMIME"]) as server:
        outcomes = send(provider(server.port, tls="starttls", trust=trust), messages(2))

    assert verdicts(outcomes) == [Verdict.ACCEPTED] * 2


def test_pipelining_works_encrypted(tmp_path: Path) -> None:
    certificate, trust = self_signed(tmp_path)
    sent = messages(5)
    with smtp_server(tls=certificate, curious=[each.email for each in sent[:-1]]) as server:
        outcomes = send(provider(server.port, tls="starttls", trust=trust), sent)

    assert verdicts(outcomes) == [Verdict.ACCEPTED] * 5
    assert [content for _, content in server.messages] == [each.as_bytes() for each in sent]
