"""Pieces of quoted-printable, joined in any way, say what their texts say."""

from __future__ import annotations

from quopri import decodestring

from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.messages.quoted import SOFT_BREAK, encode_text, encode_value

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=300)


@given(TEXT, TEXT, TEXT)
@settings(deadline=None)
def test_a_value_spliced_between_texts_is_read_back(before: str, value: str, after: str) -> None:
    """Decoding gives the three texts joined, with CRLF line ends, whatever stands where."""
    raw = encode_text(before) + SOFT_BREAK + encode_value(value) + SOFT_BREAK + encode_text(after)

    assert decodestring(raw).decode() == (before + value + after).replace("\n", "\r\n")


@given(TEXT, TEXT, TEXT)
@settings(deadline=None)
def test_no_encoded_line_is_over_76(before: str, value: str, after: str) -> None:
    """RFC 2045 section 6.7 rule 5."""
    raw = encode_text(before * 3) + SOFT_BREAK + encode_value(value * 3) + SOFT_BREAK + encode_text(after)

    assert max(len(line) for line in raw.split(b"\r\n")) <= 76
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
