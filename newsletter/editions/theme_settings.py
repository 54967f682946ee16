"""What a ``theme.toml`` may say: known keys and values that fit, else an error with its line."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, NoReturn

from newsletter.errors import ThemeError, at, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: The table that is the theme's own, whatever it holds.
FREE = "extra"
#: The tables of colours, and the one that holds a table of texts for each language.
_COLOURS = ("light", "dark")
_LABELS = "labels"

#: From the narrowest to the widest sheet that mail programs show whole, and what a margin may be; in pixels.
_RANGES = {"width": (320, 700), "gutter": (0, 80), "text_size": (14, 24), "logo_width": (16, 600)}
#: The settings that are pictures.
PICTURES = (("logo",), ("signature", "portrait"))
_WEB = re.compile(r"https?://[^\s\"<>]+")
_FILE = re.compile(r"[^\"<>:\\/][^\"<>:\\]*\.(?:png|jpe?g|gif|webp)", re.IGNORECASE)
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")


def parse_settings(source: str, place: str, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Read one ``theme.toml``.

    Args:
        source: its text.
        place: where it was read, for people.
        known: the settings that there are, with their defaults; None for the file that defines them.

    Raises:
        ThemeError: it is no TOML, has a key that is not in *known*, or a value that does not fit; with line.
    """
    try:
        settings = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise ThemeError(f"this is no TOML: {error}", where=place, hint="see https://toml.io") from error
    if known is not None:
        _Reader(source, place).check(settings, known)
    return settings


def is_web_address(value: str) -> bool:
    """Whether a picture is on the web, and no file of the theme."""
    return _WEB.fullmatch(value) is not None


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """*below* with the keys of *above*, table by table."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = laid_over(merged[key], value) if both else value
    return merged


class _Reader:
    """Checks one file; it knows the lines."""

    def __init__(self, source: str, place: str) -> None:
        self._source = source
        self._place = place

    def check(self, settings: Mapping[str, Any], known: Mapping[str, Any]) -> None:
        for key, value in settings.items():
            self._known((key,), known)
            if key == FREE:
                continue
            if key == _LABELS:
                self._labels(value, known[_LABELS]["en"])
            elif isinstance(known[key], dict):
                self._table(key, value, known[key])
            else:
                self._value((key,), value, known[key])

    def _table(self, table: str, values: Any, known: Mapping[str, Any]) -> None:  # noqa: ANN401 - as read
        if not isinstance(values, dict):
            self._refuse((table,), "is no table", f"write `[{table}]` on a line of its own, its keys below")
        for key, value in values.items():
            self._known((table, key), known)
            self._value((table, key), value, known[key])

    def _labels(self, languages: Any, english: Mapping[str, str]) -> None:  # noqa: ANN401 - as read
        if not isinstance(languages, dict):
            self._refuse((_LABELS,), "is no table", "write `[labels.en]` on a line of its own")
        for language, texts in languages.items():
            path = (_LABELS, language)
            if not _LANGUAGE.fullmatch(language) or not isinstance(texts, dict):
                self._refuse(path, "is no table of a language", "write `[labels.en]` or `[labels.pt-BR]`")
            for key, text in texts.items():
                self._known((*path, key), english)
                self._value((*path, key), text, english[key])
                if strange := set(_PLACEHOLDER.findall(text)) - set(_PLACEHOLDER.findall(english[key])):
                    self._refuse(
                        (*path, key), f"has no value for `{{{min(strange)}}}`", f"as `{english[key]}`"
                    )

    def _value(self, path: tuple[str, ...], value: Any, default: Any) -> None:  # noqa: ANN401 - as read
        name = path[-1]
        if name in _RANGES:
            low, high = _RANGES[name]
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                self._refuse(path, "is no fitting number of pixels", f"write a number from {low} to {high}")
        elif not isinstance(value, type(default)):
            self._refuse(path, "is no text", f'put it in quotes: `{name} = "…"`')
        elif path[0] in _COLOURS and not _COLOUR.fullmatch(value):
            self._refuse(path, f"is no colour: `{value}`", "write six hexadecimal digits: `#0b5a9c`")
        elif path[0] == "fonts" and (not value.strip() or re.search(r"[\"{};<>]", value)):
            self._refuse(path, "is no list of fonts", "write `'Name of a font', Georgia, serif`")
        elif path in PICTURES and value and not (is_web_address(value) or _FILE.fullmatch(value)):
            hint = "write `https://…`, or the name of a PNG, JPEG, GIF or WebP beside this file"
            self._refuse(path, f"is no address of an image: `{value}`", hint)

    def _known(self, path: tuple[str, ...], known: Iterable[str]) -> None:
        if path[-1] not in known:
            own = f"its own keys a theme keeps under `[{FREE}]`"
            self._refuse(path, "is not a setting of a theme", did_you_mean(path[-1], known, otherwise=own))

    def _refuse(self, path: tuple[str, ...], what: str, hint: str) -> NoReturn:
        where = at(self._place, line_of(self._source, path))
        raise ThemeError(f"`{'.'.join(path)}` {what}", where=where, hint=hint)


def line_of(source: str, path: tuple[str, ...]) -> int | None:
    """The line of *source*, from 1, on which the key or table *path* is, or else the table that it is in."""
    table: tuple[str, ...] = ()
    best: tuple[int, int] | None = None
    for number, line in enumerate(source.splitlines(), 1):
        if header := re.match(r"\s*\[([^\[\]]+)\]", line):
            table = _parts(header[1])
            here = table
        elif key := re.match(r"\s*([\w.\"'-]+)\s*=", line):
            here = (*table, *_parts(key[1]))
        else:
            continue
        depth = len(here) if here == path[: len(here)] else 0
        if depth and (best is None or depth > best[0]):
            best = (depth, number)
    return best[1] if best else None


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
