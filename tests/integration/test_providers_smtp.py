"""SMTP with servers that behave: the very bytes, many messages over few connections, addresses of all scripts."""

from __future__ import annotations

import email
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from email import policy
from typing import TYPE_CHECKING

import pytest
from fakes.editions import ENVELOPE, edition, message, messages
from fakes.smtp import HANG_UP, Mailbox, real_smtp_server, smtp_server
from fakes.smtp_client import once, provider, send, verdicts

from newsletter.messages import Composer, Recipient
from newsletter.messages.return_path import ReturnPath
from newsletter.providers import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator


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


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_window_over_a_slow_server_ends_while_its_worker_is_believed_to_live(pipelining: bool) -> None:
    """Else another takes the worker for dead, and all of the window are in doubt; nobody's tries are counted."""
    seconds = iter(range(0, 10_000, 140))
    with smtp_server(pipelining=pipelining) as server, provider(server.port).connect() as connection:
        connection.clock = lambda: float(next(seconds))
        first = list(connection.send(messages(6)))
        later = [each for each, outcome in zip(messages(6), first, strict=True) if outcome.wait]
        second = list(connection.send(later))

    assert [outcome.verdict for outcome in first] == [Verdict.ACCEPTED] * 2 + [Verdict.POSTPONED] * 4
    assert "the server is slow" in first[-1].reason
    assert Verdict.ACCEPTED in {outcome.verdict for outcome in second}


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
