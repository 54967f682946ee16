"""Attributes: what a publication knows of its subscribers beside what every list knows."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from subscribers.errors import FieldError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = str | int | float | bool

#: What an attribute may be called. Names go into SQL as they are, so nothing else ever may.
ATTRIBUTE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")

#: The largest number, either way, that JSON, SQLite, PostgreSQL and Python agree on to the last digit.
LARGEST_NUMBER = 2**53

LONGEST_TEXT = 10_000

_FIELDS = {"email", "first_name", "last_name", "name", "locale", "status", "joined", "tags", "topics"}
_KEPT_APART = {"id", "public_id", "consent", "time_zone", "tracking_consent", "attributes"}
_WORDS_OF_EXPRESSIONS = {"and", "or", "not", "in", "is", "if", "else", "true", "false", "none"}
_RESERVED = frozenset(_FIELDS | _KEPT_APART | _WORDS_OF_EXPRESSIONS | {"defined", "undefined", "days_ago"})


def is_attribute_name(name: str) -> bool:
    """Whether an attribute may be called so: letters a-z, digits and ``_``, and no word already taken."""
    return ATTRIBUTE_NAME.fullmatch(name) is not None and name not in _RESERVED


def clean_attributes(attributes: Mapping[str, object]) -> dict[str, Value]:
    """The attributes as they are kept: without those that say nothing.

    Raises:
        FieldError: a name or a value that cannot be kept.
    """
    cleaned = {}
    for name, value in attributes.items():
        if not is_attribute_name(name):
            raise FieldError(
                f"`{name[:80]}` cannot be the name of an attribute",
                hint="use lower case letters, digits and `_`, and no name that every subscriber has",
            )
        if (kept := _clean_value(name, value)) is not None:
            cleaned[name] = kept
    return cleaned


def clean_text(text: str, what: str) -> str:
    """A one-line text without needless blanks.

    Raises:
        FieldError: it is too long or has characters that no database keeps.
    """
    if not text.isprintable():
        text = " ".join(text.split())
    if _unfit(text):
        raise FieldError(f"{what} has a character that cannot be kept")
    if len(text) > LONGEST_TEXT:
        raise FieldError(f"{what} is longer than {LONGEST_TEXT:,} characters")
    return " ".join(text.split()) if "  " in text else text.strip()


def clean_time_zone(name: str) -> str:
    """A time zone by its name in the IANA database, such as ``Europe/Berlin``; empty for not known.

    Raises:
        FieldError: there is none of that name.
    """
    text = clean_text(name, "the time zone")
    zones = _time_zones()
    if text and not zones:
        raise FieldError("this machine knows no time zones", hint="install the package tzdata")
    if text and text not in zones:
        near = nearest(text, zones, otherwise="use a name such as `Europe/Berlin` or `America/New_York`")
        raise FieldError(f"`{text[:80]}` is no time zone", hint=near)
    return text


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _unfit(text: str) -> bool:
    return not text.isprintable() and any(
        character == "\0" or "\ud800" <= character <= "\udfff" for character in text
    )


def _clean_value(name: str, value: object) -> Value | None:
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if _unfit(text) or len(text) > LONGEST_TEXT:
            raise FieldError(f"the value of `{name}` is too long, or has a character that cannot be kept")
        return text or None
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and math.isfinite(value) and abs(value) <= LARGEST_NUMBER:
        return value
    raise FieldError(
        f"the value of `{name}` is neither text, nor a number, nor true or false",
        hint="leave it out, or write it as text",
    )


_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
_WORDS: dict[str, bool] = {"true": True, "false": False}


def infer_value(text: str) -> Value:
    """What a text from a file or a command line means: a number, true or false, else text.

    ``5`` and ``-0.5`` are numbers; ``05``, ``+5``, ``1e5`` and ``2026-04-11`` stay text, as postcodes,
    telephone numbers and dates must.
    """
    if is_number(text):
        return read_number(text)
    return _WORDS.get(text.lower(), text)


def is_number(text: str) -> bool:
    """Whether a text is a number beyond doubt."""
    return _NUMBER.fullmatch(text) is not None


def is_yes_or_no(text: str) -> bool:
    """Whether a text is ``true`` or ``false``, in whatever case."""
    return text.lower() in _WORDS


def read_number(text: str) -> int | float:
    """The number that a text is."""
    return float(text) if "." in text else int(text)
