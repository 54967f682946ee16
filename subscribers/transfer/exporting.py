"""Exports subscribers as CSV, in a form from which the import makes the same subscribers again."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Literal

from sqlalchemy import Text, and_, cast, select, true, type_coerce
from sqlalchemy.sql.functions import aggregate_strings
from sqlalchemy.types import NullType

from subscribers.attributes import Value, infer_value
from subscribers.database import reading
from subscribers.models import Status, SubscriptionState
from subscribers.tables import SUBSCRIBER, TAGS, TOPICS, pages
from subscribers.transfer.collecting import uncollected
from subscribers.transfer.fields import Reading, header_of
from subscribers.transfer.held import Held, moments
from subscribers.transfer.inspecting import unguarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from subscribers.segments import Segment
    from subscribers.store import SubscriberStore
    from subscribers.tables import Vocabulary

    Kind = Literal["text", "doubtful text", "number", "yes or no", "json"]

_PAGE = 5_000
_BLOCK = 1 << 20
_TEXTS = ("email", "first_name", "last_name", "locale", "time_zone", "tracking_consent", "status")
_RESTRAINTS = ("left_at", "left_topics", "pending_topics", "paused_until", "suppressed")
_FIELDS = (*_TEXTS, "tags", "topics", "joined", *_RESTRAINTS)

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
    with reading(store.engine) as connection:  # all passes must see the same list
        with TemporaryFile("w+", encoding="utf-8", newline="") as draft:
            written = _drafted(connection, where, draft)
            if written is not None:
                draft.seek(0)
                shutil.copyfileobj(draft, out, _BLOCK)
                return written
        return _write(connection, where, _readings(_pages(connection, where)), out) or 0


def _drafted(connection: Connection, where: ColumnElement[bool], draft: IO[str]) -> int | None:
    """Write all under the header that the first page makes; None if a later one shows that it does not do.

    The header comes first, but the last row may change it. That spares a second look at everybody, nearly
    always; without room for the draft, there is one.
    """
    try:
        first = next(_pages(connection, where), _NOBODY)
        return _write(connection, where, _readings([first]), draft)
    except OSError:
        return None


@dataclass(frozen=True)
class _Page:
    """Some thousands of those who are exported."""

    ids: Sequence[int]
    texts: Sequence[Sequence[str]]
    joined: Sequence[str | datetime]
    paused: Sequence[str | datetime | None]
    attributes: Sequence[Mapping[str, Value]]


_NOBODY = _Page((), ((),) * len(_TEXTS), (), (), ())


def _write(
    connection: Connection, where: ColumnElement[bool], readings: Mapping[str, Reading], out: IO[str]
) -> int | None:
    """Write all under the header that *readings* make; None as soon as somebody's attributes need another."""
    words = [_Words(connection, TAGS), *(_Words(connection, TOPICS, state) for state in SubscriptionState)]
    held = Held(connection)
    csv.writer(out).writerow([*_FIELDS, *(_header(name, reading) for name, reading in readings.items())])
    kinds: defaultdict[str, set[Kind]] = defaultdict(set)
    written, pages = 0, _pages(connection, where)
    while True:
        with uncollected():
            if (page := next(pages, None)) is None:
                return written
            _note_kinds(page, kinds)
            if {name: _reading(name, kinds[name]) for name in kinds}.items() - readings.items():
                return None
            block = io.StringIO(newline="")
            csv.writer(block).writerows(zip(*_columns(page, words, held, readings), strict=True))
            out.write(block.getvalue())
        written += len(page.ids)


def _pages(connection: Connection, where: ColumnElement[bool]) -> Iterator[_Page]:
    """Those who are exported, by id."""
    columns = SUBSCRIBER.c
    # What the driver gives, without a call of Python for each value; JSON is parsed by the thousand.
    query = select(
        columns.id,
        *(columns[name] for name in _TEXTS),
        type_coerce(columns.created_at, NullType),
        type_coerce(columns.paused_until, NullType),
        cast(columns.attributes, Text),
    )
    query, last = query.where(where).order_by(columns.id).limit(_PAGE), 0
    while rows := next(pages(connection, query.where(columns.id > last), _PAGE), None):
        ids, *texts, joined, paused, attributes = zip(*rows, strict=True)
        yield _Page(ids, texts, joined, paused, json.loads(f"[{','.join(attributes)}]"))
        last = ids[-1]


