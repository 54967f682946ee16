"""A spliced message is what the edition says, for whoever it is, and reads back byte for byte."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.config import PublicationSettings
from newsletter.editions import Edition, MissingValue, Slot
from newsletter.messages import Composer, Envelope, Recipient, UnmailableError

PUBLICATION = PublicationSettings(
    name="Die Zeitung für alle",
    sender="Zeitung, Grüße <letter@bücher.example>",
    reply_to="editors@example.com",
)
LINKS = {"unsubscribe": "https://news.example.com/unsubscribe/" + "t" * 60}
SLOTS = (
    Slot("LP0m0z", "value", "subscriber.first_name", "{{ subscriber.first_name }}", 3),
    Slot("LP0m1z", "value", "links.unsubscribe", "{{ links.unsubscribe }}"),
    Slot("LP0m2z", "if", '"a" in subscriber.tags', '{% if "a" in subscriber.tags %}', 5),
    Slot("LP0c0z", "else", "", "{% else %}"),
    Slot("LP0c1z", "endif", "", "{% endif %}"),
)
EDITION = Edition(
    slug="plain",
    title="Plain",
    subject="Für LP0m0z",
    preheader="",
    html='<p title="LP0m0z">Hello LP0m0z = größer</p>LP0m2z<b>A</b>LP0c0z<i>not A</i>LP0c1z<a href="LP0m1z">x</a>',
    text="Hello LP0m0z,\n\nLP0m2z\nOnly A.\nLP0c0z\nNot A.\nLP0c1z\n.\nBye: LP0m1z\n",
    language="de",
    direction="ltr",
    date=None,
    nonce="0",
    slots=SLOTS,
)
COMPOSER = Composer(EDITION, Envelope.of(PUBLICATION, "plain"))
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)


def composed(name: str = "Ann", tags: tuple[str, ...] = (), composer: Composer = COMPOSER):
    """The message for one recipient of that name."""
    return composer.compose(
        Recipient("ann@example.com", name, {"first_name": name, "tags": list(tags)}, LINKS), "d1", 0.0
    )


def parsed(raw: bytes) -> EmailMessage:
    """The message as Python's parser reads it."""
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def part(message: EmailMessage, kind: str) -> str:
    """A part's text, with a line feed for each line end."""
    body = message.get_body((kind,))
    assert body is not None
    return body.get_payload(decode=True).decode().replace("\r\n", "\n")


@given(NAMES, st.booleans())
@settings(deadline=None)
def test_parts_read_back_as_they_were_rendered(name: str, tagged: bool) -> None:
    """Whatever the value, both parts decode to what the studio shows of them."""
    if not COMPOSER._evaluator.values({"first_name": name}, LINKS, missing="")["LP0m0z"]:
        return  # nothing but control characters: a missing value
    message = composed(name, ("a",) if tagged else ())
    back = parsed(message.as_bytes())

    assert part(back, "html") == COMPOSER.html(message)
    assert part(back, "plain") == COMPOSER.text(message)
    assert back.defects == []


@given(NAMES)
@settings(deadline=None)
def test_no_value_adds_a_header_or_a_part(name: str) -> None:
    """The field names are the promised ones, once each, and there are two parts."""
    if not COMPOSER._evaluator.values({"first_name": name}, LINKS, missing="")["LP0m0z"]:
        return
    back = parsed(composed(name + "\r\nBcc: x@example.com\r\n\r\n--=_x").as_bytes())

    assert sorted(back.keys()) == sorted(
        [
            "From",
            "Reply-To",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "List-Unsubscribe",
            "List-Unsubscribe-Post",
            "List-Id",
            "Feedback-ID",
            "MIME-Version",
            "Content-Type",
        ]
    )
    assert [p.get_content_type() for p in back.iter_parts()] == ["text/plain", "text/html"]


@given(NAMES)
@settings(deadline=None)
def test_every_line_is_ascii_and_short(name: str) -> None:
    """RFC 5322 section 2.1.1: at most 998 octets between two CRLF, and no bare CR or LF."""
    raw = composed(name).as_bytes() if name.strip() and name.isprintable() else composed().as_bytes()

    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n")


