"""SMTP against servers that behave, and against servers that do not."""

from __future__ import annotations

import email
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from email import policy
from typing import TYPE_CHECKING

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from fakes.certificates import self_signed
from fakes.editions import ENVELOPE, edition, message, messages
from fakes.smtp import HANG_UP, SILENCE, real_smtp_server, smtp_server
from pydantic import SecretStr

from newsletter.config import SmtpSettings
from newsletter.errors import ConfigError, CredentialsError, ProviderError
from newsletter.messages import Composer, Recipient
from newsletter.messages.return_path import ReturnPath
from newsletter.providers import Outcome, Verdict
from newsletter.providers.smtp import Login, SmtpProvider
from newsletter.providers.smtp_session import trust as trust_file

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from newsletter.messages import Message


def provider(
    port: int, login: Login | None = None, trust: ssl.SSLContext | None = None, **settings: object
) -> SmtpProvider:
    values = {"host": "127.0.0.1", "port": port, "timeout": 5.0, **settings}
    checked = SmtpSettings.model_validate(values)
    return SmtpProvider(checked, sender="news@example.com", login=login, tls=trust)


def send(to: SmtpProvider, batch: Sequence[Message]) -> dict[str, Outcome]:
    with to.connect() as connection:
        return {outcome.delivery_id: outcome for outcome in connection.send(batch)}


def verdicts(outcomes: dict[str, Outcome]) -> list[Verdict]:
    return [outcome.verdict for outcome in outcomes.values()]


def once(step: str, reply: str) -> Callable[[str, str], str | None]:
    """A script that gives *reply* the first time that *step* comes."""
    left = [reply]
    return lambda seen, _: left.pop() if seen == step and left else None


class Mailbox:
    """Keeps what an aiosmtpd server received."""

    def __init__(self) -> None:
        self.mail: list[tuple[str, list[str], bytes]] = []
        #: Of each message, whether it came with SMTPUTF8.
        self.utf8: list[bool] = []

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        self.mail.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        self.utf8.append(bool(envelope.smtp_utf8))
        return f"250 2.0.0 Ok: queued as 4F{len(self.mail)}"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    with real_smtp_server(box) as port:
        yield box, port


def test_a_real_server_gets_the_very_bytes(mailbox: tuple[Mailbox, int]) -> None:
    """Also lines that begin with a dot."""
    box, port = mailbox
    sent = message(text="First\n.\n..second\n. third\n")

    outcomes = send(provider(port), [sent])

    assert box.mail == [("news@example.com", ["ann@example.com"], sent.as_bytes())]
    assert email.message_from_bytes(box.mail[0][2], policy=policy.default)["Message-ID"] == "<d1@example.com>"
    assert outcomes["d1"] == Outcome("d1", Verdict.ACCEPTED, "250 2.0.0 Ok: queued as 4F1", "4F1")