def _columns(
    page: _Page, words: Sequence[_Words], held: Held, readings: Mapping[str, Reading]
) -> Iterator[Sequence[str]]:
    """The cells of a page, column by column, as a file may have them."""
    tags, topics, pending, left = words
    yield from (_guarded(column) for column in page.texts)
    yield from (_guarded(some.of(page.ids)) for some in (tags, topics))
    yield moments(page.joined)
    yield moments(held.left_at(page.ids, page.texts[-1]))
    yield from (_guarded(some.of(page.ids)) for some in (left, pending))
    yield moments(page.paused)
    yield _guarded(held.suppressions(page.ids))
    for name, how in readings.items():
        yield _guarded(_cells([known.get(name, "") for known in page.attributes], how))


@dataclass
class _Words:
    """The tags or topics of people, as one cell for each: who has the same ones has the same cell.

    Of topics, those to which somebody stands so: who left one does not have it.
    """

    connection: Connection
    vocabulary: Vocabulary
    state: SubscriptionState | None = None
    texts: dict[int, str] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)

    @cached_property
    def _are_some(self) -> bool:
        """Whether anybody has any: hardly anybody left a topic, and each page would look for them."""
        query = select(self.vocabulary.pairs.c.subscriber_id).where(self._held).limit(1)
        return self.connection.execute(query).first() is not None

    @property
    def _held(self) -> ColumnElement[bool]:
        return true() if self.state is None else self.vocabulary.pairs.c.state == self.state.value

    def of(self, ids: Sequence[int]) -> Sequence[str]:
        """The cells of these people, whose ids are in order."""
        if not self._are_some:
            return [""] * len(ids)
        if not self.texts:
            table = self.vocabulary.words
            words = self.connection.execute(select(table.c.id, table.c[self.vocabulary.word]))
            self.texts = {row[0]: row[1] for row in words}
        pairs = self.vocabulary.pairs.c
        numbers = cast(pairs[self.vocabulary.reference], Text)
        query = select(pairs.subscriber_id, aggregate_strings(numbers, ",")).group_by(pairs.subscriber_id)
        query = query.where(pairs.subscriber_id.between(ids[0], ids[-1]), self._held)
        rows = self.connection.execute(query).all()
        found = {row[0]: row[1] for row in rows}
        for numbers_of_some in set(found.values()) - self.cells.keys():
            words_of_some = sorted(self.texts[int(number)] for number in numbers_of_some.split(","))
            self.cells[numbers_of_some] = ";".join(map(_quoted, words_of_some))
        self.cells[""] = ""
        return [self.cells[found.get(who, "")] for who in ids]


def _readings(pages: Iterable[_Page]) -> dict[str, Reading]:
    """The attributes of those who are exported, by name, and how their cells must be read."""
    kinds: defaultdict[str, set[Kind]] = defaultdict(set)
    for page in pages:
        _note_kinds(page, kinds)
    return {name: _reading(name, kinds[name]) for name in sorted(kinds)}


def _note_kinds(page: _Page, kinds: defaultdict[str, set[Kind]]) -> None:
    for name in set().union(*page.attributes):
        kinds[name] |= _kinds([known[name] for known in page.attributes if name in known])


def _header(name: str, reading: Reading) -> str:
    return name if reading in ("number", "yes or no") else header_of(name, reading)


def _reading(name: str, kinds: Set[Kind]) -> Reading:
    if len(kinds) == 1 and header_of(name, "inferred") == name:
        (kind,) = kinds
        if kind == "number" or kind == "yes or no":
            return kind
        if kind == "text":
            return "inferred"
    return "text" if kinds <= {"text", "doubtful text"} else "json"


def _kinds(values: Sequence[Value]) -> set[Kind]:
    """What kinds of values these are; a text is doubtful that in a column of its like would be none."""
    types, different = set(map(type, values)), set(values)
    kinds: set[Kind] = set()
    if bool in types:
        kinds.add("yes or no")
    if types & {int, float}:
        kinds.add("number")
        if not all(_is_inferred(value) for value in different if not isinstance(value, str)):
            kinds.add("json")
    if str in types:
        starting = [value for value in different if isinstance(value, str) and value[:1] in _DOUBTFUL]
        kinds.add("doubtful text" if any(map(_is_doubtful, starting)) else "text")
    return kinds


def _is_doubtful(text: str) -> bool:
    return not isinstance(infer_value(unguarded(text.strip())), str)


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
    if _STARTS.isdisjoint(map(_first, set(cells))):
        return cells
    return [f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell for cell in cells]