def test_a_value_cannot_leave_its_place_in_html() -> None:
    """Markup in a value is text, in an element and in an attribute."""
    html = COMPOSER.html(composed('"><script>alert(1)</script>'))

    assert "<script>" not in html
    assert 'title="&quot;&gt;&lt;script' in html


def test_the_branch_that_is_not_taken_is_not_there() -> None:
    """A conditional leaves one branch and no blank line in its place."""
    assert COMPOSER.text(composed(tags=("a",))) == f"Hello Ann,\n\nOnly A.\n.\nBye: {LINKS['unsubscribe']}\n"
    assert "<i>not A</i>" in COMPOSER.html(composed())
    assert "<b>A</b>" not in COMPOSER.html(composed())


def test_a_missing_value_makes_no_message() -> None:
    """Nobody is mailed “Hello None”."""
    with pytest.raises(MissingValue, match="first_name"):
        COMPOSER.compose(Recipient("ann@example.com", "", {"tags": []}, LINKS), "d1", 0.0)


def test_an_address_that_cannot_be_written_makes_no_message() -> None:
    """A local part that needs SMTPUTF8 is refused before anything is handed over, unless it is said to work."""
    with pytest.raises(UnmailableError):
        COMPOSER.compose(Recipient("änn@example.com", "", {"first_name": "Ä"}, LINKS), "d1", 0.0)


def test_headers_name_the_list_and_the_way_out() -> None:
    """RFC 2919, RFC 8058: identity in A-labels, one-click in its exact form, a Message-ID that stays the same."""
    back = parsed(composed().as_bytes())

    assert str(back["From"]) == '"Zeitung, Grüße" <letter@xn--bcher-kva.example>'
    assert str(back["Message-ID"]) == "<d1@xn--bcher-kva.example>"
    assert str(back["List-Unsubscribe"]) == f"<{LINKS['unsubscribe']}>"
    assert str(back["List-Unsubscribe-Post"]) == "List-Unsubscribe=One-Click"
    assert str(back["List-Id"]).endswith(".xn--bcher-kva.example>")
    assert str(back["Subject"]) == "Für Ann"
    assert b"\r\nList-Unsubscribe: <https://" in composed().as_bytes()


@given(NAMES)
@settings(deadline=None)
def test_a_text_of_another_script_is_base64_and_reads_back(name: str) -> None:
    """Where base64 is smaller than quoted-printable, the part is base64, in lines of at most 76."""
    hindi = replace(EDITION, html="<p>LP0m0z, " + "सुप्रभात, यह एक पत्र है। " * 40 + "</p>")
    composer = Composer(hindi, COMPOSER.envelope)
    message = composer.compose(Recipient("ann@example.com", "", {"first_name": "x" + name}, LINKS), "d1", 0.0)
    raw = message.as_bytes()
    back = parsed(raw)

    assert [p["Content-Transfer-Encoding"] for p in back.iter_parts()] == ["quoted-printable", "base64"]
    assert part(back, "html") == composer.html(message)
    assert max(map(len, raw.split(b"\r\n\r\n", 4)[-1].split(b"\r\n"))) <= 76
    assert back.defects == []


def test_a_test_message_is_marked() -> None:
    """Nobody mistakes it for the issue."""
    composer = Composer(EDITION, Envelope.of(PUBLICATION, "plain", test=True))

    assert str(parsed(composed(composer=composer).as_bytes())["Subject"]) == "[Test] Für Ann"


def test_the_same_recipient_gets_the_same_bytes() -> None:
    """A message made again, after a crash, is the same message."""
    assert composed().as_bytes() == composed(composer=Composer(EDITION, COMPOSER.envelope)).as_bytes()


def test_an_edition_survives_its_freezing() -> None:
    """What a dispatch keeps as JSON is the edition again, with the same digest."""
    again = Edition.from_json(EDITION.to_json())

    assert again == EDITION
    assert again.digest == EDITION.digest
