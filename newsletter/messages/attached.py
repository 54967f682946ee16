"""Images within messages: each encoded once, whoever gets it, and put beside the HTML (RFC 2387)."""

from __future__ import annotations

from base64 import encodebytes
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from newsletter.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsletter.editions.edition import Attachment, Edition


@dataclass(frozen=True)
class Attached:
    """An image that goes with each message; ``encoded`` is its base64 in lines that end with CRLF."""

    attachment: Attachment
    encoded: bytes

    @cached_property
    def on_one_line(self) -> str:
        """Its base64 without line ends, as JSON has it."""
        return self.encoded.replace(b"\r\n", b"").decode("ascii")

    def part(self) -> bytes:
        """The part of a message that it is, without the boundaries around it."""
        about = self.attachment
        head = (
            f'Content-Type: {about.media_type}; name="{about.name}"\r\n'
            "Content-Transfer-Encoding: base64\r\n"
            f"Content-ID: <{about.content_id}>\r\n"
            f'Content-Disposition: inline; filename="{about.name}"\r\n\r\n'
        )
        return head.encode("ascii") + self.encoded


def attach(edition: Edition, images: Mapping[str, bytes]) -> tuple[Attached, ...]:
    """The images that go with *edition*, encoded.

    Args:
        edition: what names them.
        images: their bytes, by name.

    Raises:
        DeliveryError: one that the edition names is not among them.
    """
    for each in edition.attachments:
        if each.name not in images:
            raise DeliveryError(
                "an attached image is not there", where=each.name, hint="bring the file back into `media/`"
            )
    return tuple(
        Attached(each, encodebytes(images[each.name]).replace(b"\n", b"\r\n")) for each in edition.attachments
    )


def beside(head: bytes, attached: tuple[Attached, ...], boundary: str) -> tuple[bytes, bytes]:
    """What stands before and after a text with its images, which make one ``multipart/related`` part.

    Args:
        head: the fields of the text and the blank line after them.
        attached: the images; without any, the text stands alone.
        boundary: what parts them; it must be in none of them.
    """
    if not attached:
        return head, b""
    edge = f"--{boundary}".encode()
    before = f'Content-Type: multipart/related; type="text/html";\r\n boundary="{boundary}"\r\n\r\n'
    images = b"".join(edge + b"\r\n" + each.part() for each in attached)
    return before.encode() + edge + b"\r\n" + head, b"\r\n" + images + edge + b"--\r\n"