def test_an_international_domain_is_written_as_a_labels(mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox

    send(provider(port), [message("ann@bücher.example")])

    assert box.mail[0][1] == ["ann@xn--bcher-kva.example"]


@pytest.mark.parametrize("pipelining", [True, False])
def test_one_connection_carries_many_messages(pipelining: bool) -> None:
    with smtp_server(pipelining=pipelining) as server:
        outcomes = send(provider(server.port), messages(30))

    assert verdicts(outcomes) == [Verdict.ACCEPTED] * 30
    assert [recipient for recipient, _ in server.messages] == [f"reader{n}@example.com" for n in range(1, 31)]
    assert server.connections == 1


def test_the_next_envelope_leaves_with_the_body() -> None:
    """RFC 2920: the server answers a dot only when it has the next command, and none is waited for in between.

    Nobody is told anything behind the last message, whose reply comes at once.
    """
    sent = messages(5)
    with smtp_server(curious=[each.email for each in sent[:-1]]) as server:
        outcomes = send(provider(server.port), sent)

    assert verdicts(outcomes) == [Verdict.ACCEPTED] * 5
    assert server.connections == 1


@pytest.mark.parametrize("reply", ["550 5.1.1 no", "451 4.3.0 later", "554 5.7.1 spam"])
def test_the_envelope_behind_a_refused_message_stands(reply: str) -> None:
    sent = messages(3)
    with smtp_server(once(".", reply), curious=[each.email for each in sent[:-1]]) as server:
        outcomes = send(provider(server.port), sent)

    assert outcomes["d1"].reason == reply
    assert server.taken == {"reader2@example.com": 1, "reader3@example.com": 1}
    assert sum(command.startswith("MAIL") for command in server.commands) == 3


def test_what_follows_a_lost_message_is_begun_anew() -> None:
    """Its envelope was said already, its body was not: nobody is in doubt but the one whose dot was said."""
    with smtp_server(once(".", HANG_UP), curious=["reader1@example.com"]) as server:
        outcomes = send(provider(server.port), messages(3))

    assert verdicts(outcomes) == [Verdict.UNCERTAIN, Verdict.ACCEPTED, Verdict.ACCEPTED]
    assert max(server.taken.values()) == 1


def test_a_window_left_in_the_middle_closes_its_connection() -> None:
    """What the server would say next must not be taken for the answer to another message."""
    with smtp_server() as server, provider(server.port).connect() as connection:
        sending = connection.send(messages(3))
        assert next(sending).delivery_id == "d1"
        sending.close()
        outcomes = list(connection.send(messages(1)))

    assert [outcome.verdict for outcome in outcomes] == [Verdict.ACCEPTED]
    assert server.connections == 2


def test_what_was_offered_in_the_clear_is_forgotten_once_encrypted(tmp_path: Path) -> None:
    """RFC 3207, 4.2: PIPELINING is used only where the encrypted server offers it, too."""
    certificate, trust = self_signed(tmp_path)

    def refuse(step: str, _: str) -> str | None:
        return "550 5.1.1 no" if step == "RCPT" else None

    with smtp_server(refuse, tls=certificate, offers_encrypted=["8BITMIME"]) as server:
        outcomes = send(provider(server.port, tls="starttls", trust=trust), messages(1))

    assert verdicts(outcomes) == [Verdict.REJECTED]
    assert "DATA" not in server.commands


def test_pipelining_works_encrypted(tmp_path: Path) -> None:
    certificate, trust = self_signed(tmp_path)
    sent = messages(5)
    with smtp_server(tls=certificate, curious=[each.email for each in sent[:-1]]) as server:
        outcomes = send(provider(server.port, tls="starttls", trust=trust), sent)

    assert verdicts(outcomes) == [Verdict.ACCEPTED] * 5
    assert [content for _, content in server.messages] == [each.as_bytes() for each in sent]


def test_a_message_too_large_is_rejected_before_it_is_sent() -> None:
    """RFC 1870: the server told its limit. Whoever comes next gets their message, with its size told."""
    sent = [message(delivery_id="d1", text="x" * 5000), message(delivery_id="d2")]
    with smtp_server(offers=["SIZE 4000"]) as server:
        outcomes = send(provider(server.port), sent)

    assert verdicts(outcomes) == [Verdict.REJECTED, Verdict.ACCEPTED]
    assert "the server takes 4,000 at most" in outcomes["d1"].reason
    assert len(server.messages) == 1
    assert f"MAIL FROM:<news@example.com> SIZE={len(sent[1].as_bytes())}" in server.commands


def test_a_message_that_mail_finds_too_large_says_nothing_of_the_sender() -> None:
    with smtp_server(once("MAIL", "552 5.3.4 too large"), offers=["SIZE"]) as server:
        outcomes = send(provider(server.port), messages(2))

    assert verdicts(outcomes) == [Verdict.REJECTED, Verdict.ACCEPTED]


def test_a_connection_is_replaced_when_it_is_old() -> None:
    with smtp_server() as server:
        outcomes = send(provider(server.port, recycle_age=1e-9), messages(3))

    assert verdicts(outcomes) == [Verdict.ACCEPTED] * 3
    assert server.connections == 4


def test_workers_share_the_connections() -> None:
    """There are more of them, so that some hand over while others write down what came of it."""
    with smtp_server() as server:
        to = provider(server.port, connections=2)
        batches = [[message(f"a{n}@example.com", f"d{n}")] for n in range(20)]
        assert to.concurrency == 3

        def work(_: int) -> None:
            with to.connect() as connection:
                while batches:
                    with suppress(IndexError):
                        list(connection.send(batches.pop()))

        with ThreadPoolExecutor(3) as workers:
            list(workers.map(work, range(3)))

    assert len(server.taken) == 20
    assert server.together <= 2
    assert server.open == 0


def test_a_connection_that_the_server_ended_meanwhile_costs_no_try() -> None:
    """As many servers do after minutes of silence, with 421 or without a word."""
    with smtp_server() as server, provider(server.port).connect() as connection:
        assert len(list(connection.send(messages(1)))) == 1
        server.hang_up()
        outcomes = list(connection.send(messages(3)))

    assert [outcome.verdict for outcome in outcomes] == [Verdict.ACCEPTED] * 3
    assert server.connections == 2
    assert sum(command.startswith("MAIL") for command in server.commands) == 4


@pytest.mark.parametrize("limit", [{"example.com": 1}, {"*": 1}])
def test_a_domain_is_written_to_over_so_many_connections_only(limit: dict[str, int]) -> None:
    """While another connection writes to it, others' messages go first; who never gets a turn is put off."""
    sent = [message("ann@example.com", "d1"), message("bob@example.org", "d2")]
    waits: list[float] = []
    with smtp_server() as server:
        to = provider(server.port, domains=limit)
        assert to.domains.enter("example.com")
        with to.connect() as connection:
            connection.pause = waits.append
            outcomes = {outcome.delivery_id: outcome for outcome in connection.send(sent)}
            to.domains.leave("example.com")
            again = list(connection.send(sent[:1]))

    assert outcomes["d1"].verdict is Verdict.POSTPONED
    assert outcomes["d1"].wait > 0
    assert waits
    assert outcomes["d2"].verdict is Verdict.ACCEPTED
    assert [outcome.verdict for outcome in again] == [Verdict.ACCEPTED]


def test_each_delivery_has_a_return_path_of_its_own() -> None:
    """Only where the publication asks for it; the bounce then names the delivery."""
    bounces = ReturnPath("bounce@bounces.example.com", [b"key"])
    name = "abcdefghijklmnopqrstuvwx"
    composer = Composer(edition(), replace(ENVELOPE, bounces=bounces))
    sent = composer.compose(Recipient("ann@example.com", "", {}, {}), name, 1_775_900_000.0)
    with smtp_server() as server:
        outcomes = send(provider(server.port), [sent])

    assert verdicts(outcomes) == [Verdict.ACCEPTED]
    (command,) = (each for each in server.commands if each.startswith("MAIL"))
    assert bounces.read(command.partition("<")[2].rstrip(">")) == name


def test_a_connection_is_replaced_after_many_messages() -> None:
    with smtp_server() as server:
        outcomes = send(provider(server.port, recycle_after=4), messages(10))

    assert verdicts(outcomes) == [Verdict.ACCEPTED] * 10
    assert server.connections == 3


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("step", "reply", "verdict"),
    [
        ("RCPT", "450 4.2.1 try later", Verdict.DEFERRED),
        ("RCPT", "550 5.1.1 no such user", Verdict.REJECTED),
        ("MAIL", "451 4.3.0 not now", Verdict.DEFERRED),
        ("DATA", "451 4.3.0 not now", Verdict.DEFERRED),
        (".", "452 4.3.1 disk full", Verdict.DEFERRED),
        (".", "554 5.7.1 spam", Verdict.REFUSED),
    ],
)
def test_a_refusal_concerns_one_message_only(
    step: str, reply: str, verdict: Verdict, pipelining: bool
) -> None:
    """The reply is the reason; the next message goes over the same connection."""
    with smtp_server(once(step, reply), pipelining=pipelining) as server:
        outcomes = send(provider(server.port), messages(3))

    assert outcomes["d1"] == Outcome("d1", verdict, reply)
    assert verdicts(outcomes)[1:] == [Verdict.ACCEPTED] * 2
    assert server.connections == 1


