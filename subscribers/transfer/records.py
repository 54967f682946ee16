"""What the rows of a file say of people, checked and cleaned, column by column; or why a row says nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

from subscribers.addresses import normalise_all
from subscribers.attributes import clean_time_zone
from subscribers.consent import GONE
from subscribers.models import Status
from subscribers.transfer.cells import (
    moment_in,
    read_each,
    read_objects,
    read_texts,
    read_tracking,
    read_values,
    read_words,
    refuses,
    status_reader,
    stripped,
)
from subscribers.transfer.dates import might_be_two, read_moment
from subscribers.transfer.inspecting import fitted
from subscribers.transfer.lists import Listed, Lists
from subscribers.transfer.restraints import read_restraints, restrained

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from subscribers.attributes import Value
    from subscribers.transfer.fields import Column
    from subscribers.transfer.reading import Row
    from subscribers.transfer.restraints import Restraints

    #: Takes the line of a row, why it is refused, and its cells.
    Refuse = Callable[[int, str, Sequence[str]], None]

#: Fields of one line of text.
TEXTS = ("first_name", "last_name", "locale", "time_zone", "tracking_consent")


class Record(NamedTuple):
    """One row: what it does not say is empty or None."""

    email: str
    key: str
    texts: Mapping[str, str]
    tags: Sequence[str]
    topics: Sequence[str]
    attributes: Mapping[str, Value]
    status: Status | None
    joined: datetime | None
    gone: datetime | None
    restraints: Restraints | None


@dataclass(slots=True)
class Records:
    """The rows of a chunk that say something, column by column, all of the same length."""

    emails: list[str]
    keys: list[str]
    texts: dict[str, list[str]]
    tags: list[tuple[str, ...]]
    topics: list[tuple[str, ...]]
    attributes: list[dict[str, Value]]
    statuses: list[Status | None]
    joined: list[datetime | None]
    #: When somebody left, or the address took no more mail, where the file says so.
    gone: list[datetime | None]
    restraints: list[Restraints | None]

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, row: int) -> Record:
        """One row."""
        return Record(
            self.emails[row],
            self.keys[row],
            {name: texts[row] for name, texts in self.texts.items()},
            self.tags[row],
            self.topics[row],
            self.attributes[row],
            self.statuses[row],
            self.joined[row],
            self.gone[row],
            self.restraints[row],
        )

    def keep(self, wanted: Sequence[bool]) -> None:
        """Forget the rows that are not *wanted*."""
        for name in self.__slots__:
            kept = getattr(self, name)
            if isinstance(kept, dict):
                setattr(self, name, {key: list(compress(values, wanted)) for key, values in kept.items()})
            else:
                setattr(self, name, list(compress(kept, wanted)))


@dataclass(slots=True)
class OddDates:
    """Dates that are doubtful: of how many rows, the line of the first, and what is wrong with that one."""

    rows: int = 0
    line: int = 0
    reason: str = ""

    def count(self, line: int, reason: str) -> None:
        """Take one more into account."""
        if not self.rows:
            self.line, self.reason = line, reason
        self.rows += 1


@dataclass(frozen=True)
class RecordReader:
    """Reads rows under one header.

    ``statuses`` are words for a status beside those that everybody knows; ``everyone`` is the status of all
    people in the file, if its name says so; ``tags`` and ``topics`` are given to all of them.
    """

    columns: Sequence[Column]
    width: int
    tags: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    statuses: Mapping[str, Status] = field(default_factory=dict)
    everyone: Status | None = None
    #: Time zones that are none, and how many rows had each: these people are imported without one.
    odd_zones: Counter[str] = field(default_factory=Counter)
    #: Dates of joining that cannot be read: these people are imported without one.
    odd_dates: OddDates = field(default_factory=OddDates)
    #: Dates of leaving that might be two, and are read with the day first.
    guessed_dates: OddDates = field(default_factory=OddDates)
    #: What the lists of another service become.
    lists: Lists = field(default_factory=lambda: Lists({}))

    def read(self, rows: Sequence[Row], refuse: Refuse) -> Records:
        """Read a chunk of rows; *refuse* is told of those that cannot be what their columns say."""
        refused: list[tuple[int, str, Sequence[str]]] = []
        rows = self._fitted(rows, lambda *told: refused.append(told))
        failed: dict[int, str] = {}
        undated: dict[int, str] = {}
        columns = list(zip(*(cells for _, cells in rows), strict=True)) or [()] * self.width
        cells = {column: stripped(columns[column.index]) for column in self.columns} if rows else {}
        records = self._records(cells, len(rows), failed, undated)
        for row, reason in undated.items():
            if row not in failed:
                self.odd_dates.count(rows[row][0], reason)
        for row, text in _guessed(cells).items():
            if row not in failed:
                self.guessed_dates.count(rows[row][0], text)
        if failed:
            refused += [(rows[row][0], reason, rows[row][1]) for row, reason in failed.items()]
            records.keep([row not in failed for row in range(len(rows))])
        for told in sorted(refused):
            refuse(*told)
        return records

    def _fitted(self, rows: Sequence[Row], refuse: Refuse) -> Sequence[Row]:
        """The rows with as many cells as the header."""
        if all(len(cells) == self.width for _, cells in rows):
            return rows
        kept = []
        for line, cells in rows:
            fit = cells if len(cells) == self.width else fitted(cells, self.width)
            if fit is None:
                refuse(line, f"{len(cells)} cells under a header of {self.width}", cells)
            else:
                kept.append((line, fit))
        return kept

    def _records(
        self,
        cells: Mapping[Column, list[str]],
        count: int,
        failed: dict[int, str],
        undated: dict[int, str],
    ) -> Records:
        def fail(row: int, reason: str) -> None:
            failed.setdefault(row, reason)

        of_field = {column.field: (column, texts) for column, texts in cells.items()}
        emails, keys = self._addresses(of_field.get("email"), fail)
        texts = {name: read_texts(of_field[name][1], name, fail) for name in TEXTS if name in of_field}
        if "time_zone" in texts:
            texts["time_zone"] = self._zones(texts["time_zone"])
        if "tracking_consent" in texts:
            texts["tracking_consent"] = read_each(texts["tracking_consent"], read_tracking, "", fail)
        if "name" in of_field:
            self._split_names(read_texts(of_field["name"][1], "name", fail), texts)
        tags, topics = (self._words(name, of_field, count, fail) for name in ("tags", "topics"))
        restraints = read_restraints(of_field, count, fail)
        listed: Sequence[Listed] = ()
        if "lists" in of_field:
            listed = read_each(of_field["lists"][1], self.lists.read, Listed(), fail)
            tags = [words + each.tags for words, each in zip(tags, listed, strict=True)]
            topics = [words + each.topics for words, each in zip(topics, listed, strict=True)]
            restraints = [
                restrained(each, on.left, on.pending) for each, on in zip(restraints, listed, strict=True)
            ]
        records = Records(
            emails,
            keys,
            {name: texts.get(name) or [""] * count for name in TEXTS},
            [words + self.tags for words in tags],
            [words + self.topics for words in topics],
            _attributes(cells, count, fail),
            self._statuses(cells, count, fail),
            _moments(of_field.get("joined"), count, undated.__setitem__),
            _moments_of_leaving(cells, count),
            restraints,
        )
        for row, each in enumerate(listed):
            if row not in failed:
                self.lists.count(each)
        return records

    def _addresses(
        self, found: tuple[Column, list[str]] | None, fail: Callable[[int, str], None]
    ) -> tuple[list[str], list[str]]:
        if found is None:
            return [], []
        column, cells = found
        again = "this is the header once more"

        def failing(row: int, reason: str) -> None:
            fail(row, again if cells[row] == column.header else reason)

        return normalise_all(cells, failing)

    def _zones(self, cells: list[str]) -> list[str]:
        odd: Counter[int] = Counter()
        zones = read_each(cells, clean_time_zone, "", lambda row, _: odd.update([row]))
        self.odd_zones.update(cells[row] for row in odd)
        return zones

    def _split_names(self, names: list[str], texts: dict[str, list[str]]) -> None:
        """Whole names: the first word is the first name, unless the file has a column for that."""
        parts = [name.partition(" ") for name in names]
        for field_, split in (
            ("first_name", [part[0] for part in parts]),
            ("last_name", [part[2] for part in parts]),
        ):
            told = texts.get(field_)
            texts[field_] = (
                split if told is None else [text or part for text, part in zip(told, split, strict=True)]
            )

    def _words(
        self,
        name: str,
        of_field: Mapping[str, tuple[Column, list[str]]],
        count: int,
        fail: Callable[[int, str], None],
    ) -> list[tuple[str, ...]]:
        if name not in of_field:
            return [()] * count
        return read_each(of_field[name][1], read_words, (), fail)

    def _statuses(
        self, cells: Mapping[Column, list[str]], count: int, fail: Callable[[int, str], None]
    ) -> list[Status | None]:
        statuses: list[Status | None] = [None] * count
        for column, texts in cells.items():
            if column.field == "status":
                statuses = read_each(texts, status_reader(self.statuses), None, fail)
        if self.everyone is not None:
            statuses = [status if status in GONE else self.everyone for status in statuses]
        for column, texts in cells.items():
            if column.consent:
                gone = Status.BOUNCED if column.consent == "bouncing" else Status.UNSUBSCRIBED
                says = {text: refuses(column, text) for text in set(texts)}
                statuses = [
                    gone if says[text] and status not in GONE else status
                    for text, status in zip(texts, statuses, strict=True)
                ]
        return statuses


def _moments(
    found: tuple[Column, list[str]] | None, count: int, fail: Callable[[int, str], None]
) -> list[datetime | None]:
    if found is None:
        return [None] * count
    column, cells = found
    return read_each(cells, lambda cell: read_moment(cell, column.order), None, fail)


def _moments_of_leaving(cells: Mapping[Column, list[str]], count: int) -> list[datetime | None]:
    """When each person left, by the columns about that which have a date; yes and no are none."""
    gone: list[datetime | None] = [None] * count
    for column, texts in cells.items():
        if column.consent in ("leaving", "bouncing"):
            told = {text: moment_in(text, column.order) for text in set(texts)}
            gone = [moment or told[text] for moment, text in zip(gone, texts, strict=True)]
    return gone


def _guessed(cells: Mapping[Column, list[str]]) -> dict[int, str]:
    """The dates of leaving whose order nothing tells, by their row."""
    return {
        row: text
        for column, texts in cells.items()
        if column.consent in ("leaving", "bouncing") and not column.order
        for row, text in enumerate(texts)
        if text and might_be_two(text)
    }


def _attributes(
    cells: Mapping[Column, list[str]], count: int, fail: Callable[[int, str], None]
) -> list[dict[str, Value]]:
    objects = [column for column in cells if column.reading == "object" or column.field == "attributes"]
    plain = [column for column in cells if column.is_attribute and column not in objects]
    names = [column.field for column in plain]
    values = [read_values(column, cells[column], fail) for column in plain]
    if values:
        found = [
            {name: value for name, value in zip(names, row, strict=True) if value is not None}
            for row in zip(*values, strict=True)
        ]
    else:
        found = [{} for _ in range(count)]
    for column in objects:
        for attributes, more in zip(found, read_objects(column, cells[column], fail), strict=True):
            attributes.update(more)
    return found
