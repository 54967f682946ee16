"""Messages with and without marks: who is not tracked gets the very bytes of an untracked mail."""

from __future__ import annotations

import json
from dataclasses import replace
from email import message_from_bytes, policy

import pytest
from fakes.editions import ENVELOPE, NAME, edition

from newsletter.editions.links import added_bytes, find_links, track
from newsletter.messages import Composer, Recipient
from newsletter.messages.marks import Mark, Marks
from newsletter.providers.sendgrid_payload import Payload

BASE = "https://news.example.com"
LINKS = {name: f"{BASE}/{name}/token" for name in ("unsubscribe", "preferences", "web")}
MARKS = Marks([b"k" * 32])
HTML = '<html><body><p>LP0m0z, <a href="https://e.com/one?a=1&amp;b=2">one</a> <a href="https://e.com/two">2</a></p></body></html>'
TEXT = "LP0m0z, one: https://e.com/one?a=1&b=2\n\ntwo: https://e.com/two.\n"
LATIN = replace(edition(slots=(NAME,)), html=HTML, text=TEXT)
HINDI = replace(LATIN, html=HTML.replace("<p>", f"<p>{'नमस्ते ' * 60}"), text=TEXT + "नमस्ते " * 60)


def composers(made):
    tracked = track(made, BASE, find_links(made, BASE), opens=True)
    return Composer(made, ENVELOPE), Composer(made, ENVELOPE, tracked=tracked), tracked


def reader(number: int = 1) -> Recipient:
    return Recipient(f"reader{number}@example.com", "", {"first_name": f"Reader {number}"}, LINKS)


def marks_of(tracked, subscriber: int) -> dict[str, str]:
    texts = MARKS.write(7, subscriber, list(tracked.marks.values()))
    return dict(zip(tracked.marks, texts, strict=True))


@pytest.mark.parametrize("made", [LATIN, HINDI])
def test_without_consent_a_message_has_the_bytes_of_an_untracked_mail(made):
    plain, marking, _ = composers(made)

    assert marking.compose(reader(), "d1", 0.0).as_bytes() == plain.compose(reader(), "d1", 0.0).as_bytes()


@pytest.mark.parametrize("made", [LATIN, HINDI])
def test_with_consent_each_link_and_the_picture_bear_a_mark_of_their_own(made):
    _, marking, tracked = composers(made)
    message = marking.compose(reader(), "d1", 0.0, marks=marks_of(tracked, 23))
    parsed = message_from_bytes(message.as_bytes(), policy=policy.default)
    html = parsed.get_body(("html",)).get_content()
    text = parsed.get_body(("plain",)).get_content()
    found = [
        MARKS.read(part[:22])
        for part in (html + text).replace(f"{BASE}/o/", f"{BASE}/c/").split(f"{BASE}/c/")[1:]
    ]

    assert sorted(mark.place for mark in found) == [0, 1, 2, 3, 4]
    assert {(mark.dispatch, mark.subscriber) for mark in found} == {(7, 23)}
    assert "e.com" not in html.replace("example.com", "")
    assert "Reader 1, " in html
    assert all(len(line) <= 78 for line in message.as_bytes().split(b"\r\n"))
    assert parsed["List-Unsubscribe"] == f"<{LINKS['unsubscribe']}>"


@pytest.mark.parametrize("made", [LATIN, HINDI])
def test_how_much_longer_a_tracked_message_is_is_known_before(made):
    plain, marking, tracked = composers(made)
    with_marks = marking.html(marking.compose(reader(), "d1", 0.0, marks=marks_of(tracked, 1)))
    without = plain.html(plain.compose(reader(), "d1", 0.0))

    more = len(with_marks.encode()) - len(without.encode())
    assert added_bytes(made, BASE, opens=True, clicks=True) == more
    assert added_bytes(made, BASE, opens=False, clicks=False) == 0


def test_sendgrid_gets_tracked_and_untracked_recipients_in_requests_of_their_own():
    """As a substitution there is only the mark, not the address around it; tracking at the provider is off."""
    _, marking, tracked = composers(LATIN)
    messages = [
        marking.compose(
            reader(number),
            f"d{number}",
            0.0,
            batch=1,
            marks=marks_of(tracked, number) if number % 2 else None,
        )
        for number in range(1, 5)
    ]
    bodies = [json.loads(request.body) for request in Payload(marking, "issue-1").requests(messages)]
    sent = {each["to"][0]["email"]: (body, each) for body in bodies for each in body["personalizations"]}

    assert len(bodies) == 2
    for number in range(1, 5):
        body, person = sent[f"reader{number}@example.com"]
        html = body["content"][1]["value"]
        for tag, value in person["substitutions"].items():
            html = html.replace(tag, value)
        settings = body["tracking_settings"]
        assert not any(settings[name]["enable"] for name in ("click_tracking", "open_tracking"))
        assert html == marking.html(messages[number - 1])
        assert ("https://e.com/two" in html) == (number % 2 == 0)
    tagged = sent["reader1@example.com"][1]["substitutions"].values()
    assert sorted(map(len, tagged))[-1] == 22


def test_anonymous_marks_name_nobody():
    assert MARKS.read(MARKS.write(7, 0, [1])[0]) == Mark(7, 0, 1)
