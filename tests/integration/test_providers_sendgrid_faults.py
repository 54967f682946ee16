"""What SendGrid may answer, and what may happen on the way: the outcome of each."""

from __future__ import annotations

import logging
import ssl
import time
from contextlib import closing, nullcontext
from email.utils import formatdate
from http.client import HTTPConnection
from random import Random
from typing import TYPE_CHECKING

import pytest
from fakes.certificates import self_signed
from fakes.editions import message, messages
from fakes.proxy import tunnelling_proxy
from fakes.sendgrid import DEAF, HANG_UP, KEY, RESET, SILENCE, Exactly, Refusal, Slowly, sendgrid
from ports import kept_port
from pydantic import SecretStr

from newsletter.config import SendgridSettings
from newsletter.errors import BusyError, CredentialsError, ProviderError, RefusedError
from newsletter.providers import Outcome, Verdict
from newsletter.providers.sendgrid import MOST_REFUSALS, SendgridProvider
from newsletter.providers.sendgrid_answers import RULES, Complaint, Then, rule
from newsletter.providers.sendgrid_wire import DoubtError, UnsentError, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from newsletter.messages import Message


def provider(url: str, key: str = KEY, **settings: object) -> SendgridProvider:
    values = {"host": url, "timeout": 60.0, **settings}
    return SendgridProvider(SendgridSettings(**values), key=SecretStr(key), wait=lambda _: None)


def send(to: SendgridProvider, batch: Sequence[Message]) -> dict[str, Outcome]:
    with to.connect("issue-1") as connection:
        return {outcome.delivery_id: outcome for outcome in connection.send(batch)}


def verdicts(outcomes: dict[str, Outcome]) -> list[Verdict]:
    return [outcomes[name].verdict for name in sorted(outcomes)]


@pytest.mark.parametrize("fault", [500, 502, 503, 504, HANG_UP])
def test_a_request_without_a_clear_answer_leaves_all_its_recipients_in_doubt(fault: object) -> None:
    """There is no idempotency key, so it is not made again."""
    with sendgrid(lambda _: fault) as fake:
        outcomes = send(provider(fake.url), messages(3))

        assert len(fake.posted) == 1
    assert verdicts(outcomes) == [Verdict.UNCERTAIN] * 3


def test_silence_leaves_all_recipients_in_doubt() -> None:
    with sendgrid(lambda _: SILENCE) as fake:
        assert verdicts(send(provider(fake.url, timeout=2), messages(2))) == [Verdict.UNCERTAIN] * 2


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"X-RateLimit-Reset": lambda: str(int(time.time()) + 50)}, 10, 51),
        ({"Retry-After": lambda: "7"}, 7, 8),
        ({"Retry-After": lambda: formatdate(time.time() + 50, usegmt=True)}, 10, 51),
        ({"Retry-After": lambda: "soon"}, 1, 2),
        ({"X-RateLimit-Reset": lambda: "9999999999"}, 60, 61),
        ({}, 1, 2),
    ],
    ids=["reset", "after seconds", "after a date", "no number", "too long", "nothing said"],
)
def test_too_many_requests_say_for_how_long_nobody_is_to_ask(
    headers: dict[str, Callable[[], str]], least: float, most: float
) -> None:
    """It is not waited here, where nothing could end the wait; who was in earlier requests keeps an outcome."""
    refusal = Refusal(429, {name: value() for name, value in headers.items()})
    with sendgrid(lambda number: refusal if number == 2 else None) as fake:
        batch = messages(2)
        again = message("reader1@example.com", "d9")  # an address twice: a request of its own
        outcomes = []
        with provider(fake.url).connect("issue-1") as connection, pytest.raises(BusyError) as caught:
            outcomes.extend(connection.send([*batch, again]))

    assert least <= caught.value.wait <= most
    assert not caught.value.lasting
    assert [outcome.verdict for outcome in outcomes] == [Verdict.ACCEPTED] * 2
    assert "SendGrid takes no more for now: 429" in str(caught.value)


def test_a_request_that_is_too_large_is_halved() -> None:
    with sendgrid(lambda number: 413 if number == 1 else None) as fake:
        assert verdicts(send(provider(fake.url), messages(5))) == [Verdict.ACCEPTED] * 5
        assert fake.sizes == [5, 2, 3]


def test_a_wrong_key_is_a_matter_of_credentials() -> None:
    with sendgrid() as fake, pytest.raises(CredentialsError, match="refuses the API key: 401") as caught:
        send(provider(fake.url, "SG.wrong"), messages(1))

    assert caught.value.exit_code == 3
    assert "wrong" not in str(caught.value).split("401")[0]


