"""Exports subscribers as CSV, in a form from which the import makes the same subscribers again."""

from __future__ import annotations

import csv
import json
import re
from typing import IO, TYPE_CHECKING

from sqlalchemy import and_, select, true

from subscribers.attributes import Value, infer_value
from subscribers.models import Status
from subscribers.profiles import Profile, read_profiles
from subscribers.tables import SUBSCRIBER
from subscribers.transfer.fields import Reading, header_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from subscribers.segments import Segment
    from subscribers.store import SubscriberStore

_PAGE = 1_000
_FIELDS = ("email", "first_name", "last_name", "locale", "status", "tags", "topics", "joined")

# What a spreadsheet would run as a formula (OWASP, CSV injection), behind any quotes that are there already.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"-[0-9]+(\.[0-9]+)?")


def export_csv(store: SubscriberStore, segment: Segment | None, out: IO[str]) -> int:
    """Write those in *segment* (None: all) as CSV (RFC 4180), in the order in which they came.

    A text that a spreadsheet would take for a formula gets a quote in front. An attribute whose values would
    be read differently (``007`` that is text, ``5`` that is text) says so in its column: ``zip:text``,
    ``zip:json``. Who was erased is left out.

    Returns:
        How many subscribers were written.
    """
    where = and_(SUBSCRIBER.c.status != Status.ERASED, true() if segment is None else segment.clause())
    written = last = 0
    with store.engine.connect() as connection:
        # Both passes must see the same list; SQLite's transactions always do.
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        readings = _readings(connection, where)
        rows = csv.writer(out)
        rows.writerow([*_FIELDS, *(header_of(name, reading) for name, reading in readings.items())])
        while page := read_profiles(connection, and_(where, SUBSCRIBER.c.id > last), limit=_PAGE):
            rows.writerows(_row(profile, readings) for profile in page)
            written, last = written + len(page), page[-1].id
    return written


def _readings(connection: Connection, where: ColumnElement[bool]) -> dict[str, Reading]:
    """The attributes of those who are exported, by name, and how their cells must be read."""
    inferred: dict[str, bool] = {}
    text: dict[str, bool] = {}
    query = select(SUBSCRIBER.c.attributes).where(where).execution_options(yield_per=_PAGE)
    with connection.execute(query) as rows:
        for (attributes,) in rows:
            for name, value in attributes.items():
                inferred[name] = inferred.get(name, True) and _is_inferred(value)
                text[name] = text.get(name, True) and isinstance(value, str)
    return {name: _reading(name, inferred=inferred[name], text=text[name]) for name in sorted(inferred)}


def _reading(name: str, *, inferred: bool, text: bool) -> Reading:
    if inferred and header_of(name, "inferred") == name:
        return "inferred"
    return "text" if text else "json"


def _is_inferred(value: Value) -> bool:
    """Whether the value's text, read again, is the value."""
    found = infer_value(_text(value))
    return type(found) is type(value) and found == value


def _row(profile: Profile, readings: dict[str, Reading]) -> list[str]:
    cells = [
        profile.email,
        profile.first_name,
        profile.last_name,
        profile.locale,
        profile.status,
        ";".join(map(_quoted, profile.tags)),
        ";".join(map(_quoted, profile.topics)),
        profile.created_at.isoformat(),
        *(_cell(profile.attributes.get(name), reading) for name, reading in readings.items()),
    ]
    return [_guarded(cell) for cell in cells]


def _quoted(word: str) -> str:
    """A word that has quotes around it, with another pair: the import takes one pair away."""
    return f'"{word}"' if len(word) > 1 and word[0] == word[-1] == '"' else word


def _cell(value: Value | None, reading: Reading) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if reading == "json" else _text(value)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _guarded(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell
