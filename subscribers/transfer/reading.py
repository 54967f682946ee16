"""Opens a file of rows: finds out how it is encoded and separated, and refuses what is no such file."""

from __future__ import annotations

import codecs
import csv
import io
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from subscribers.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

_BLOCK = 1 << 20
_DELIMITERS = ",;\t|"
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_MAGIC = {
    b"PK\x03\x04": "a spreadsheet or ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"\x1f\x8b": "compressed",
    b"%PDF": "a PDF document",
}
_SAVE_AS_CSV = "save it as CSV, in UTF-8"


class Sheet:
    """A file of rows, to be used as a context manager: its header, then its rows with their line numbers.

    Args:
        source: a path (``-`` is standard input), or a stream of bytes or text.

    Raises:
        TransferError: the file is missing, empty, no text, or not separated as CSV is.
    """

    def __init__(self, source: Path | IO[bytes] | IO[str]) -> None:
        self.name = _name(source)
        self._stack = ExitStack()
        try:
            text = self._open(source)
            self._reader = csv.reader(text, delimiter=self._delimiter(text), strict=True)
            self.header = [cell.strip() for cell in next(self._cells(), [])]
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """The rows that are not blank, each with the line on which it ends, counted from 1."""
        for row in self._cells():
            yield self._reader.line_num + self._skipped, row

    def _cells(self) -> Iterator[list[str]]:
        try:
            for row in self._reader:
                if any(row):
                    yield row
        except csv.Error as error:
            line = self._reader.line_num + self._skipped
            raise TransferError(
                f"this row cannot be read: {error}",
                where=f"{self.name}:{line}",
                hint="look for an unclosed quote",
            ) from error

    def _open(self, source: Path | IO[bytes] | IO[str]) -> io.TextIOWrapper:
        binary = self._stack.enter_context(self._binary(source))
        encoding = self._encoding(binary)
        binary.seek(0)
        return self._stack.enter_context(io.TextIOWrapper(binary, encoding=encoding, newline=""))

    def _binary(self, source: Path | IO[bytes] | IO[str]) -> IO[bytes]:
        """A stream of bytes that can be read twice."""
        if isinstance(source, Path) and str(source) != "-":
            try:
                return source.open("rb")
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise TransferError(
                    f"cannot be read: {reason}", where=self.name, hint="look at the path"
                ) from error
        stream = sys.stdin.buffer if isinstance(source, Path) else source
        # The copy is closed by the stack that it is entered into.
        copy = TemporaryFile()  # noqa: SIM115
        first = stream.read(0)
        if isinstance(first, str):
            for block in iter(lambda: stream.read(_BLOCK), ""):
                copy.write(str(block).encode())
        else:
            shutil.copyfileobj(stream, copy)
        copy.seek(0)
        return copy

    def _encoding(self, binary: IO[bytes]) -> str:
        """How the file is encoded, after a look at all of it."""
        start = binary.read(8)
        if not start.strip():
            raise TransferError("the file is empty", where=self.name, hint="a header and one row at least")
        for magic, kind in _MAGIC.items():
            if start.startswith(magic):
                raise TransferError(f"this is no text file but {kind}", where=self.name, hint=_SAVE_AS_CSV)
        named = next((encoding for bom, encoding in _BOMS.items() if start.startswith(bom)), None)
        for encoding in [named] if named else ["utf-8", "windows-1252"]:
            binary.seek(0)
            if self._decodes(binary, encoding):
                return encoding
        raise TransferError("this is no text in UTF-8 or Windows-1252", where=self.name, hint=_SAVE_AS_CSV)

    def _decodes(self, binary: IO[bytes], encoding: str) -> bool:
        decoder = codecs.getincrementaldecoder(encoding)()
        line = 1
        try:
            for block in iter(lambda: binary.read(_BLOCK), b""):
                text = decoder.decode(block)
                if "\0" in text:
                    line += text.count("\n", 0, text.index("\0"))
                    raise TransferError(
                        "this is no text file: it has NUL characters",
                        where=f"{self.name}:{line}",
                        hint=_SAVE_AS_CSV,
                    )
                line += text.count("\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
        return True

    def _delimiter(self, text: io.TextIOWrapper) -> str:
        """The character that separates most columns of the first line, or the one that ``sep=`` names."""
        first = text.readline()
        self._skipped = 0
        if first.lower().startswith("sep=") and len(first.strip()) == 5:
            self._skipped = 1
            return first[4]
        text.seek(0)
        return max(_DELIMITERS, key=lambda delimiter: _columns(first, delimiter))


def _columns(line: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error:
        return 0


def _name(source: Path | IO[bytes] | IO[str]) -> str:
    if isinstance(source, Path):
        return "standard input" if str(source) == "-" else str(source)
    return str(getattr(source, "name", "file"))
