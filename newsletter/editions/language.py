"""What follows from the language of an issue: how a date is written, and in which direction text runs."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from babel import Locale, UnknownLocaleError
from babel.dates import format_date

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

T = TypeVar("T")


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


def direction_of(language: str) -> str:
    """``rtl`` for a language written from right to left, else ``ltr``."""
    return locale_of(language).text_direction


def in_language(table: Mapping[str, T], language: str) -> T:
    """The entry of *table* for *language*, else for its first subtag, else for English."""
    for tag in (language, language.split("-")[0]):
        if tag in table:
            return table[tag]
    return table["en"]
