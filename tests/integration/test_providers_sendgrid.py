"""SendGrid, against a fake that keeps the documented rules, and one that breaks them."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import pytest
from fakes.editions import ENVELOPE, NAME, edition, message, messages
from fakes.sendgrid import HANG_UP, KEY, SILENCE, sendgrid
from pydantic import SecretStr

from newsletter.config import SendgridSettings
from newsletter.editions.edition import Edition, Slot
from newsletter.errors import CredentialsError, ProviderError
from newsletter.messages import Composer, Message, Recipient
from newsletter.providers import Outcome, Verdict
from newsletter.providers import sendgrid as module
from newsletter.providers.sendgrid import SendgridProvider
from newsletter.providers.sendgrid_payload import requests

if TYPE_CHECKING:
    from collections.abc import Sequence

SLOTS = (
    NAME,
    Slot("LP0c1z", "if", "'pro' in subscriber.tags", "{% if 'pro' in subscriber.tags %}", 4),
    Slot("LP0c2z", "else", "", "{% else %}", 6),
    Slot("LP0c3z", "endif", "", "{% endif %}", 8),
)
TEXT = "Good morning, LP0m0z.\nLP0c1z\nThank you!\nLP0c2z\nJoin us!\nLP0c3z\n"


def provider(url: str, key: str = KEY, timeout: float = 5.0) -> SendgridProvider:
    settings = SendgridSettings(host=url, timeout=timeout)
    return SendgridProvider(settings, key=SecretStr(key), wait=lambda _: None)


def send(to: SendgridProvider, batch: Sequence[Message]) -> dict[str, Outcome]:
    with to.connect("issue-1") as connection:
        return {outcome.delivery_id: outcome for outcome in connection.send(batch)}


def verdicts(outcomes: dict[str, Outcome]) -> list[Verdict]:
    return [outcomes[name].verdict for name in sorted(outcomes)]


def personal(name: str, *tags: str, delivery_id: str = "d1", what: Edition | None = None) -> Message:
    made = what or edition(text=TEXT, slots=SLOTS)
    links = {"unsubscribe": f"https://example.com/u/{delivery_id}"}
    recipient = Recipient(f"{delivery_id}@example.com", name, {"first_name": name, "tags": list(tags)}, links)
    return Composer(made, ENVELOPE).compose(recipient, delivery_id, 0.0)


def test_everybody_reads_what_smtp_would_have_brought() -> None:
    """Values and conditions; escaped where the text is HTML."""
    composed = [
        personal("Ann & Bob", "pro", delivery_id="d1"),
        personal("Zoë <b>", delivery_id="d2"),
        personal("Carl", "pro", delivery_id="d3"),
    ]
    with sendgrid() as fake:
        outcomes = send(provider(fake.url), composed)
        mail = fake.mail()

    for sent in composed:
        (read,) = mail[sent.email]
        assert read["text"] == sent.composer.text(sent)
        assert read["html"] == sent.composer.html(sent)
        assert read["subject"] == sent.composer.subject(sent)
    assert "Ann &amp; Bob" in mail["d1@example.com"][0]["html"]
    assert verdicts(outcomes) == [Verdict.ACCEPTED] * 3
    assert {outcome.provider_id for outcome in outcomes.values()} == {"request1", "request2"}


def test_each_recipient_has_headers_and_an_opaque_argument_of_their_own() -> None:
    with sendgrid() as fake:
        send(provider(fake.url), [personal("Ann", delivery_id="d1"), personal("Bob", delivery_id="d2")])
        (read,) = fake.mail()["d2@example.com"]

    assert read["headers"]["List-Unsubscribe"] == "<https://example.com/u/d2>"
    assert read["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert read["headers"]["Message-ID"] == "<d2@example.com>"
    assert read["custom_args"] == {"newsletter_delivery": "d2", "newsletter_dispatch": "issue-1"}


def test_tracking_is_off() -> None:
    (request,) = requests([message()], "issue-1")

    settings = request.body["tracking_settings"]
    assert {name: each["enable"] for name, each in settings.items()} == {
        "click_tracking": False,
        "open_tracking": False,
        "subscription_tracking": False,
    }


def test_one_content_serves_a_thousand_recipients() -> None:
    assert [len(each.messages) for each in requests(messages(1001), "issue-1")] == [1000, 1]


def test_an_address_comes_once_in_a_request() -> None:
    batch = [
        message("ann@example.com", "d1"),
        message("Ann@Example.com", "d2"),
        message("bob@example.com", "d3"),
    ]

    assert [len(each.messages) for each in requests(batch, "issue-1")] == [2, 1]


def test_requests_share_one_connection() -> None:
    with sendgrid() as fake, provider(fake.url).connect() as connection:
        for number in range(5):
            assert [outcome.verdict for outcome in connection.send([message(delivery_id=f"d{number}")])] == [
                Verdict.ACCEPTED
            ]
        assert fake.connections == 1


def test_a_connection_that_the_other_end_closed_is_replaced_before_a_request() -> None:
    with sendgrid(lambda number: (500, {"Connection": "close"}) if number == 1 else None) as fake:
        with provider(fake.url).connect() as connection:
            first = list(connection.send([message(delivery_id="d1")]))
            second = list(connection.send([message(delivery_id="d2")]))

        assert [outcome.verdict for outcome in first + second] == [Verdict.UNCERTAIN, Verdict.ACCEPTED]
        assert fake.connections == 2


def test_a_recipient_that_is_refused_does_not_keep_the_others_from_it() -> None:
    """The refused request sent nothing; it is made again without the one whom the error names."""
    batch = [
        message(f"{name}@example.com", f"d{n}") for n, name in enumerate(["a", "bad1", "c", "bad2", "e"])
    ]
    with sendgrid() as fake:
        outcomes = send(provider(fake.url), batch)

        assert sorted(fake.mail()) == ["a@example.com", "c@example.com", "e@example.com"]
    assert verdicts(outcomes) == [
        Verdict.ACCEPTED, Verdict.REJECTED, Verdict.ACCEPTED, Verdict.REJECTED, Verdict.ACCEPTED
    ]  # fmt: skip
    assert outcomes["d1"].reason == "400 Does not contain a valid address."


def test_values_that_are_too_large_reject_one_recipient() -> None:
    with sendgrid() as fake:
        outcomes = send(
            provider(fake.url), [personal("x" * 6000, delivery_id="d1"), personal("Ann", delivery_id="d2")]
        )

    assert verdicts(outcomes) == [Verdict.REJECTED, Verdict.ACCEPTED]


@pytest.mark.parametrize("fault", [500, 502, 503, 504, HANG_UP])
def test_a_request_without_a_clear_answer_leaves_all_its_recipients_in_doubt(fault: object) -> None:
    """There is no idempotency key, so it is not made again."""
    with sendgrid(lambda _: fault) as fake:
        outcomes = send(provider(fake.url), messages(3))

        assert len(fake.posted) == 1
    assert verdicts(outcomes) == [Verdict.UNCERTAIN] * 3


def test_silence_leaves_all_recipients_in_doubt() -> None:
    with sendgrid(lambda _: SILENCE) as fake:
        assert verdicts(send(provider(fake.url, timeout=0.2), messages(2))) == [Verdict.UNCERTAIN] * 2


def test_too_many_requests_are_waited_out() -> None:
    reset = {"X-RateLimit-Reset": str(int(time.time()) + 7)}
    waits: list[float] = []
    with sendgrid(lambda number: (429, reset) if number == 1 else None) as fake:
        to = provider(fake.url)
        to.wait = waits.append

        assert verdicts(send(to, messages(2))) == [Verdict.ACCEPTED] * 2
    assert len(waits) == 1
    assert 0 < waits[0] <= 7


def test_too_many_requests_for_long_defer() -> None:
    with sendgrid(lambda _: 429) as fake:
        assert verdicts(send(provider(fake.url), messages(2))) == [Verdict.DEFERRED] * 2
        assert len(fake.posted) == module.EARLY


def test_a_request_that_is_too_large_is_halved() -> None:
    with sendgrid(lambda number: 413 if number == 1 else None) as fake:
        assert verdicts(send(provider(fake.url), messages(5))) == [Verdict.ACCEPTED] * 5
        assert [len(body["personalizations"]) for body in fake.posted] == [5, 2, 3]


def test_a_wrong_key_is_a_matter_of_credentials() -> None:
    with sendgrid() as fake, pytest.raises(CredentialsError, match="refuses the API key: 401") as caught:
        send(provider(fake.url, "SG.wrong"), messages(1))

    assert caught.value.exit_code == 3
    assert "wrong" not in str(caught.value).split("401")[0]


@pytest.mark.parametrize("status", [200, 400, 404])
def test_an_answer_that_is_the_same_for_everybody_stops_the_dispatch(status: int) -> None:
    """200 is the sandbox's answer: nothing was sent."""
    with sendgrid(lambda _: status) as fake, pytest.raises(ProviderError):
        send(provider(fake.url), messages(2))


def test_a_redirect_is_not_followed() -> None:
    """The library would repeat it as GET, with the key, and call it a success."""
    with sendgrid() as other, sendgrid(lambda _: (302, {"Location": other.url})) as fake:
        with pytest.raises(ProviderError):
            send(provider(fake.url), messages(1))

        assert (other.connections, len(fake.posted)) == (0, 1)


def test_no_server_is_an_error_before_anything_was_handed_over() -> None:
    with sendgrid() as fake:
        url = fake.url

    with pytest.raises(ProviderError, match="SendGrid cannot be reached: Connection refused"):
        send(provider(url), messages(1))


def test_the_key_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), sendgrid() as fake:
        send(provider(fake.url), messages(1))

    assert KEY not in caplog.text
