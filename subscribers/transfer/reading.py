"""Reads the rows of a file: comma, semicolon, tab or bar between the cells, or one JSON object to a line."""

from __future__ import annotations

import csv
import json
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any, Protocol

from subscribers.errors import TransferError
from subscribers.transfer.opening import TextFile

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    #: The line on which a row ends, counted from 1, and its cells.
    Row = tuple[int, list[str]]
    #: Takes the line of what is no row, why not, and what of it can be shown.
    Broken = Callable[[int, str, Sequence[str]], None]

_DELIMITERS = ",;\t|"

#: The longest cell that is read at all, in characters; Python's own limit of 131,072 would end an import.
LONGEST_CELL = 64 * 1024 * 1024


def _ignore(_line: int, _reason: str, _cells: Sequence[str]) -> None:
    """Nobody wants to hear of it."""


class Rows(Protocol):
    """Rows that can be read again: the names of their columns, and which columns hold text for certain."""

    header: list[str]
    texts: frozenset[int]
    objects: frozenset[int]

    def read(self, broken: Broken) -> Iterator[Row]:
        """The rows that are not blank, from the first one on; *broken* is told of each that is none."""


class Sheet:
    """A file of rows, to be used as a context manager: its header, then its rows, as often as needed.

    ``digest`` is a hash of its bytes; ``texts`` and ``objects`` are the columns, counted from 0, that hold
    text or JSON objects because the file says so, as only JSON does. ``odd_lines`` and ``odd_line`` are those
    of `TextFile`.

    Args:
        source: a path (``-`` is standard input), or a stream of bytes or text.

    Raises:
        TransferError: the file is missing, empty, no text, or not separated as CSV is.
    """

    def __init__(self, source: Path | IO[bytes] | IO[str]) -> None:
        self._stack = ExitStack()
        file = self._stack.enter_context(TextFile(source))
        self.name, self.digest = file.name, file.digest
        self.odd_lines, self.odd_line = file.odd_lines, file.odd_line
        try:
            self._rows = _rows(file)
        except BaseException:
            self._stack.close()
            raise
        self.header = self._rows.header
        self.texts, self.objects = self._rows.texts, self._rows.objects

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def rows(self, broken: Broken = _ignore) -> Iterator[Row]:
        """The rows that are not blank, from the first one on; *broken* is told of each that is none.

        Raises:
            TransferError: a quote is opened and never closed.
        """
        return self._rows.read(broken)


def _rows(file: TextFile) -> Rows:
    start = file.text.read(4096).lstrip()
    file.text.seek(0)
    if start.startswith("["):
        hint = "one object to a line: `jq -c '.[]' FILE`"
        raise TransferError("this is a JSON list, not JSON lines", where=file.name, hint=hint)
    return JsonLines(file) if start.startswith("{") else Delimited(file)


class Delimited:
    """Comma, semicolon, tab or bar between the cells, double quotes around them if need be (RFC 4180)."""

    texts: frozenset[int] = frozenset()
    objects: frozenset[int] = frozenset()

    def __init__(self, file: TextFile) -> None:
        self._file = file
        csv.field_size_limit(max(csv.field_size_limit(), LONGEST_CELL))
        self._delimiter, self._skipped = _delimiter(file.text)
        self.header = [cell.strip() for cell in next(self._cells(_ignore), (0, []))[1]]

    def read(self, broken: Broken) -> Iterator[Row]:
        """The rows under the header."""
        rows = self._cells(broken)
        next(rows, None)
        return rows

    def _cells(self, broken: Broken) -> Iterator[Row]:
        text, skipped = self._file.text, self._skipped
        text.seek(0)
        for _ in range(skipped):
            text.readline()
        reader = csv.reader(text, delimiter=self._delimiter, strict=True)
        whole = 0
        while True:
            try:
                for row in reader:
                    whole = reader.line_num
                    if row and (row[0] or any(row)):
                        yield whole + skipped, row
            except csv.Error as error:
                line = reader.line_num + skipped
                if "unexpected end of data" in str(error):
                    raise self._unclosed(line) from error
                first, whole = whole + skipped + 1, reader.line_num
                broken(line, _unreadable(first, line, str(error)), ())
            else:
                return

    def _unclosed(self, line: int) -> TransferError:
        return TransferError(
            "a quote is opened and never closed, so the rows after it cannot be told apart",
            where=f"{self._file.name}:{line}",
            hint='look for a lone `"`, or for one within quotes that is not doubled',
        )


def _unreadable(first: int, last: int, error: str) -> str:
    """Why there is no row on these lines: a quote that was meant as text takes all lines up to the next."""
    if first == last:
        return f"this row cannot be read: {error}"
    return f"lines {first:,} to {last:,} cannot be read, probably for a lone quote in the first: {error}"


class JsonLines:
    """One JSON object to a line (https://jsonlines.org); the names in all of them are the columns."""

    def __init__(self, file: TextFile) -> None:
        self._file = file
        names: dict[str, int] = {}
        texts, objects = set(), set()
        for _, found in self._objects(_ignore):
            for name, value in found.items():
                index = names.setdefault(name, len(names))
                if isinstance(value, str) and value:
                    texts.add(index)
                elif isinstance(value, dict):
                    objects.add(index)
        if not names:
            raise TransferError(
                "this is JSON, but no line of it is one object",
                where=file.name,
                hint="one object to a line, such as `jq -c . FILE` writes it",
            )
        self.header = list(names)
        self.texts, self.objects = frozenset(texts - objects), frozenset(objects)

    def read(self, broken: Broken) -> Iterator[Row]:
        """Each object as a row of cells."""
        for line, found in self._objects(broken):
            yield line, [_cell(found.get(name)) for name in self.header]

    def _objects(self, broken: Broken) -> Iterator[tuple[int, dict[str, Any]]]:
        self._file.text.seek(0)
        for line, text in enumerate(self._file.text, 1):
            if not text.strip():
                continue
            try:
                found = json.loads(text)
            except (ValueError, RecursionError):
                found = None
            if isinstance(found, dict):
                yield line, found
            else:
                broken(line, "this line is no JSON object", [text.strip()])


def _cell(value: object) -> str:
    """A JSON value as the cell of a CSV file: text as it is, a list of words with semicolons."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        return ";".join(_cell(item) for item in value)
    return json.dumps(value, ensure_ascii=False)


def _delimiter(text: io.TextIOWrapper) -> tuple[str, int]:
    """What separates most columns of the first line, or what ``sep=`` names; and the lines to be skipped."""
    first = text.readline()
    if first.lower().startswith("sep=") and len(first.strip("\r\n")) == 5:
        return first[4], 1
    while first and not first.strip():
        first = text.readline()
    return max(_DELIMITERS, key=lambda delimiter: _columns(first, delimiter)), 0


def _columns(line: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error:
        return 0
