"""Headers are written as the mail standards ask, and no value can add one."""

from __future__ import annotations

import re
from base64 import b64decode
from email import message_from_bytes, policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.messages import UnmailableError, headers

#: Text as people and attackers have it, without lone surrogates, which no UTF-8 source can contain.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def parsed(raw: bytes, name: str) -> str:
    """A header as Python's parser reads it."""
    return str(message_from_bytes(raw + b"\r\n", policy=policy.default)[name])


@given(TEXT)
@settings(deadline=None)
def test_a_subject_survives_its_encoding(text: str) -> None:
    """What is read back is what was written, on one line, whatever the script."""
    raw = headers.field("Subject", text)

    assert " ".join(parsed(raw, "Subject").split()) == " ".join(headers.clean(text).split())


@given(TEXT)
@settings(deadline=None)
def test_no_value_can_start_another_header(text: str) -> None:
    """Each line after the first begins with a blank: a continuation, never a field of its own."""
    raw = headers.field("Subject", text + "\r\nBcc: everybody@example.com") + headers.mailbox_field(
        "To", text + "\nBcc: x@example.com", "ann@example.com"
    )

    fields = [line for line in raw.split(b"\r\n") if line and not line.startswith(b" ")]

    assert [line.split(b":")[0] for line in fields] == [b"Subject", b"To"]


@given(TEXT)
@settings(deadline=None)
def test_lines_stay_short(text: str) -> None:
    """No line is over 998 octets, and everything is ASCII (RFC 5322, 2.1.1)."""
    raw = headers.field("Subject", text * 8) + headers.mailbox_field("To", text, "ann@example.com")

    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


@given(st.text(st.sampled_from('ab, "\\(ü漢'), max_size=400), st.sampled_from(["Subject", "To"]))
@settings(deadline=None)
def test_lines_stay_within_78_where_there_are_blanks(text: str, name: str) -> None:
    """Where a word is longer than a line, the line holds nothing else; none ends in a blank that could get lost."""
    field = (
        headers.field if name == "Subject" else lambda *args: headers.mailbox_field(*args, "ann@example.com")
    )

    for line in field(name, text).split(b"\r\n"):
        assert len(line) <= 78 or len(line.removeprefix(name.encode() + b":").split()) == 1
        assert line == b"Subject: " or not line.endswith(b" ")


def test_a_word_that_no_line_may_have_is_encoded() -> None:
    raw = headers.field("Subject", "x" * 1200)

    assert max(map(len, raw.split(b"\r\n"))) <= 78
    assert parsed(raw, "Subject") == "x" * 1200


@pytest.mark.parametrize("text", ["🧑‍🚀 " * 30, "漢字" * 90, "é" * 200])
def test_no_encoded_word_splits_a_character(text: str) -> None:
    """RFC 2047 section 5: each encoded word is read by itself."""
    raw = headers.field("Subject", text)

    words = re.findall(rb"=\?utf-8\?b\?([^?]*)\?=", raw)
    assert len(words) > 1
    assert "".join(b64decode(word).decode() for word in words) == headers.clean(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@settings(deadline=None)
def test_whatever_is_written_as_an_address_is_read_as_that_one_address(address: str) -> None:
    """No sign in an address makes another mailbox, a comment or a name of part of it."""
    try:
        raw = headers.mailbox_field("To", "", f"{address}@example.com")
    except UnmailableError:
        return
    if raw.isascii() and ".." not in address and not address.startswith(".") and not address.endswith("."):
        (read,) = message_from_bytes(raw + b"\r\n", policy=policy.default)["To"].addresses
        assert (read.addr_spec, read.display_name) == (f"{address}@example.com", "")


@pytest.mark.parametrize("address", ["a,b@x.example", "a;b@x.example", "a@b@x.example", "(c)a@x.example"])
def test_an_address_that_would_be_read_as_several_is_refused(address: str) -> None:
    with pytest.raises(UnmailableError):
        headers.mailbox_field("To", "", address)


@pytest.mark.parametrize(
    ("display", "written"),
    [
        ("Ann Smith", b"To: Ann Smith <ann@example.com>\r\n"),
        ("Smith, Ann", b'To: "Smith, Ann" <ann@example.com>\r\n'),
        ('Ann "A" Smith', b'To: "Ann \\"A\\" Smith" <ann@example.com>\r\n'),
        ("", b"To: ann@example.com\r\n"),
        ("J. R. R. Tolkien", b'To: "J. R. R. Tolkien" <ann@example.com>\r\n'),
    ],
)
def test_display_names_are_quoted_only_where_needed(display: str, written: bytes) -> None:
    """RFC 5322 section 3.2.3: atoms and blanks stand bare, anything else in quotes."""
    assert headers.mailbox_field("To", display, "ann@example.com") == written


def test_a_name_in_another_script_is_read_back() -> None:
    """RFC 2047: an encoded word is a phrase, the address stays as it is."""
    raw = headers.mailbox_field("To", "Łukasz 王小明", "ann@example.com")

    assert parsed(raw, "To") == "Łukasz 王小明 <ann@example.com>"


def test_a_domain_in_another_script_becomes_a_labels() -> None:
    """RFC 5890: servers without SMTPUTF8 need A-labels."""
    assert headers.ascii_address("ann@bücher.example") == "ann@xn--bcher-kva.example"


def test_a_local_part_in_another_script_is_refused() -> None:
    """It needs RFC 6531, which not every server knows."""
    with pytest.raises(UnmailableError, match="SMTPUTF8"):
        headers.ascii_address("änn@example.com")


def test_a_local_part_in_another_script_can_be_written_in_utf_8() -> None:
    """RFC 6532: in the address only; names stay encoded words, domains A-labels."""
    assert headers.utf8_address("änn@bücher.example") == "änn@xn--bcher-kva.example"
    raw = headers.mailbox_field("To", "Änn", "änn@example.com")
    assert raw.startswith(b"To: =?utf-8?")
    assert raw.endswith(" <änn@example.com>\r\n".encode())


@pytest.mark.parametrize("address", ["ä n@example.com", "ä>\r\nBcc: x@example.com", "ä\x00@example.com", "ä"])
def test_no_address_adds_a_header(address: str) -> None:
    with pytest.raises(UnmailableError):
        headers.mailbox_field("To", "", address)


def test_a_long_unsubscribe_link_is_never_folded_or_encoded() -> None:
    """A folded or encoded List-Unsubscribe silently loses one-click."""
    link = "<https://news.example.com/unsubscribe/" + "x" * 300 + ">"

    assert headers.verbatim("List-Unsubscribe", link) == f"List-Unsubscribe: {link}\r\n".encode()
