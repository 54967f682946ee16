"""Images within messages: in their place beside the HTML, byte for byte, and encoded once for everybody."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from fakes.editions import ENVELOPE, edition, personal_edition
from fakes.images import gif, png
from hypothesis import given
from hypothesis import strategies as st

from newsletter.editions import Attachment, Edition
from newsletter.errors import DeliveryError
from newsletter.messages import Composer, Recipient

IMAGES = {"0123456789abcdef.png": png(40, 20), "fedcba9876543210.gif": gif(3, 2)}
TYPES = {"png": "image/png", "gif": "image/gif"}


def with_images(made: Edition, images: dict[str, bytes]) -> Edition:
    """An edition whose HTML shows *images*, which go with it."""
    attachments = tuple(
        Attachment(name, TYPES[name[17:]], f"{name[:16]}@images", len(content))
        for name, content in images.items()
    )
    shown = "".join(f'<img src="cid:{each.content_id}" alt="" />' for each in attachments)
    return replace(made, html=made.html.replace("</body>", f"{shown}</body>"), attachments=attachments)


def composed(composer: Composer, name: str = "Ann"):
    links = {"unsubscribe": "https://example.com/u"}
    return composer.compose(Recipient("ann@example.com", name, {"first_name": name}, links), "d1", 0.0)


def parsed(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert [part.defects for part in message.walk()] == [[]] * len(list(message.walk()))
    return message


def test_the_html_and_its_images_are_one_alternative_to_the_text() -> None:
    """RFC 2387: the type of the root is named, and the root comes first."""
    composer = Composer(with_images(edition(), IMAGES), ENVELOPE, IMAGES)
    back = parsed(composed(composer).as_bytes())

    assert back.get_content_type() == "multipart/alternative"
    text, related = back.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert related.get_content_type() == "multipart/related"
    assert related.get_param("type") == "text/html"
    assert [part.get_content_type() for part in related.iter_parts()] == [
        "text/html",
        "image/png",
        "image/gif",
    ]
    assert related.get_boundary() != back.get_boundary()


def test_each_image_is_there_byte_for_byte_under_the_name_that_the_html_gives_it() -> None:
    composer = Composer(with_images(edition(), IMAGES), ENVELOPE, IMAGES)
    message = composed(composer)
    back = parsed(message.as_bytes())
    _, related = back.iter_parts()
    html, *images = related.iter_parts()

    assert html.get_content().replace("\r\n", "\n") == composer.html(message)
    for part, (name, content) in zip(images, IMAGES.items(), strict=True):
        assert part.get_content() == content
        assert part.get_content_disposition() == "inline"
        assert part.get_filename() == name
        assert str(part["Content-ID"]) == f"<{name[:16]}@images>"
        assert f"cid:{name[:16]}@images" in html.get_content()


@given(st.binary(max_size=500))
def test_any_bytes_read_back_from_lines_that_every_server_takes(content: bytes) -> None:
    """RFC 2045 section 6.8: at most 76 characters on an encoded line; and the size is known beforehand."""
    images = {"0123456789abcdef.png": content}
    composer = Composer(with_images(edition(), images), ENVELOPE, images)
    raw = composed(composer).as_bytes()
    *_, image = parsed(raw).walk()

    assert image.get_payload(decode=True) == content
    assert max(map(len, composer.attached[0].encoded.split(b"\r\n"))) <= 76
    assert len(composer.attached[0].encoded) == composer.edition.attachments[0].encoded_size
    assert raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n")


class Counted(dict):
    """Images that count how often each is asked for."""

    asked = 0

    def __getitem__(self, name: str) -> bytes:
        self.asked += 1
        return super().__getitem__(name)


def test_one_encoding_serves_all_recipients() -> None:
    images = Counted(IMAGES)
    composer = Composer(with_images(personal_edition(), IMAGES), ENVELOPE, images)
    first, second = (composed(composer, name).as_bytes() for name in ("Ann", "Benedict"))

    assert images.asked == len(IMAGES)
    assert composer.attached[0].encoded in first
    assert first.partition(b"image/png")[2] == second.partition(b"image/png")[2]
    assert first != second


def test_an_image_that_is_missing_makes_no_composer() -> None:
    with pytest.raises(DeliveryError, match="not there") as caught:
        Composer(with_images(edition(), IMAGES), ENVELOPE, {"0123456789abcdef.png": b""})
    assert caught.value.where == "fedcba9876543210.gif"
    assert caught.value.hint


def test_an_edition_with_images_survives_its_freezing() -> None:
    made = with_images(edition(), IMAGES)
    again = Edition.from_json(made.to_json())

    assert again == made
    assert again.digest == made.digest != replace(made, attachments=()).digest


def test_an_edition_that_was_frozen_before_there_were_attachments_keeps_its_digest() -> None:
    assert "attachments" not in edition().to_json()
    assert Edition.from_json(edition().to_json()) == edition()
