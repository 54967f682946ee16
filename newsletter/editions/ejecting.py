"""Copying a theme's files to where a designer changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.editions.theme_images import image_files
from newsletter.errors import ThemeError
from newsletter.whole import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.editions.theme import Theme


def eject_theme(theme: Theme, folder: Path, *, force: bool = False) -> list[Path]:
    """Write every file of *theme*, those that themes share and its pictures among them, into *folder*.

    Args:
        theme: what `load_theme` gave.
        folder: made if it is not there.
        force: replace files that are there; otherwise one such file is an error and nothing is written.

    Returns:
        The paths written, in the order of the alphabet.

    Raises:
        ThemeError: a file is there, or one cannot be written.
    """
    pictures = {folder / file: path for file, path in image_files(theme).items()}
    targets = {folder / file: text for file, text in theme.files.items()} | pictures
    there = sorted(path for path in targets if path.exists())
    if there and not force:
        more = f", and {len(there) - 1} more" if len(there) > 1 else ""
        raise ThemeError(
            f"there is such a file already{more}", where=str(there[0]), hint="add `--force` to replace it"
        )
    try:
        for path, source in targets.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, source.encode() if isinstance(source, str) else source.read_bytes())
    except OSError as error:
        raise ThemeError(
            f"cannot be written: {error.strerror}",
            where=str(error.filename or folder),
            hint="choose another folder with `--to DIR`",
        ) from error
    return sorted(targets)