def test_a_redirect_is_not_followed() -> None:
    """The library would repeat it as GET, with the key, and call it a success."""
    with sendgrid() as other, sendgrid(lambda _: Refusal(302, {"Location": other.url})) as fake:
        with pytest.raises(ProviderError):
            send(provider(fake.url), messages(1))

        assert (other.connections, len(fake.posted)) == (0, 1)


def test_no_server_is_an_error_before_anything_was_handed_over() -> None:
    with (
        kept_port() as port,
        pytest.raises(ProviderError, match="SendGrid cannot be reached: Connection refused"),
    ):
        send(provider(f"http://127.0.0.1:{port}"), messages(1))


def test_neither_key_nor_body_is_ever_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The library would log both at level DEBUG, and the answer, which may name an address."""
    script = {1: Refusal(400, errors=(("ann@example.com is none", "personalizations.0.to"),))}
    with caplog.at_level(logging.DEBUG), sendgrid(script.get) as fake:
        send(provider(fake.url), [message(), message("bob@example.com", "d2")])

    assert "PAYLOAD" in caplog.text
    assert not any(word in caplog.text for word in (KEY, "ann@", "bob@", "Good morning"))


# --- the table, line by line -----------------------------------------------------------------------------

TABLE: list[tuple[int, Then, Verdict | type[ProviderError]]] = [
    (200, Then.HOLD, RefusedError),
    (201, Then.HOLD, RefusedError),
    (202, Then.ACCEPT, Verdict.ACCEPTED),
    (204, Then.HOLD, RefusedError),
    (301, Then.HOLD, RefusedError),
    (302, Then.HOLD, RefusedError),
    (307, Then.HOLD, RefusedError),
    (308, Then.HOLD, RefusedError),
    (400, Then.PARK, RefusedError),
    (401, Then.KEY, CredentialsError),
    (402, Then.HOLD, RefusedError),
    (403, Then.KEY, CredentialsError),
    (404, Then.HOLD, RefusedError),
    (405, Then.HOLD, RefusedError),
    (406, Then.HOLD, RefusedError),
    (408, Then.DEFER, Verdict.DEFERRED),
    (413, Then.HALVE, Verdict.REJECTED),
    (415, Then.HOLD, RefusedError),
    (429, Then.WAIT, BusyError),
    (500, Then.DOUBT, Verdict.UNCERTAIN),
    (502, Then.DOUBT, Verdict.UNCERTAIN),
    (503, Then.UNAVAILABLE, Verdict.UNCERTAIN),
    (504, Then.DOUBT, Verdict.UNCERTAIN),
    (599, Then.DOUBT, Verdict.UNCERTAIN),
]


@pytest.mark.parametrize(("status", "then", "outcome"), TABLE, ids=[str(each[0]) for each in TABLE])
def test_each_answer_has_its_outcome(status: int, then: Then, outcome: Verdict | type[ProviderError]) -> None:
    """The same answer for ever: what becomes of the recipients, or that the dispatch is held."""
    refused = isinstance(outcome, type)
    with (
        sendgrid(lambda _: Refusal(status, {"Location": "http://127.0.0.1:1/"})) as fake,
        pytest.raises(outcome) if refused else nullcontext() as caught,
    ):
        assert verdicts(send(provider(fake.url), messages(2))) == [outcome, outcome]

    assert rule(status).then is then
    if refused:
        assert caught.value.lasting is (then is not Then.WAIT)
        assert str(status) in str(caught.value)


def test_every_rule_is_tried() -> None:
    assert {rule(status) for status, _, _ in TABLE} == set(RULES)


def test_a_status_that_is_none_leaves_everybody_in_doubt() -> None:
    assert rule(600).then is rule(700).then is Then.DOUBT


def test_503_may_be_tried_once_more() -> None:
    """Only if the settings say so: SendGrid does not promise that nothing was taken."""
    with sendgrid(lambda number: 503 if number == 1 else None) as fake:
        assert verdicts(send(provider(fake.url, unavailable="retry"), messages(2))) == [Verdict.ACCEPTED] * 2

        assert len(fake.posted) == 2
    with sendgrid(lambda _: 503) as fake:
        assert verdicts(send(provider(fake.url, unavailable="retry"), messages(2))) == [Verdict.UNCERTAIN] * 2

        assert len(fake.posted) == 2


@pytest.mark.parametrize(
    "name",
    [
        "personalizations.1",
        "personalizations.1.to",
        "personalizations[1].to",
        "personalizations.1.to.0.email",
        "personalizations.1.substitutions",
    ],
)
def test_an_error_that_names_a_recipient_parks_that_one_only(name: str) -> None:
    script = {1: Refusal(400, errors=(("That is none.", name), ("Nor is that.", name)))}
    with sendgrid(script.get) as fake:
        outcomes = send(provider(fake.url), messages(3))

        assert sorted(fake.mail()) == ["reader1@example.com", "reader3@example.com"]
    assert (outcomes["d2"].verdict, outcomes["d2"].reason) == (Verdict.REJECTED, "400 That is none.")


@pytest.mark.parametrize(
    "field",
    ["personalizations", "from.email", "personalizations.7.to", "personalizations.0.headers", None],
)
def test_an_error_that_names_nobody_in_the_request_holds_the_dispatch(field: str | None) -> None:
    script = {1: Refusal(400, errors=(("personalizations.0 is fine, this is not", field),))}
    with sendgrid(script.get) as fake, pytest.raises(RefusedError, match=r"400 personalizations\.0 is fine"):
        send(provider(fake.url), messages(3))


def test_refusing_one_after_the_other_is_not_about_them() -> None:
    """Else a mistake of ours would reject a whole list, one request after the other."""
    refusal = Refusal(400, errors=(("The address is wrong.", "personalizations.0.to"),))
    with sendgrid(lambda _: refusal) as fake:
        told: list[Outcome] = []
        with pytest.raises(RefusedError), provider(fake.url).connect() as connection:
            told.extend(connection.send(messages(100)))

        assert len(fake.posted) == MOST_REFUSALS + 1


@pytest.mark.parametrize(("count", "held"), [(MOST_REFUSALS, False), (MOST_REFUSALS + 1, True)])
def test_refusing_everybody_at_once_is_not_about_them_either(count: int, held: bool) -> None:
    named = tuple(("No address.", f"personalizations.{place}.to") for place in range(count))
    told: list[Outcome] = []
    with (
        sendgrid(lambda _: Refusal(400, errors=named)) as fake,
        pytest.raises(RefusedError) if held else nullcontext(),
        provider(fake.url).connect() as connection,
    ):
        told.extend(connection.send(messages(count)))

    assert [each.verdict for each in told] == ([] if held else [Verdict.REJECTED] * count)


def test_an_answer_that_is_no_json_is_told_by_its_status() -> None:
    for body in (b"<html>", b"[]", b'{"errors": 1}', b'{"errors": [1, {"message": null}]}', b"\xff"):
        assert Complaint.read(502, "Bad Gateway", body) == Complaint(502, "502 Bad Gateway", {})


# --- what was sent, and what was not ---------------------------------------------------------------------

#: More than the buffers of two sockets hold, so that the last byte cannot leave before the other end reads.
LARGE = b'{"x":"' + b"x" * 24_000_000 + b'"}'


def wire(url: str, timeout: float = 60.0) -> Wire:
    return Wire(url, timeout, ssl.create_default_context)


@pytest.mark.parametrize("fault", [RESET, DEAF])
def test_a_request_that_did_not_leave_whole_is_no_doubt(fault: str) -> None:
    """A JSON object without its closing brace is none, so nobody can have taken it."""
    with sendgrid(lambda _: fault) as fake:
        with pytest.raises(UnsentError):
            wire(fake.url, timeout=2).exchange("POST", "/v3/mail/send", {}, LARGE)

        assert (len(fake.heads), fake.posted) == (1, [])


@pytest.mark.parametrize("fault", [HANG_UP, SILENCE])
def test_a_request_that_left_whole_is_one(fault: str) -> None:
    with sendgrid(lambda _: fault) as fake:
        with pytest.raises(DoubtError):
            wire(fake.url, timeout=2).exchange("POST", "/v3/mail/send", {}, b"{}")

        assert len(fake.accepted) == 1


def test_a_connection_that_fails_before_a_request_left_is_an_error_and_no_outcome() -> None:
    """The ledger gives them all back to be tried again."""
    batch = [message(text="x" * 9_000_000)]
    told: list[Outcome] = []
    with (
        sendgrid(lambda _: RESET) as fake,
        provider(fake.url).connect() as connection,
        pytest.raises(ProviderError, match="cannot be reached") as caught,
    ):
        told.extend(connection.send(batch))

    assert not caught.value.lasting
    assert told == []


def test_who_refuses_before_the_end_is_understood() -> None:
    """As a gateway does with a request that is too large for it."""
    with sendgrid(lambda _: Refusal(413, {"Connection": "close"}, unread=True)) as fake:
        answer = wire(fake.url).exchange("POST", "/v3/mail/send", {}, LARGE)

    assert answer.status == 413


def test_a_failure_before_the_end_is_no_doubt() -> None:
    refusal = Refusal(502, {"Connection": "close"}, unread=True)
    with sendgrid(lambda _: refusal) as fake, pytest.raises(UnsentError, match="502"):
        wire(fake.url).exchange("POST", "/v3/mail/send", {}, LARGE)


def test_a_last_byte_that_could_not_leave_is_no_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the other end closed the connection while the rest was on its way."""
    leave = HTTPConnection.send

    def send_all_but_the_last(connection: HTTPConnection, piece: bytes) -> None:
        if bytes(piece) == b"}":
            raise BrokenPipeError
        leave(connection, piece)

    monkeypatch.setattr(HTTPConnection, "send", send_all_but_the_last)
    with sendgrid() as fake:
        with pytest.raises(UnsentError):
            wire(fake.url).exchange("POST", "/v3/mail/send", {}, b"{}")

        assert fake.posted == []


