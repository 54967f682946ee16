"""What one row of a file says of one person, checked and cleaned; or why it says nothing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from subscribers.addresses import Address, normalise
from subscribers.attributes import Value, clean_attributes, clean_text, infer_value
from subscribers.consent import GONE
from subscribers.errors import FieldError
from subscribers.models import Status
from subscribers.words import clean_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from subscribers.transfer.fields import Column

_GUARDED = re.compile(r"'+[=+\-@\t\r]")
_BETWEEN_WORDS = re.compile(r"[,;|]")

# The words of a file for a status; the second line as Mailchimp and others write them.
_STATUS = {str(status): status for status in Status if status is not Status.ERASED} | {
    "subscribed": Status.ACTIVE, "confirmed": Status.ACTIVE, "unconfirmed": Status.PENDING,
    "cleaned": Status.BOUNCED, "opted out": Status.UNSUBSCRIBED,
}  # fmt: skip

# In English, German, French, Spanish and Italian.
_YES = (
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
)
_NO = ("no", "n", "false", "f", "0", "off", "nein", "falsch", "non", "faux", "falso")
_ANSWERS = dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False)
_STATUS |= {word: Status.ACTIVE if yes else Status.UNSUBSCRIBED for word, yes in _ANSWERS.items()}


NOBODY = Address("", "")


@dataclass(slots=True)
class Record:
    """One row: what it does not say is empty or None."""

    address: Address = NOBODY
    texts: dict[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    attributes: dict[str, Value] = field(default_factory=dict)
    status: Status | None = None
    joined: datetime | None = None


def read_record(columns: Sequence[Column], cells: Sequence[str]) -> Record:
    """Read one row.

    Raises:
        SubscribersError: a cell cannot be what its column says; ``what`` is the reason.
    """
    record = Record()
    attributes: dict[str, object] = {}
    left = False
    for column in columns:
        cell = cells[column.index].strip() if column.index < len(cells) else ""
        if cell.startswith("'") and _GUARDED.match(cell):
            cell = cell[1:]
        if column.day_first:
            cell = cell.replace("/", ".")
        if column.is_attribute:
            if cell:
                attributes[column.field] = _attribute(column, cell)
                left = left or (column.consent != "" and _refuses(column, cell))
        elif cell or column.field == "email":
            _READERS[column.field](record, cell)
    if attributes:
        record.attributes = clean_attributes(attributes)
    if left and record.status not in GONE:
        record.status = Status.UNSUBSCRIBED
    return record


def _refuses(column: Column, cell: str) -> bool:
    """Whether a cell of a column about consent says that somebody must not be mailed."""
    answer = _ANSWERS.get(cell.casefold())
    if column.consent == "agreeing":
        return answer is False
    return _is_moment(cell) if answer is None else answer


def _attribute(column: Column, cell: str) -> object:
    if column.reading == "text":
        return cell
    if column.reading == "inferred":
        return infer_value(cell)
    try:
        return json.loads(cell)
    except ValueError as error:
        raise FieldError(f"`{column.header}`: this is no JSON value") from error


def _read_email(record: Record, cell: str) -> None:
    record.address = normalise(cell)


def _text_reader(name: str) -> Callable[[Record, str], None]:
    def read(record: Record, cell: str) -> None:
        record.texts[name] = clean_text(cell, name)

    return read


def _read_name(record: Record, cell: str) -> None:
    """A whole name: its first word is the first name, unless the file has a column for that."""
    first, _, last = clean_text(cell, "name").partition(" ")
    record.texts.setdefault("first_name", first)
    record.texts.setdefault("last_name", last)


def _read_tags(record: Record, cell: str) -> None:
    record.tags = _words(cell)


def _read_topics(record: Record, cell: str) -> None:
    record.topics = _words(cell)


@lru_cache(maxsize=4096)
def _words(cell: str) -> tuple[str, ...]:
    return tuple(clean_words(_unquoted(word) for word in _BETWEEN_WORDS.split(cell)))


def _unquoted(word: str) -> str:
    """A word without the quotes in which Mailchimp puts each tag."""
    word = word.strip()
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word


def _read_status(record: Record, cell: str) -> None:
    record.status = _STATUS.get(cell.casefold())
    if record.status is None:
        raise FieldError(f"`{cell[:40]}` is no status; to keep it, map the column to an attribute")


def _read_joined(record: Record, cell: str) -> None:
    record.joined = _moment(cell)


@lru_cache(maxsize=4096)
def _moment(text: str) -> datetime:
    for parse in _DATES:
        try:
            moment = parse(text)
            return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    raise FieldError(f"`{text[:40]}` is no date such as 2026-04-11")


def _is_moment(text: str) -> bool:
    try:
        _moment(text.replace("/", "."))
    except FieldError:
        return False
    return True


def _strptime(form: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, form).replace(tzinfo=UTC)


_DATES = (datetime.fromisoformat, _strptime("%d.%m.%Y"), _strptime("%d.%m.%Y %H:%M"))

_READERS: dict[str, Callable[[Record, str], None]] = {
    "email": _read_email,
    "first_name": _text_reader("first_name"),
    "last_name": _text_reader("last_name"),
    "name": _read_name,
    "locale": _text_reader("locale"),
    "tags": _read_tags,
    "topics": _read_topics,
    "status": _read_status,
    "joined": _read_joined,
}
