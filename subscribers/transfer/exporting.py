"""Exports subscribers as CSV, in a form from which the import makes the same subscribers again."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from operator import itemgetter
from typing import IO, TYPE_CHECKING, Any, Literal

from sqlalchemy import Text, and_, cast, select, true, type_coerce
from sqlalchemy.sql.functions import aggregate_strings
from sqlalchemy.types import NullType

from subscribers.attributes import Value, infer_value
from subscribers.models import Status
from subscribers.tables import SUBSCRIBER, TAGS, TOPICS
from subscribers.transfer.collecting import uncollected
from subscribers.transfer.fields import Reading, header_of
from subscribers.transfer.inspecting import unguarded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from subscribers.segments import Segment
    from subscribers.store import SubscriberStore
    from subscribers.tables import Vocabulary

    Kind = Literal["text", "doubtful text", "number", "yes or no", "json"]

_PAGE = 5_000
_TEXTS = ("email", "first_name", "last_name", "locale", "status")
_FIELDS = (*_TEXTS, "tags", "topics", "joined")

# What a spreadsheet would run as a formula (OWASP, CSV injection), behind any quotes that are there already.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_STARTS = frozenset("'=+-@\t\r")
_first = itemgetter(slice(1))
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
        rows.writerow([*_FIELDS, *(_header(name, reading) for name, reading in readings.items())])
        words = _Words(connection, TAGS), _Words(connection, TOPICS)
        pages = _pages(connection, where)
        while True:
            with uncollected():
                if not (page := next(pages, ())):
                    break
                rows.writerows(zip(*_columns(page, words, readings), strict=True))
            written += len(page)
    return written


def _pages(connection: Connection, where: ColumnElement[bool]) -> Iterator[Sequence[Any]]:
    """Those who are exported, by id, some thousands at a time."""
    columns = SUBSCRIBER.c
    # What the driver gives, without a call of Python for each value; texts of JSON are parsed by the thousand.
    query = select(
        columns.id,
        *(columns[name] for name in _TEXTS),
        type_coerce(columns.created_at, NullType),
        cast(columns.attributes, Text),
    )
    query, last = query.where(where).order_by(columns.id).limit(_PAGE), 0
    while page := connection.execute(query.where(columns.id > last)).all():
        yield page
        last = page[-1][0]


def _columns(
    page: Sequence[Any], words: Sequence[_Words], readings: Mapping[str, Reading]
) -> Iterator[Sequence[str]]:
    """The cells of a page, column by column, as a file may have them."""
    ids, *texts, joined, attributes = zip(*page, strict=True)
    yield from (_guarded(column) for column in texts)
    yield from (_guarded(some.of(ids)) for some in words)
    yield list(map(_moment, joined))
    known = _parsed(attributes)
    for name, reading in readings.items():
        yield _guarded(_cells([some.get(name, "") for some in known], reading))


def _moment(moment: str | datetime) -> str:
    """A moment as the driver gives it, in ISO 8601: SQLite keeps it as text, in UTC."""
    if isinstance(moment, str):
        return moment.replace(" ", "T", 1).removesuffix(".000000") + "+00:00"
    return moment.isoformat()


@dataclass
class _Words:
    """The tags or topics of people, as one cell for each: who has the same ones has the same cell."""

    connection: Connection
    vocabulary: Vocabulary
    texts: dict[int, str] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)

    def of(self, ids: Sequence[int]) -> Sequence[str]:
        """The cells of these people, whose ids are in order."""
        if not self.texts:
            table = self.vocabulary.words
            words = self.connection.execute(select(table.c.id, table.c[self.vocabulary.word]))
            self.texts = {row[0]: row[1] for row in words}
        pairs = self.vocabulary.pairs.c
        numbers = cast(pairs[self.vocabulary.reference], Text)
        query = select(pairs.subscriber_id, aggregate_strings(numbers, ",")).group_by(pairs.subscriber_id)
        rows = self.connection.execute(query.where(pairs.subscriber_id.between(ids[0], ids[-1]))).all()
        found = {row[0]: row[1] for row in rows}
        for numbers_of_some in set(found.values()) - self.cells.keys():
            words_of_some = sorted(self.texts[int(number)] for number in numbers_of_some.split(","))
            self.cells[numbers_of_some] = ";".join(map(_quoted, words_of_some))
        self.cells[""] = ""
        return [self.cells[found.get(who, "")] for who in ids]


def _parsed(texts: Sequence[str]) -> list[dict[str, Value]]:
    parsed: list[dict[str, Value]] = json.loads(f"[{','.join(texts)}]")
    return parsed


def _readings(connection: Connection, where: ColumnElement[bool]) -> dict[str, Reading]:
    """The attributes of those who are exported, by name, and how their cells must be read."""
    kinds: defaultdict[str, set[Kind]] = defaultdict(set)
    query, last = select(SUBSCRIBER.c.id, cast(SUBSCRIBER.c.attributes, Text)).where(where), 0
    query = query.order_by(SUBSCRIBER.c.id).limit(_PAGE)
    while page := connection.execute(query.where(SUBSCRIBER.c.id > last)).all():
        with uncollected():
            values: defaultdict[str, list[Value]] = defaultdict(list)
            for attributes in _parsed([row[1] for row in page]):
                for name, value in attributes.items():
                    values[name].append(value)
            for name, some in values.items():
                kinds[name].update(_kinds(some))
        last = page[-1][0]
    return {name: _reading(name, kinds[name]) for name in sorted(kinds)}


def _header(name: str, reading: Reading) -> str:
    return name if reading in ("number", "yes or no") else header_of(name, reading)


def _reading(name: str, kinds: set[Kind]) -> Reading:
    if kinds == {"text"} and header_of(name, "inferred") == name:
        return "inferred"
    if len(kinds) == 1 and kinds <= {"number", "yes or no"} and header_of(name, "inferred") == name:
        return kinds.pop()
    return "text" if kinds <= {"text", "doubtful text"} else "json"


def _kinds(values: list[Value]) -> set[Kind]:
    """What kinds of values these are; a text is doubtful that in a column of its like would be none."""
    kinds: set[Kind] = set()
    texts = [value for value in values if isinstance(value, str)]
    if texts:
        kinds.add("doubtful text" if any(map(_is_doubtful, set(texts))) else "text")
    if len(texts) < len(values):
        others = {(type(value), value) for value in values if not isinstance(value, str)}
        kinds |= {"yes or no" if kind is bool else "number" for kind, _ in others}
        if not all(_is_inferred(value) for _, value in others):
            kinds.add("json")
    return kinds


def _is_doubtful(text: str) -> bool:
    return text[:1] in _DOUBTFUL and not isinstance(infer_value(unguarded(text.strip())), str)


# How a text begins that might be a number, true or false, or such behind a quote or blanks.
_DOUBTFUL = frozenset("-0123456789tTfF' ")


def _is_inferred(value: Value) -> bool:
    """Whether the value's text, read again, is the value."""
    found = infer_value(_text(value))
    return type(found) is type(value) and found == value


def _quoted(word: str) -> str:
    """A word that has quotes around it, with another pair: the import takes one pair away."""
    return f'"{word}"' if len(word) > 1 and word[0] == word[-1] == '"' else word


def _cells(values: Sequence[Value], reading: Reading) -> Sequence[str]:
    """The values of one attribute as cells; who has none has an empty text."""
    if reading == "number":
        return list(map(str, values))
    if reading == "json":
        return ["" if value == "" else json.dumps(value, ensure_ascii=False) for value in values]
    if reading == "yes or no":
        return [value if value == "" else _text(value) for value in values]
    return [str(value) for value in values]


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _guarded(cells: Sequence[str]) -> Sequence[str]:
    """The cells, those that a spreadsheet would run with a quote in front."""
    if _STARTS.isdisjoint(map(_first, cells)):
        return cells
    return [f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell for cell in cells]