BROKEN_OFF = (b"Content-Length: 10\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n5\r\nab")


@pytest.mark.parametrize("rest", BROKEN_OFF)
def test_the_status_counts_also_if_its_body_is_lost(rest: bytes) -> None:
    """All recipients of the request were left in doubt, though it was told that they were accepted."""
    with sendgrid(lambda _: Exactly(b"HTTP/1.1 202 Accepted\r\nX-Message-Id: m1\r\n" + rest)) as fake:
        outcomes = send(provider(fake.url), messages(2))

    assert [(each.verdict, each.provider_id) for each in outcomes.values()] == [(Verdict.ACCEPTED, "m1")] * 2


def test_a_refusal_whose_reason_is_lost_holds_the_dispatch() -> None:
    with (
        sendgrid(lambda _: Exactly(b"HTTP/1.1 400 Bad Request\r\n" + BROKEN_OFF[1])) as fake,
        pytest.raises(RefusedError, match="400 Bad Request; nothing of it was sent"),
    ):
        send(provider(fake.url), messages(2))


def test_an_answer_on_the_way_to_an_answer_is_none_to_the_next_request() -> None:
    """After 103 the true one comes: over the same connection it would be taken for that to what is asked next."""
    hint = Exactly(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", closes=False)
    with sendgrid(lambda number: hint if number == 1 else None) as fake, closing(wire(fake.url)) as over:
        answers = [over.exchange("POST", "/v3/mail/send", {}, b"{}").status for _ in range(2)]

        assert (answers, fake.connections) == ([103, 401], 2)
    assert rule(103).then is Then.DOUBT


def test_a_slow_answer_is_waited_for() -> None:
    with sendgrid(lambda _: Slowly(0.2)) as fake:
        assert verdicts(send(provider(fake.url), messages(2))) == [Verdict.ACCEPTED] * 2


def test_waits_are_spread_by_chance() -> None:
    """Who was refused together does not come back together."""
    waits: list[float] = []
    for seed in (1, 2):
        with sendgrid(lambda _: Refusal(429, {"X-RateLimit-Reset": "0"})) as fake:
            to = SendgridProvider(SendgridSettings(host=fake.url), key=SecretStr(KEY), random=Random(seed))
            with pytest.raises(BusyError) as caught:
                send(to, messages(1))
            waits.append(caught.value.wait)

    assert waits[0] != waits[1]
    assert all(0 <= wait < 1 for wait in waits)


def test_a_certificate_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, _ = self_signed(tmp_path)
    with sendgrid(tls=server) as fake:
        with pytest.raises(ProviderError, match="certificate verify failed"):
            send(provider(fake.url), messages(1))

        assert fake.heads == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
        assert verdicts(send(provider(fake.url), messages(1))) == [Verdict.ACCEPTED]


def test_a_proxy_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For HTTPS a tunnel: the proxy sees neither key nor mail."""
    server, _ = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    with sendgrid(tls=server) as fake, tunnelling_proxy() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//ann:s%40cret@"))
        assert verdicts(send(provider(fake.url), messages(1))) == [Verdict.ACCEPTED]

        assert proxy.asked == [fake.url.removeprefix("https://")]
        assert proxy.credentials == ["Basic YW5uOnNAY3JldA=="]
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert verdicts(send(provider(fake.url), messages(1))) == [Verdict.ACCEPTED]
        assert len(proxy.asked) == 1


def test_a_proxy_for_plain_http_gets_the_whole_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with sendgrid() as fake:
        monkeypatch.setenv("http_proxy", fake.url)
        with closing(wire("http://sendgrid.invalid")) as through:
            through.exchange("POST", "/v3/mail/send", {}, b"{}")

        assert fake.paths == ["http://sendgrid.invalid/v3/mail/send"]
        assert fake.heads[0]["Host"] == "sendgrid.invalid"


def test_a_proxy_that_cannot_be_used_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    with pytest.raises(UnsentError, match="socks5"):
        wire("http://sendgrid.invalid").exchange("POST", "/", {}, b"{}")
