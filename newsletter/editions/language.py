"""What follows from the language of an issue: how a date is written, and in which direction text runs."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

T = TypeVar("T")

#: ISO 15924 codes of scripts written from right to left (Unicode, Bidi_Class R and AL).
_FROM_THE_RIGHT = frozenset("Adlm Arab Aran Hebr Mand Mend Nkoo Rohg Samr Syrc Thaa Yezi".split())  # noqa: SIM905
#: Those whose letters are joined by strokes.
_JOINED = frozenset("Beng Deva Guru Mong Phag Tibt".split())  # noqa: SIM905
_ITALICS = frozenset("Armn Cyrl Geor Grek Latn".split())  # noqa: SIM905


@lru_cache(maxsize=64)
def locale_of(language: str) -> Locale:
    """The locale of a BCP 47 tag such as ``de`` or ``pt-BR``; English for one that Babel does not know."""
    for tag in (language, language.split("-")[0]):
        try:
            return Locale.parse(tag, sep="-")
        except (ValueError, UnknownLocaleError):
            continue
    return Locale("en")


def full_date(day: date, language: str) -> str:
    """*day* with its weekday, as one writes it in *language*: ``Saturday, April 11, 2026``."""
    return format_date(day, "full", locale=locale_of(language))


def long_date(day: date, language: str) -> str:
    """*day* without its weekday, as one writes it in *language*: ``April 11, 2026``."""
    return format_date(day, "long", locale=locale_of(language))


def script_of(language: str) -> str:
    """The script that *language* is written in, four letters of ISO 15924: ``Latn``, ``Arab``, ``Deva``."""
    first, *others = language.split("-")
    if written := next((part.title() for part in others if len(part) == 4 and part.isalpha()), None):
        return written
    likely = get_global("likely_subtags")
    tags = [f"{first.lower()}_{part.upper()}" for part in others] + [first.lower()]
    found = next((likely[tag] for tag in tags if tag in likely), "")
    return next((part for part in found.split("_")[1:] if len(part) == 4), "Latn")


def direction_of(language: str) -> str:
    """``rtl`` for a language written from right to left, else ``ltr``."""
    return "rtl" if script_of(language) in _FROM_THE_RIGHT else "ltr"


def has_italics(language: str) -> bool:
    """Whether the script of *language* has italics; others would only be slanted by machine."""
    return script_of(language) in _ITALICS


def may_be_spaced(language: str) -> bool:
    """Whether space between letters leaves the words of *language* whole: not where they are joined."""
    return script_of(language) not in _JOINED | _FROM_THE_RIGHT


def in_language(table: Mapping[str, T], language: str) -> T:
    """The entry of *table* for *language*, else for its first subtag, else for English."""
    for tag in (language, language.split("-")[0]):
        if tag in table:
            return table[tag]
    return table["en"]
