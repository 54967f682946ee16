"""Images that go with the message instead of being loaded from the web.

An edition names them, and their bytes are read when it is sent. Its HTML shows them by content id, which only
a mail program can follow; where a browser shows it, `with_web_images` puts their addresses in place.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from newsletter.editions.edition import Attachment
from newsletter.editions.media import find_published
from newsletter.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from newsletter.config import PublicationSettings
    from newsletter.editions.edition import Edition
    from newsletter.editions.media import Image
    from newsletter.issues import Issue

_MEDIA_TYPES = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}


def attaches(issue: Issue, publication: PublicationSettings) -> bool:
    """Whether the local images of *issue* go with the message: what it says itself, else its publication."""
    return (issue.images or publication.images) == "attach"


def content_id(image: Image) -> str:
    """What names *image* within a message; made of its content, like its published name."""
    return f"{image.digest[:16]}@images"


def attachments_of(images: Iterable[Image], html: str) -> tuple[Attachment, ...]:
    """Those of *images* that *html* shows by content id, each content once, in the order of *images*."""
    found = {
        image.name: Attachment(image.name, _MEDIA_TYPES[image.format], content_id(image), image.size)
        for image in images
        if f"cid:{content_id(image)}" in html
    }
    return tuple(found.values())


def read_attached(edition: Edition, folder: Path | None) -> dict[str, bytes]:
    """The bytes of the images that go with *edition*, by name.

    Args:
        edition: as it was compiled or frozen.
        folder: where published images are; an edition without attachments needs none.

    Raises:
        DeliveryError: an image is not there, cannot be read, or is not the one that the edition froze.
    """
    return {each.name: _content(each, folder) for each in edition.attachments}


def with_web_images(html: str, edition: Edition, url: str) -> str:
    """*html* of *edition* with the addresses of attached images below *url* in place of their content ids."""
    for each in edition.attachments:
        html = html.replace(f"cid:{each.content_id}", f"{url}/media/{each.name}")
    return html


def _content(attachment: Attachment, folder: Path | None) -> bytes:
    place = str(folder / attachment.name) if folder else attachment.name
    path = find_published(folder, attachment.name) if folder else None
    if path is None:
        raise DeliveryError("an attached image is not there", where=place, hint="bring the file back")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DeliveryError(
            f"an attached image cannot be read: {error.strerror}",
            where=place,
            hint="look at the rights of the file",
        ) from error
    if not sha256(content).hexdigest().startswith(path.stem):
        raise DeliveryError(
            "an attached image is not the one that the edition froze",
            where=place,
            hint="bring the file back as it was",
        )
    return content
