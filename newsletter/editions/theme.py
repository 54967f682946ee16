"""Themes: folders of Jinja and MJML files, the publication's laid file by file over the built-in ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from newsletter.editions.theme_settings import laid_over, parse_settings
from newsletter.errors import ThemeError, did_you_mean
from newsletter.resources import builtin_templates

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: The file that makes the MJML document of an issue; every theme has one.
MAIN_FILE = "issue.mjml.j2"
SETTINGS_FILE = "theme.toml"
#: The built-in folder of what themes share; its files lie below those of every theme.
SHARED = "_shared"
_SUFFIXES = (".j2", ".toml", ".css")


@dataclass(frozen=True, eq=False)
class Theme:
    """A theme, read: its files, and what its ``theme.toml`` says.

    Attributes:
        name: its folder's name.
        files: the source of each file, by its path within the theme.
        settings: ``theme.toml``, laid key by key: what themes share, the built-in theme, the publication's.
        places: where each file was read, for error messages.
    """

    name: str
    files: Mapping[str, str]
    settings: Mapping[str, Any]
    places: Mapping[str, str] = field(default_factory=dict)

    def place(self, file: str) -> str:
        """Where *file* was read, for people."""
        return self.places.get(file, f"{self.name}/{file}")


def load_theme(name: str, themes_dir: Path | None = None) -> Theme:
    """Read the theme *name*.

    Args:
        name: the name of a folder in *themes_dir* or among the built-in themes. A folder of the same name in
            both is one theme: each file of the publication replaces the built-in one, each key of its
            ``theme.toml`` the built-in key. Below both lie the files that all themes share.
        themes_dir: the publication's folder of themes; it need not exist.

    Raises:
        ThemeError: there is no such theme, one of its files cannot be read, or its ``theme.toml`` has an
            unknown key or a value that does not fit; with file and line.
    """
    own = [shelf / name for shelf in _shelves(themes_dir) if name in _names(shelf)]
    if not own:
        raise ThemeError(
            f"there is no theme `{name}`", where=name, hint=did_you_mean(name, theme_names(themes_dir))
        )
    folders = (_shelves(None)[0] / SHARED, *own)
    read = tuple((file, str(path), _read(path)) for folder in folders for file, path in _files(folder))
    return _made(name, str(own[-1]), read)


@lru_cache(maxsize=8)
def _made(name: str, folder: str, read: tuple[tuple[str, str, str], ...]) -> Theme:
    """The theme of files that were *read*: each with its path in the theme, its place, and its text.

    The same files are the same theme, so what Jinja makes of them is made once, not for each issue.
    """
    files: dict[str, str] = {}
    places: dict[str, str] = {}
    settings: dict[str, Any] | None = None
    for file, place, text in read:
        files[file], places[file] = text, place
        if file == SETTINGS_FILE:
            settings = laid_over(settings or {}, parse_settings(text, place, settings))
    if MAIN_FILE not in files:
        raise ThemeError(
            f"the theme `{name}` has no {MAIN_FILE}", where=folder, hint=f"write a file {MAIN_FILE}"
        )
    return Theme(name, dict(sorted(files.items())), settings or {}, places)


def theme_names(themes_dir: Path | None = None) -> list[str]:
    """The names of the built-in themes and of those in *themes_dir*, in the order of the alphabet."""
    return sorted({name for shelf in _shelves(themes_dir) for name in _names(shelf)})


def _shelves(themes_dir: Path | None) -> list[Path]:
    return [builtin_templates() / "themes", *([themes_dir] if themes_dir else [])]


def _names(shelf: Path) -> list[str]:
    if not shelf.is_dir():
        return []
    return sorted(
        path.name for path in shelf.iterdir() if path.is_dir() and not path.name.startswith((".", "_"))
    )


def _files(folder: Path) -> list[tuple[str, Path]]:
    paths = (path for path in folder.rglob("*") if path.suffix in _SUFFIXES and path.is_file())
    return sorted((path.relative_to(folder).as_posix(), path) for path in paths)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ThemeError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise ThemeError("is not UTF-8 text", where=str(path), hint="save the file as UTF-8") from error
