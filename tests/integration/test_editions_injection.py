"""Whatever a subscriber's fields hold, a message has the same headers, parts and elements, and no other kind of link."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from functools import cache
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.config import PublicationSettings
from newsletter.editions import compile_issue, load_theme
from newsletter.issues import parse_issue
from newsletter.messages import Composer, Envelope, Recipient

PUBLICATION = PublicationSettings(
    name="News", sender="News <news@example.com>", url="https://news.example.com"
)
LINKS = {name: f"https://news.example.com/{name}/t" for name in ("unsubscribe", "preferences", "web")}
#: A merge tag in every place where one can stand.
SOURCE = """---
title: For {{ subscriber.first_name }}
subject: Dear {{ subscriber.first_name }}, {{ subscriber.city }}
preheader: Hello {{ subscriber.first_name }}
---

Hello {{ subscriber.first_name }}, *{{ subscriber.city }}*, `{{ subscriber.city }}`.

{% if subscriber.city %}

[A {{ subscriber.first_name }}](https://example.com/{{ subscriber.city }}?q={{ subscriber.first_name }} "{{ subscriber.city }}")

{% endif %}

[Whole]({{ subscriber.city }}) and ![Alt {{ subscriber.first_name }}](https://example.com/{{ subscriber.city }}.png)

**{{ subscriber.city }}:** a label

| {{ subscriber.city }} |
| - |
| {{ subscriber.first_name }} |

<p title="{{ subscriber.city }}">{{ subscriber.first_name }} <a href="{{ subscriber.city }}">x</a></p>

[Go {{ subscriber.first_name }}](https://example.com/{{ subscriber.city }}){.button}

::: cards

### {{ subscriber.city }}

{{ subscriber.first_name }}

:::
"""
CHINESE = "\n".join(["这一封信有很多汉字，所以用另一种编码。" * 3] * 60)
NASTY = [
    "<script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    "--><b>x</b><!--",
    "</title></style><b>",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " java\tscript:alert(1)",
    "data:text/html,x",
    "//evil.example/",
    "\\\\evil.example",
    "?x=1#y&z",
    "../../..",
    "{{ subscriber.email }}",
    "{% if x %}{{ 7 * 7 }}{% endif %}",
    "x\r\nBcc: everybody@example.com\r\n\r\nbody",
    "x\nContent-Type: text/html",
    "\r\n.\r\n",
    "\r\n\r\n--=_boundary--\r\n",
    "=\r\n",
    "=3Cb=3E=0D=0A",
    "=?utf-8?q?=0D=0ABcc:_x@example.com?=",
    "\u2028Bcc: x\u2029",
    "\u202e\u2066gnp.exe",
    "x" * 2000,
    "漢" * 800,
    "🧑‍🚀" * 100,
    "LP0000m0z",
    "\x00\x1b[2J",
]
VALUES = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@cache
def composer(chinese: bool, theme: str) -> Composer:
    issue = parse_issue(SOURCE + (f"\n{CHINESE}\n" if chinese else ""))
    edition = compile_issue(issue, load_theme(theme), PUBLICATION)
    return Composer(edition, Envelope.of(PUBLICATION, "x"))


def raw(chinese: bool, theme: str, first_name: str, city: str) -> bytes:
    fields = {"email": "ann@example.com", "first_name": first_name, "city": city}
    recipient = Recipient("ann@example.com", first_name, fields, LINKS)
    return composer(chinese, theme).compose(recipient, "d1", 0.0).as_bytes()


class _Skeleton(HTMLParser):
    """The elements and the names of their attributes; where links lead; no text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[object] = []
        self.targets: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.targets += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_endtag(self, tag):
        self.elements.append(tag)

    def handle_comment(self, data):
        self.elements.append("comment")


def read(data: bytes):
    message = message_from_bytes(data, policy=policy.default)
    text, html = message.get_payload()
    return message, text.get_content(), html.get_content()


@pytest.mark.parametrize("theme", ["digest", "product"])
@pytest.mark.parametrize("chinese", [False, True])
@given(first=VALUES, city=VALUES)
@example(first=NASTY[0], city=NASTY[1])
@settings(deadline=None, max_examples=60)
def test_no_value_changes_what_a_message_is_made_of(chinese, theme, first, city):
    if not re.sub(r"[\x00-\x20\x7f-\xa0\u2028\u2029]", "", first) or not city.strip():
        return
    plain, _, plain_html = read(raw(chinese, theme, "Ann", "Kiel"))
    data = raw(chinese, theme, first, city)
    message, text, html = read(data)

    assert message.keys() == plain.keys()
    assert message.defects == []
    assert len(message["To"].addresses) == 1
    assert message["To"].addresses[0].addr_spec == "ann@example.com"
    assert [part.get_content_type() for part in message.walk()] == [
        part.get_content_type() for part in plain.walk()
    ]
    assert _Skeleton(html).elements == _Skeleton(plain_html).elements
    for target in _Skeleton(html).targets:
        assert re.match(r"https?://|mailto:|#", target, re.IGNORECASE), target
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert "\r" not in text.replace("\r\n", "")


@pytest.mark.parametrize("value", [value for value in NASTY if value.isprintable()])
def test_a_value_stands_in_the_text_and_the_html_as_it_is(value):
    """It is read once: braces in it are no merge tag, signs of an encoding no encoding."""
    _, text, html = read(raw(False, "digest", value, "Kiel"))

    assert f"Hello {value}, Kiel" in text
    assert "ann@example.com" not in html
    parser = _Text(html)
    assert f"Hello {value.strip()}, Kiel" in parser.text


class _Text(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.feed(html)

    def handle_data(self, data):
        self.text += data
