"""SendGrid, against a fake that keeps the documented rules, and one that breaks them."""

from __future__ import annotations

import json
from dataclasses import replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import default
from typing import TYPE_CHECKING

import pytest
from fakes.editions import ENVELOPE, NAME, edition, message, messages
from fakes.sendgrid import KEY, Refusal, sendgrid
from pydantic import SecretStr

from newsletter.config import SendgridSettings
from newsletter.editions.edition import Edition, Slot
from newsletter.errors import RefusedError
from newsletter.messages import Composer, Message, Recipient
from newsletter.providers import Outcome, Verdict
from newsletter.providers.sendgrid import SendgridProvider
from newsletter.providers.sendgrid_payload import Payload, Request, request_name

if TYPE_CHECKING:
    from collections.abc import Sequence

SLOTS = (
    NAME,
    Slot("LP0c1z", "if", "'pro' in subscriber.tags", "{% if 'pro' in subscriber.tags %}", 4),
    Slot("LP0c2z", "else", "", "{% else %}", 6),
    Slot("LP0c3z", "endif", "", "{% endif %}", 8),
)
TEXT = "Good morning, LP0m0z.\nLP0c1z\nThank you!\nLP0c2z\nJoin us!\nLP0c3z\n"


ELIF_SLOTS = (*SLOTS, Slot("LP0c4z", "elif", "'new' in subscriber.tags", "{% elif … %}", 6))


def provider(
    url: str, key: str = KEY, timeout: float = 60.0, settings: SendgridSettings | None = None
) -> SendgridProvider:
    changed = {"host": url, "timeout": timeout}
    settings = (settings or SendgridSettings()).model_copy(update=changed)
    return SendgridProvider(settings, key=SecretStr(key), wait=lambda _: None)


def send(to: SendgridProvider, batch: Sequence[Message]) -> dict[str, Outcome]:
    with to.connect("issue-1") as connection:
        return {outcome.delivery_id: outcome for outcome in connection.send(batch)}


def requests(batch: Sequence[Message]) -> list[Request]:
    return list(Payload(batch[0].composer, "issue-1").requests(batch))


def verdicts(outcomes: dict[str, Outcome]) -> list[Verdict]:
    return [outcomes[name].verdict for name in sorted(outcomes)]


def personal(name: str, *tags: str, delivery_id: str = "d1", what: Edition | None = None) -> Message:
    made = what or edition(text=TEXT, slots=SLOTS)
    links = {"unsubscribe": f"https://example.com/u/{delivery_id}"}
    recipient = Recipient(f"{delivery_id}@example.com", name, {"first_name": name, "tags": list(tags)}, links)
    return Composer(made, ENVELOPE).compose(recipient, delivery_id, 0.0)


@pytest.mark.parametrize("name", ["Новости, недели " * 8, "News, Inc", 'The "Café"', "News"])
def test_the_name_of_the_list_is_encoded_as_over_smtp(name: str) -> None:
    """SendGrid writes headers as they are given, and wants them encoded: an API reference's own words."""
    composer = Composer(edition(), replace(ENVELOPE, list_id=f"{name} <news.example.com>"))
    recipient = Recipient("ann@example.com", "", {}, {"unsubscribe": "https://example.com/u"})
    composed = composer.compose(recipient, "d1", 0.0)
    with sendgrid() as fake:
        outcomes = send(provider(fake.url), [composed])
        (header,) = (each["headers"]["List-Id"] for each in fake.mail()["ann@example.com"])

    over_smtp = message_from_bytes(composed.as_bytes(), policy=default)["List-Id"]
    assert verdicts(outcomes) == [Verdict.ACCEPTED]
    assert str(make_header(decode_header(header))) == str(make_header(decode_header(str(over_smtp))))
    assert header.endswith(" <news.example.com>")


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
        pair = [personal("Ann", delivery_id="d1"), personal("Bob", delivery_id="d2")]
        send(provider(fake.url), [replace(each, batch=7) for each in pair])
        (read,) = fake.mail()["d2@example.com"]

    assert read["headers"]["List-Unsubscribe"] == "<https://example.com/u/d2>"
    assert read["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert read["headers"]["Message-ID"] == "<d2@example.com>"
    assert read["custom_args"] == {
        "newsletter_delivery": "d2",
        "newsletter_dispatch": "issue-1",
        "newsletter_batch": "7",
        "newsletter_request": request_name(["d2", "d1"]),
    }


def test_nothing_is_left_to_the_settings_of_the_account() -> None:
    (request,) = requests([message()])

    body = json.loads(request.body)
    settings = {**body["tracking_settings"], **body["mail_settings"]}
    assert {name: each["enable"] for name, each in settings.items()} == {
        "click_tracking": False,
        "open_tracking": False,
        "subscription_tracking": False,
        "ganalytics": False,
        "bypass_list_management": False,
        "footer": False,
        "sandbox_mode": False,
    }
    assert body["tracking_settings"]["click_tracking"]["enable_text"] is False


def test_one_content_serves_a_thousand_recipients() -> None:
    assert [len(each.messages) for each in requests(messages(1001))] == [1000, 1]


def test_an_address_comes_once_in_a_request() -> None:
    batch = [
        message("ann@example.com", "d1"),
        message("Ann@Example.com", "d2"),
        message("bob@example.com", "d3"),
    ]

    assert [len(each.messages) for each in requests(batch)] == [2, 1]


def test_an_address_in_two_spellings_is_one() -> None:
    """The domain is written in ASCII, as SendGrid wants it."""
    batch = [message("ann@bücher.example", "d1"), message("ann@xn--bcher-kva.example", "d2")]
    with sendgrid() as fake:
        assert verdicts(send(provider(fake.url), batch)) == [Verdict.ACCEPTED] * 2

        assert fake.sizes == [1, 1]


def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other end may close it at any moment, and a request that is lost then is in doubt."""
    monkeypatch.setattr("newsletter.providers.sendgrid_wire.IDLE", -1.0)
    with sendgrid() as fake, provider(fake.url).connect() as connection:
        for number in range(2):
            list(connection.send([message(delivery_id=f"d{number}")]))
        assert fake.connections == 2


def test_requests_share_one_connection() -> None:
    with sendgrid() as fake, provider(fake.url).connect() as connection:
        for number in range(5):
            assert [outcome.verdict for outcome in connection.send([message(delivery_id=f"d{number}")])] == [
                Verdict.ACCEPTED
            ]
        assert fake.connections == 1


def test_a_connection_that_the_other_end_closed_is_replaced_before_a_request() -> None:
    with sendgrid(lambda number: Refusal(500, {"Connection": "close"}) if number == 1 else None) as fake:
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


def test_who_has_values_too_large_to_substitute_gets_a_request_of_their_own() -> None:
    """10,000 bytes of substitutions are the limit; what is written into the text is none."""
    batch = [
        personal("x" * 9_000 + "é" * 600, delivery_id="d1"),
        personal("Ann", delivery_id="d2"),
        personal("Bob", delivery_id="d3"),
    ]
    with sendgrid() as fake:
        outcomes = send(provider(fake.url), batch)

        assert fake.sizes == [2, 1]
        assert [read["text"] for read in fake.mail()["d1@example.com"]] == [batch[0].composer.text(batch[0])]
    assert verdicts(outcomes) == [Verdict.ACCEPTED] * 3


def test_what_is_the_same_for_all_is_no_substitution() -> None:
    same = [personal("Ann", delivery_id="d1"), personal("Ann", delivery_id="d2")]
    (request,) = requests(same)

    body = json.loads(request.body)
    assert [person["substitutions"] for person in body["personalizations"]] == [{}, {}]
    assert "Good morning, Ann." in body["content"][0]["value"]


def test_branches_that_are_not_taken_make_no_difference() -> None:
    """One request for each text, not for each combination of conditions."""
    what = edition(text=TEXT.replace("LP0c2z", "LP0c4z"), slots=ELIF_SLOTS)
    tags = [("pro",), ("pro", "new"), ("new",), ()]
    batch = [personal("Ann", *each, delivery_id=f"d{n}", what=what) for n, each in enumerate(tags)]

    assert [len(each.messages) for each in requests(batch)] == [2, 1, 1]


def test_a_request_stays_within_its_bytes() -> None:
    (request,) = requests(messages(10))
    most = len(request.body) * 2 // 3

    parts = list(request.parts(most))
    assert [len(each.messages) for each in parts] == [6, 4]
    assert all(len(each.body) <= most for each in parts)
    assert tuple(message for each in parts for message in each.messages) == request.messages


def test_a_message_that_is_too_large_is_refused_here() -> None:
    with sendgrid() as fake, pytest.raises(RefusedError, match="too large for SendGrid") as caught:
        send(provider(fake.url), [message(text="x" * 10_000_000)])

    assert "images" in caught.value.hint
    assert fake.heads == []


def test_nothing_that_goes_along_is_an_address() -> None:
    (request,) = requests(messages(2))

    body = json.loads(request.body)
    told = [body["custom_args"], *(person["custom_args"] for person in body["personalizations"])]
    assert "@" not in json.dumps(told)


def test_categories_go_along() -> None:
    settings = SendgridSettings(categories=("news", "weekly"))
    with sendgrid() as fake:
        send(provider(fake.url, settings=settings), messages(1))

        assert fake.bodies[0]["categories"] == ["news", "weekly"]


def test_a_batch_is_as_large_as_the_settings_say() -> None:
    made = SendgridProvider(SendgridSettings(recipients=50, connections=2), key=SecretStr(KEY))

    assert (made.window, made.batch_size, made.concurrency) == (50, 50, 2)


def test_a_rehearsal_is_checked_and_not_sent() -> None:
    with sendgrid() as fake:
        batch = [message(), message("bad@example.com", "d2")]
        outcomes = send(provider(fake.url).rehearsing(), batch)

        assert (fake.rehearsed, fake.accepted) == (1, [])
    assert outcomes["d1"].reason == "200, checked and not sent"
    assert outcomes["d2"].verdict is Verdict.REJECTED