def test_a_recipient_refused_while_data_is_taken_gets_an_empty_end() -> None:
    """With pipelining a server may say 354 although it refused the only recipient (RFC 2920, 3.1)."""

    class Careless:
        def __call__(self, step: str, argument: str) -> str | None:
            return "550 5.1.1 no" if step == "RCPT" and "reader1@" in argument else None

    with smtp_server(Careless()) as server:
        outcomes = send(provider(server.port), messages(2))

    assert verdicts(outcomes) == [Verdict.REJECTED, Verdict.ACCEPTED]
    assert [recipient for recipient, content in server.messages if content] == ["reader2@example.com"]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("fault", [HANG_UP, "421 4.3.2 going down"])
def test_a_connection_lost_before_the_dot_is_opened_again(step: str, fault: str, pipelining: bool) -> None:
    """Nothing was handed over, so the same message may be begun again; the server sees its dot once."""
    with smtp_server(once(step, fault), pipelining=pipelining) as server:
        outcomes = send(provider(server.port), messages(2))

    assert verdicts(outcomes) == [Verdict.ACCEPTED] * 2
    assert [recipient for recipient, _ in server.messages] == ["reader1@example.com", "reader2@example.com"]
    assert server.connections == 2


def test_a_message_that_always_loses_the_connection_is_deferred() -> None:
    with smtp_server(
        lambda step, argument: HANG_UP if "reader1@" in argument and step == "RCPT" else None
    ) as server:
        outcomes = send(provider(server.port), messages(2))

    assert verdicts(outcomes) == [Verdict.DEFERRED, Verdict.ACCEPTED]


def test_a_connection_lost_after_the_dot_leaves_doubt() -> None:
    """The server had the whole message, and nobody knows what it did with it: it is not sent again."""
    with smtp_server(once(".", HANG_UP)) as server:
        outcomes = send(provider(server.port), messages(3))

    assert verdicts(outcomes) == [Verdict.UNCERTAIN, Verdict.ACCEPTED, Verdict.ACCEPTED]
    assert [recipient for recipient, _ in server.messages].count("reader1@example.com") == 1


def test_silence_after_the_dot_leaves_doubt() -> None:
    with smtp_server(once(".", SILENCE)) as server:
        outcomes = send(provider(server.port, timeout=0.2), messages(2))

        assert verdicts(outcomes) == [Verdict.UNCERTAIN, Verdict.ACCEPTED]
        assert outcomes["d1"].reason == "handed over, then the connection was lost"


def test_silence_before_the_dot_leaves_none() -> None:
    with smtp_server(once("MAIL", SILENCE)) as server:
        outcomes = send(provider(server.port, timeout=0.2), messages(1))

        assert verdicts(outcomes) == [Verdict.ACCEPTED]


def test_421_to_the_message_defers_it_and_replaces_the_connection() -> None:
    with smtp_server(once(".", "421 4.3.2 going down")) as server:
        outcomes = send(provider(server.port), messages(2))

    assert verdicts(outcomes) == [Verdict.DEFERRED, Verdict.ACCEPTED]
    assert server.connections == 2


def test_no_server_is_an_error_with_the_place() -> None:
    with smtp_server() as server:
        port = server.port

    with pytest.raises(ProviderError, match="the server does not answer: Connection refused") as caught:
        send(provider(port), messages(1))

    assert caught.value.where == f"smtp 127.0.0.1:{port}"
    assert "newsletter.toml" in caught.value.hint


