"""Whatever values recipients have: SendGrid takes the requests, and makes of them what SMTP would have brought."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fakes.editions import ENVELOPE, edition
from fakes.sendgrid import personal
from fakes.sendgrid_rules import problems
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.editions.edition import Slot
from newsletter.messages import Composer, Message, Recipient
from newsletter.providers import sendgrid_payload
from newsletter.providers.sendgrid_payload import Payload

if TYPE_CHECKING:
    import pytest

NAME = Slot("LP0m0z", "value", 'subscriber.name | default("")', "{{ subscriber.name }}", 1)
CITY = Slot("LP0m1z", "value", 'subscriber.city | default("")', "{{ subscriber.city }}", 1)
LINK = Slot("LP0m2z", "value", "links.unsubscribe", "{{ links.unsubscribe }}", 1)
IF = Slot("LP0c0z", "if", '"pro" in subscriber.tags', "{% if … %}", 2)
ELIF = Slot("LP0c1z", "elif", 'subscriber.city == "Rome"', "{% elif … %}", 3)
ELSE = Slot("LP0c2z", "else", "", "{% else %}", 4)
ENDIF = Slot("LP0c3z", "endif", "", "{% endif %}", 5)
TEXT = "Dear LP0m0z,\nLP0c0z\nas a pro of LP0m1z\nLP0c1z\nin Rome\nLP0c2z\nelsewhere: LP0m1z\nLP0c3z\nleave: LP0m2z\n"


def composer() -> Composer:
    made = edition(text=TEXT, slots=(NAME, CITY, LINK, IF, ELIF, ELSE, ENDIF))
    html = f'<p title="LP0m0z">{TEXT}</p><a href="LP0m2z">x</a><a href="https://example.com/?c=LP0m1z">y</a>'
    values = {**json.loads(made.to_json()), "html": html, "subject": "For LP0m0z"}
    return Composer(made.from_json(json.dumps(values)), replace(ENVELOPE, feedback_id="100%s:issue:news"))


def compose(people: list[dict[str, Any]]) -> list[Message]:
    maker = composer()
    return [
        maker.compose(
            Recipient(
                f"reader{number}@example.com",
                person.get("name", ""),
                person,
                {"unsubscribe": f"https://example.com/u/{number}?a=1&b=2"},
            ),
            f"d{number}",
            0.0,
            batch=3,
        )
        for number, person in enumerate(people)
    ]


texts = st.text(min_size=1, max_size=30) | st.sampled_from(
    ["Ann", "Rome", "-", "%s", '"', "\\", "-0-", "</p>", "{{ x }}"]
)
people = st.fixed_dictionaries(
    {"tags": st.lists(st.sampled_from(["pro", "new"]))},
    optional={"name": texts, "city": texts | st.text("xé𝄞", min_size=3000, max_size=4000)},
)


@given(st.lists(people, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_what_is_read_is_what_smtp_would_have_brought(everybody: list[dict[str, Any]]) -> None:
    messages = compose(everybody)
    bodies = [json.loads(request.body) for request in Payload(messages[0].composer, "x").requests(messages)]

    assert [problems(body) for body in bodies] == [[]] * len(bodies)
    read = {
        person["custom_args"]["newsletter_delivery"]: personal(body, person)
        for body in bodies
        for person in body["personalizations"]
    }
    assert len(read) == len(messages)
    for message in messages:
        mail = read[message.delivery_id]
        assert mail["text"] == message.composer.text(message)
        assert mail["html"] == message.composer.html(message)
        # A value that is empty leaves the blank before it.
        assert mail["subject"].strip() == message.composer.subject(message)
        assert mail["headers"] == dict(message.composer.headers_for(message))


def test_a_value_that_looks_like_a_tag_gets_no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a name equal to a tag, SendGrid would put another value in its place."""
    marks = iter(["c0ffee", "decade"])
    monkeypatch.setattr(sendgrid_payload, "_unused_mark", lambda text: next(marks))
    messages = compose([{"tags": [], "name": "-c0ffee1-"}, {"tags": [], "name": "Ann"}])

    (request,) = Payload(messages[0].composer, "x").requests(messages)

    body = json.loads(request.body)
    assert set(body["personalizations"][0]["substitutions"]) == {"-decade0-", "-decade1-", "-decade2-"}
    assert personal(body, body["personalizations"][0])["subject"] == "For -c0ffee1-"


def test_a_tag_never_stands_in_the_edition(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = iter(["aaaaaaaa", "bbbbbbbb"])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(tried))

    assert sendgrid_payload._unused_mark("Text with aaaaaaaa in it") == "bbbbbbbb"


def test_values_that_are_equal_share_a_tag() -> None:
    """The name stands in the subject, the text and the HTML; nothing in it has to be escaped."""
    messages = compose([{"tags": [], "name": "Ann"}, {"tags": [], "name": "Bob"}])
    (request,) = Payload(messages[0].composer, "x").requests(messages)

    person = json.loads(request.body)["personalizations"][0]
    assert sorted(person["substitutions"].values()) == [
        "Ann",
        "https://example.com/u/0?a=1&amp;b=2",
        "https://example.com/u/0?a=1&b=2",
    ]
