"""Exports subscribers as CSV, in a form from which the import makes the same subscribers again."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from typing import IO, TYPE_CHECKING, Any

from sqlalchemy import Text, and_, cast, select, true

from subscribers.attributes import Value, infer_value
from subscribers.models import Status
from subscribers.tables import SUBSCRIBER, TAGS, TOPICS
from subscribers.transfer.fields import Reading, header_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

    from subscribers.segments import Segment
    from subscribers.store import SubscriberStore
    from subscribers.tables import Vocabulary

_PAGE = 5_000
_FIELDS = ("email", "first_name", "last_name", "locale", "status", "tags", "topics", "joined")

# What a spreadsheet would run as a formula (OWASP, CSV injection), behind any quotes that are there already.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_A_FORMULA = re.compile(rf"(?:^|\n){_FORMULA.pattern}")
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
    written = 0
    with store.engine.connect() as connection:
        # Both passes must see the same list; SQLite's transactions always do.
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        readings = _readings(connection, where)
        rows = csv.writer(out)
        rows.writerow([*_FIELDS, *(header_of(name, reading) for name, reading in readings.items())])
        for page in _pages(connection, where):
            rows.writerows(zip(*_columns(connection, page, readings), strict=True))
            written += len(page)
    return written


def _pages(connection: Connection, where: ColumnElement[bool]) -> Iterator[Sequence[Any]]:
    """Those who are exported, by id, some thousands at a time."""
    # Cast, since parsing thousands of JSON texts at once is faster than each for itself.
    columns = [cast(column, Text) if column.name == "attributes" else column for column in SUBSCRIBER.c]
    query = select(*(column.label(name) for column, name in zip(columns, SUBSCRIBER.c.keys(), strict=True)))
    query, last = query.where(where).order_by(SUBSCRIBER.c.id).limit(_PAGE), 0
    while page := connection.execute(query.where(SUBSCRIBER.c.id > last)).all():
        yield page
        last = page[-1].id


def _columns(
    connection: Connection, page: Sequence[Any], readings: Mapping[str, Reading]
) -> Iterator[Sequence[str]]:
    """The cells of a page, column by column, as a file may have them."""
    column = dict(zip(page[0]._fields, zip(*page, strict=True), strict=True))
    for name in ("email", "first_name", "last_name", "locale"):
        yield _guarded(column[name])
    yield column["status"]
    for vocabulary in (TAGS, TOPICS):
        yield _guarded(_words(connection, vocabulary, column["id"]))
    yield [moment.isoformat() for moment in column["created_at"]]
    attributes = _parsed(column["attributes"])
    for name, reading in readings.items():
        yield _guarded([_cell(known.get(name), reading) for known in attributes])


def _words(connection: Connection, vocabulary: Vocabulary, ids: Sequence[int]) -> list[str]:
    """The tags or topics of each, as one cell."""
    table, pairs, word = vocabulary.words, vocabulary.pairs, vocabulary.words.c[vocabulary.word]
    found: defaultdict[int, list[str]] = defaultdict(list)
    query = select(pairs.c.subscriber_id, word).join(table, table.c.id == pairs.c[vocabulary.reference])
    for who, text in connection.execute(query.where(pairs.c.subscriber_id.between(ids[0], ids[-1]))):
        found[who].append(text)
    return [";".join(map(_quoted, sorted(found[who]))) if who in found else "" for who in ids]


def _parsed(texts: Sequence[str]) -> list[dict[str, Value]]:
    parsed: list[dict[str, Value]] = json.loads(f"[{','.join(texts)}]")
    return parsed


def _readings(connection: Connection, where: ColumnElement[bool]) -> dict[str, Reading]:
    """The attributes of those who are exported, by name, and how their cells must be read."""
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    query = select(cast(SUBSCRIBER.c.attributes, Text)).where(where).execution_options(yield_per=_PAGE)
    with connection.execute(query) as rows:
        for page in rows.scalars().partitions():
            values: defaultdict[str, list[Value]] = defaultdict(list)
            for attributes in _parsed(page):
                for name, value in attributes.items():
                    values[name].append(value)
            for name, some in values.items():
                kinds[name].update(_kinds(some))
    return {name: _reading(name, kinds[name]) for name in sorted(kinds)}


def _reading(name: str, kinds: set[str]) -> Reading:
    if len(kinds) == 1 and "" not in kinds and header_of(name, "inferred") == name:
        return "inferred"
    return "text" if kinds <= {"text", ""} else "json"


# A text that an import would take for a number, or for yes or no, if its whole column were of such.
_TAKEN_FOR_ELSE = re.compile(r"^\s*'*(?:-?[0-9]+(?:\.[0-9]+)?|true|false)\s*$", re.IGNORECASE | re.MULTILINE)


def _kinds(values: list[Value]) -> set[str]:
    """What kinds of values these are; an empty kind if one would be read as another, though all are text."""
    kinds = set()
    texts = [value for value in values if isinstance(value, str)]
    if texts:
        kinds.add("text")
        if _TAKEN_FOR_ELSE.search("\n".join(texts)):
            kinds.add("")
    if len(texts) < len(values):
        others = {value for value in values if not isinstance(value, str)}
        kinds |= {"yes or no" if isinstance(value, bool) else "number" for value in values if not isinstance(value, str)}
        if not all(map(_is_inferred, others)):
            kinds.add("json")
    return kinds


def _is_inferred(value: Value) -> bool:
    """Whether the value's text, read again, is the value."""
    found = infer_value(_text(value))
    return type(found) is type(value) and found == value


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


def _guarded(cells: Sequence[str]) -> Sequence[str]:
    """The cells, those that a spreadsheet would run with a quote in front."""
    if not _A_FORMULA.search("\n".join(cells)):
        return cells
    return [f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell for cell in cells]