def test_a_server_that_goes_away_stops_the_rest() -> None:
    """What has an outcome keeps it; the rest was not handed over."""
    banners = iter(["220 ready", "554 no more"])

    def script(step: str, argument: str) -> str | None:
        if step == "banner":
            return next(banners)
        return HANG_UP if step == "MAIL" and len(server.messages) == 2 else None

    outcomes: list[Outcome] = []
    with smtp_server(script) as server, provider(server.port).connect() as connection:
        sending = iter(connection.send(messages(5)))
        outcomes += [next(sending), next(sending)]
        with pytest.raises(ProviderError, match="refuses to work: 554 no more"):
            next(sending)

    assert [outcome.verdict for outcome in outcomes] == [Verdict.ACCEPTED] * 2
    assert len(server.messages) == 2


def test_a_sender_refused_for_good_rejects_nobody() -> None:
    """It would be the same for every recipient, so it is trouble of ours."""
    with (
        smtp_server(lambda step, _: "550 5.7.1 not your domain" if step == "MAIL" else None) as server,
        pytest.raises(ProviderError, match=r"takes no mail from news@example.com: 550 5\.7\.1"),
    ):
        send(provider(server.port), messages(1))


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
def test_a_server_that_wants_a_login_rejects_nobody(step: str) -> None:
    with (
        smtp_server(lambda seen, _: "530 5.7.0 Authentication required" if seen == step else None) as server,
        pytest.raises(CredentialsError) as caught,
    ):
        send(provider(server.port), messages(1))

    assert caught.value.exit_code == 3


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


def test_an_address_beyond_ascii_is_rejected_where_smtputf8_is_not_offered() -> None:
    """Nothing is said of it, and whoever comes next gets their message."""
    sent = message("jürgen@example.com", smtputf8=True)
    with smtp_server() as server:
        outcomes = send(provider(server.port), [sent, message(delivery_id="d2")])

    assert verdicts(outcomes) == [Verdict.REJECTED, Verdict.ACCEPTED]
    assert "SMTPUTF8" in outcomes["d1"].reason
    assert "rgen" not in "".join(server.commands)
    assert [recipient for recipient, _ in server.messages] == ["ann@example.com"]


def test_an_address_beyond_ascii_is_mailed_where_smtputf8_is_offered() -> None:
    """RFC 6531: the server is told, and the To field is in UTF-8 (RFC 6532)."""
    box = Mailbox()
    sent = message("jürgen@bücher.example", smtputf8=True)
    with real_smtp_server(box, enable_SMTPUTF8=True) as port:
        outcomes = send(provider(port), [sent, message(delivery_id="d2")])

    assert verdicts(outcomes) == [Verdict.ACCEPTED] * 2
    (_, recipients, content), (_, others, _) = box.mail
    assert recipients == ["jürgen@xn--bcher-kva.example"]
    assert others == ["ann@example.com"]
    assert "\r\nTo: jürgen@xn--bcher-kva.example\r\n".encode() in content
    assert box.utf8 == [True, False]


def test_a_server_that_refuses_one_address_beyond_ascii_takes_the_others() -> None:
    """RFC 6531, 3.5: the refusal of MAIL is about that address, not about the sender."""

    class Strict(Mailbox):
        async def handle_MAIL(self, server, session, envelope, address, options) -> str:
            if "SMTPUTF8" in options:
                return "550 5.6.7 not here"
            envelope.mail_from = address
            return "250 ok"

    box = Strict()
    sent = [message("jürgen@example.com", smtputf8=True), message(delivery_id="d2")]
    with real_smtp_server(box, enable_SMTPUTF8=True) as port:
        outcomes = send(provider(port), sent)

    assert verdicts(outcomes) == [Verdict.REJECTED, Verdict.ACCEPTED]
    assert outcomes["d1"].reason == "550 5.6.7 not here"


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
