"""A message as files to look at: ``SLUG.html``, ``SLUG.txt`` and ``SLUG.eml``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.editions import with_web_images
from newsletter.errors import NewsletterError
from newsletter.whole import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.messages.message import Message


def write_files(message: Message, folder: Path, url: str) -> list[Path]:
    """Write what one recipient gets into *folder*, replacing what was there, each file whole or not at all.

    Args:
        message: what they get.
        folder: where to; it is made if need be.
        url: below which a browser finds the images that go with the message.

    Returns:
        The paths of the HTML, the plain text and the message.

    Raises:
        NewsletterError: the folder or a file cannot be written.
    """
    composer = message.composer
    slug = composer.edition.slug
    contents = {
        f"{slug}.html": with_web_images(composer.html(message), composer.edition, url).encode(),
        f"{slug}.txt": composer.text(message).encode(),
        f"{slug}.eml": message.as_bytes(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            write_whole(folder / name, content)
    except OSError as error:
        raise NewsletterError(
            f"cannot be written: {error.strerror}",
            where=str(error.filename or folder),
            hint="choose another folder with `-o DIR`",
        ) from error
    return [folder / name for name in contents]
