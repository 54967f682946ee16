"""What the cells of one column say, read all at once: a check that nearly all pass costs nothing."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from subscribers.attributes import (
    LONGEST_TEXT,
    Value,
    clean_attributes,
    clean_text,
    infer_value,
    read_number,
)
from subscribers.errors import FieldError, SubscribersError
from subscribers.models import Status, TrackingConsent
from subscribers.transfer.dates import read_moment
from subscribers.transfer.fields import attribute_name
from subscribers.transfer.inspecting import unguarded
from subscribers.words import SEPARATORS, clean_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from subscribers.transfer.dates import Order
    from subscribers.transfer.fields import Column

    #: Takes the number of a row and why it cannot be.
    Fail = Callable[[int, str], None]

T = TypeVar("T")

_BETWEEN_WORDS = re.compile(f"[{re.escape(SEPARATORS)}]")

# The words of a file for a status; the second line as Mailchimp and others write them.
_STATUSES = {str(status): status for status in Status if status is not Status.ERASED} | {
    "subscribed": Status.ACTIVE, "confirmed": Status.ACTIVE, "unconfirmed": Status.PENDING,
    "cleaned": Status.BOUNCED, "opted out": Status.UNSUBSCRIBED,
}  # fmt: skip

# In English, German, French, Spanish and Italian.
_YES = [
    "yes",
    "y",
    "true",
    "t",
    "1",
    "on",
    "x",
    "ja",
    "j",
    "wahr",
    "oui",
    "o",
    "vrai",
    "si",
    "sí",
    "sì",
    "vero",
]
_NO = ["no", "n", "false", "f", "0", "off", "nein", "falsch", "non", "faux", "falso"]
ANSWERS = dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False)
_STATUSES |= {word: Status.ACTIVE if yes else Status.UNSUBSCRIBED for word, yes in ANSWERS.items()}

# Columns of objects whose own name says nothing of what is in them.
_HOLDERS = frozenset({"attributes", "attribs", "metadata", "custom_fields", "fields"})


def stripped(cells: Sequence[str]) -> list[str]:
    """The cells without blanks around them, and without the quotes that guard a spreadsheet."""
    bare = list(map(str.strip, cells))
    return list(map(unguarded, bare)) if "'" in "".join(bare) else bare


def read_texts(cells: list[str], name: str, fail: Fail) -> list[str]:
    """One-line texts, as `clean_text` makes them."""
    joined = "".join(cells)
    if joined.isprintable() and "  " not in joined and max(map(len, cells)) <= LONGEST_TEXT:
        return cells
    return read_each(cells, lambda cell: clean_text(cell, name), "", fail)


def read_each(cells: Sequence[str], read: Callable[[str], T], empty: T, fail: Fail) -> list[T]:
    """Each cell read for itself, an empty one as *empty*; *fail* is told of those that cannot be."""
    values = []
    for row, cell in enumerate(cells):
        value = empty
        if cell:
            try:
                value = read(cell)
            except SubscribersError as error:
                fail(row, error.what)
        values.append(value)
    return values


def read_values(column: Column, cells: list[str], fail: Fail) -> Sequence[Value | None]:
    """The values of an attribute, of the type that the column has."""
    if column.reading == "number":
        return read_each(cells, _number, None, fail)
    if column.reading == "yes or no":
        return read_each(cells, infer_value, None, fail)
    if column.reading == "json":
        return read_each(cells, lambda cell: _json_value(column, cell), None, fail)
    joined = "".join(cells)
    if joined.isprintable() and max(map(len, cells)) <= LONGEST_TEXT:
        return [cell or None for cell in cells]
    return read_each(cells, lambda cell: clean_attributes({column.field: cell}).get(column.field), None, fail)


def read_objects(column: Column, cells: Sequence[str], fail: Fail) -> list[Mapping[str, Value]]:
    """Attributes out of JSON objects, one to a cell."""
    prefix = "" if column.header.lower() in _HOLDERS or not column.is_attribute else f"{column.field}_"
    return read_each(cells, lambda cell: _object(column, prefix, cell), {}, fail)


@lru_cache(maxsize=4096)
def read_words(cell: str) -> tuple[str, ...]:
    """Tags or topics, with comma, semicolon or bar between them."""
    return tuple(clean_words(_unquoted(word) for word in _BETWEEN_WORDS.split(cell)))


def status_reader(words: Mapping[str, Status]) -> Callable[[str], Status]:
    """What reads a status: *words* and those that everybody knows."""
    known = {**_STATUSES, **words}

    def read(cell: str) -> Status:
        if (status := known.get(cell.casefold())) is None:
            raise FieldError(f"`{cell[:40]}` is no status; to keep it, map the column to an attribute")
        return status

    return read


def read_tracking(cell: str) -> str:
    """What a cell says of being tracked: ``granted`` or ``denied``, or yes or no in one of our languages.

    Raises:
        FieldError: it says neither.
    """
    word = cell.casefold()
    if word in (TrackingConsent.GRANTED, TrackingConsent.DENIED):
        return word
    if (answer := ANSWERS.get(word)) is None:
        raise FieldError(f"`{cell[:40]}` says neither yes nor no of being tracked")
    return TrackingConsent.GRANTED.value if answer else TrackingConsent.DENIED.value


def refuses(column: Column, cell: str) -> bool:
    """Whether a cell of a column about consent says that somebody must not be mailed."""
    answer = ANSWERS.get(cell.casefold())
    if column.consent == "agreeing":
        return answer is False
    return moment_in(cell) is not None if answer is None else answer


def moment_in(text: str, order: Order = "") -> datetime | None:
    """The date or moment that a cell about leaving has, if it has one; 1 and 0 are yes and no.

    One that might be two, in a column whose *order* is not known, begins with the day: who left, left.
    """
    if not text or text.casefold() in ANSWERS:
        return None
    try:
        return read_moment(text, order or "day")
    except FieldError:
        return None


def _number(cell: str) -> int | float:
    try:
        return read_number(cell)
    except ValueError as error:
        raise FieldError(f"`{cell[:40]}` is no number, as all others of its column are") from error


def _json_value(column: Column, cell: str) -> Value | None:
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError) as error:
        raise FieldError(f"`{column.header}`: this is no JSON value") from error
    return clean_attributes({column.field: value}).get(column.field)


def _object(column: Column, prefix: str, cell: str) -> Mapping[str, Value]:
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError) as error:
        raise FieldError(f"`{column.header}`: this is no JSON object") from error
    if not isinstance(found, dict):
        raise FieldError(f"`{column.header}`: this is no JSON object")
    return clean_attributes(_flat(found, prefix))


def _flat(found: Mapping[str, object], prefix: str) -> dict[str, object]:
    """An object's values under the names of attributes; one within it lends its name to what it holds."""
    flat: dict[str, object] = {}
    for key, value in found.items():
        name = attribute_name(f"{prefix}{key}")
        if isinstance(value, dict):
            flat.update(_flat(value, f"{name}_"))
        elif isinstance(value, list):
            flat[name] = ";".join(item if isinstance(item, str) else json.dumps(item) for item in value)
        elif name:
            flat[name] = value
    return flat


def _unquoted(word: str) -> str:
    """A word without the quotes in which Mailchimp puts each tag."""
    word = word.strip()
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word
