"""Pictures that a theme brings along: files beside its ``theme.toml``, published like those of an issue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsletter.editions.media import read_image
from newsletter.editions.theme import SETTINGS_FILE
from newsletter.editions.theme_settings import PICTURES, is_web_address, line_of
from newsletter.errors import IssueError, ThemeError, at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from newsletter.editions.media import Image
    from newsletter.editions.theme import Theme

#: What stands before the name of such a file where the images of an issue are, too, and may have its name.
OF_THEME = "theme:"


def read_theme_images(theme: Theme, root: Path) -> dict[str, Image]:
    """The pictures of *theme* that are files, by the address that `with_images` asks for.

    Args:
        theme: whose they are; their names are relative to its ``theme.toml``.
        root: the publication's folder, in which they must be.

    Raises:
        ThemeError: a file is missing, outside of *root*, too large, or no image that a mail can show; with
            the line that names it.
    """
    place = theme.place(SETTINGS_FILE)
    found = {}
    for path, name in _files(theme.settings):
        where = at(place, line_of(theme.files.get(SETTINGS_FILE, ""), path))
        try:
            found[OF_THEME + name] = read_image(Path(place).parent, name, where, root)
        except IssueError as error:
            raise ThemeError(
                error.what, where=where, hint=error.hint.replace("the issue", SETTINGS_FILE)
            ) from error
    return found


def image_files(theme: Theme) -> dict[str, Path]:
    """The files of `read_theme_images` that are there and in the theme's folder, by name."""
    folder = Path(theme.place(SETTINGS_FILE)).parent
    named = {name: folder / name for _, name in _files(theme.settings)}
    return {name: path for name, path in named.items() if ".." not in Path(name).parts and path.is_file()}


def with_images(settings: Mapping[str, Any], address: Callable[[str], str | None]) -> Mapping[str, Any]:
    """*settings* as templates read them: the *address* of each file in place of its name."""
    changed = dict(settings)
    for path, name in _files(settings):
        # Who only looks for places in the theme reads no files; there, any address does.
        shown = address(OF_THEME + name) or address(name) or ""
        if len(path) == 1:
            changed[path[0]] = shown
        else:
            changed[path[0]] = {**changed[path[0]], path[1]: shown}
    return changed


def _files(settings: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each setting that names a file: its path, and the name."""
    for path in PICTURES:
        value: Any = settings
        for key in path:
            value = value.get(key, {})
        if value and not is_web_address(value):
            yield path, value
