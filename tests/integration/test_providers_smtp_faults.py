"""SMTP with servers that refuse, hang up or fall silent: what becomes of each message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakes.editions import message, messages
from fakes.smtp import HANG_UP, SILENCE, smtp_server
from fakes.smtp_client import once, provider, send, verdicts
from ports import kept_port

from newsletter.errors import CredentialsError, ProviderError
from newsletter.providers import Outcome, Verdict

if TYPE_CHECKING:
    pass


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


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("step", "reply"),
    [
        ("DATA", "354 go on\r\n250 queued as Q0"),  # taken before it was there
        ("DATA", "354 go on\r\n550 5.1.1 no such user"),  # refused before anything of it was said
        ("DATA", "250 queued as Q0"),
        ("RCPT", "250 ok\r\n250 ok"),
        ("RCPT", "354 go on"),
    ],
)
def test_a_server_that_answers_out_of_step_is_left_before_the_message(
    step: str, reply: str, pipelining: bool
) -> None:
    """One reply too many, and each message would get the answer to the one before it."""
    with smtp_server(once(step, reply), pipelining=pipelining) as server:
        outcomes = send(provider(server.port), messages(3))

    assert verdicts(outcomes) == [Verdict.ACCEPTED] * 3
    assert {outcome.provider_id for outcome in outcomes.values()} == {"Q1"}
    assert server.taken == {f"reader{number}@example.com": 1 for number in (1, 2, 3)}
    assert server.connections == 2


def test_a_server_that_is_always_out_of_step_takes_nothing() -> None:
    with smtp_server(lambda step, _: "250 queued as Q0" if step == "DATA" else None) as server:
        outcomes = send(provider(server.port), messages(2))

    assert verdicts(outcomes) == [Verdict.DEFERRED] * 2
    assert not server.messages


@pytest.mark.parametrize(
    ("reply", "verdict", "tries"),
    [
        ("552 5.3.4 too big for us", Verdict.REJECTED, 1),
        ("451 4.3.0 not now", Verdict.DEFERRED, 1),
        ("250 queued as Q0", Verdict.DEFERRED, 2),  # nobody can have taken what had not left
    ],
)
def test_a_server_that_hangs_up_within_a_message_may_say_why(
    reply: str, verdict: Verdict, tries: int
) -> None:
    """The message was said again and again, and its recipient told of as one whose connection was lost."""
    large = message("reader1@example.com", "d1", "x" * 70 + "\n" + "word " * 1_200_000)
    with smtp_server(lambda step, _: reply if step == "body" else None) as server:
        outcomes = send(provider(server.port), [large])

    assert verdicts(outcomes) == [verdict]
    assert (outcomes["d1"].reason == reply) is (tries == 1)
    assert server.connections == tries
    assert not server.messages


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
        outcomes = send(provider(server.port, timeout=2), messages(2))

        assert verdicts(outcomes) == [Verdict.UNCERTAIN, Verdict.ACCEPTED]
        told = "handed over, then no answer came: the server does not answer: no answer in time"
        assert outcomes["d1"].reason == told


def test_an_answer_after_the_dot_that_is_none_leaves_doubt_and_is_told_as_it_was() -> None:
    with smtp_server(once(".", "Thank you!")) as server:
        outcomes = send(provider(server.port), messages(2))

    assert verdicts(outcomes) == [Verdict.UNCERTAIN, Verdict.ACCEPTED]
    assert outcomes["d1"].reason == "no reply of SMTP: Thank you!"


def test_silence_before_the_dot_leaves_none() -> None:
    with smtp_server(once("MAIL", SILENCE)) as server:
        outcomes = send(provider(server.port, timeout=2), messages(1))

        assert verdicts(outcomes) == [Verdict.ACCEPTED]


def test_421_to_the_message_defers_it_and_replaces_the_connection() -> None:
    with smtp_server(once(".", "421 4.3.2 going down")) as server:
        outcomes = send(provider(server.port), messages(2))

    assert verdicts(outcomes) == [Verdict.DEFERRED, Verdict.ACCEPTED]
    assert server.connections == 2


def test_no_server_is_an_error_with_the_place() -> None:
    with (
        kept_port() as port,
        pytest.raises(ProviderError, match="the server does not answer: Connection refused") as caught,
    ):
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
