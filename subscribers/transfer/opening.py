"""Opens what somebody calls a list: finds out how its text is encoded, and refuses what is no text."""

from __future__ import annotations

import codecs
import hashlib
import io
import re
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from subscribers.errors import TransferError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_BLOCK = 1 << 20
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_MAGIC = {
    b"PK": "a spreadsheet or ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"\x1f\x8b": "compressed",
    b"%PDF": "a PDF document",
}
_AFTER_PK = (b"\x03\x04", b"\x05\x06", b"\x07\x08")
_UNPACK = "unpack it and import the files in it, or save it as CSV, in UTF-8"
_SAVE_AS_CSV = "save it as CSV, in UTF-8"

# The name of the error handler below, and what stands for a byte that is not of UTF-8 until it is counted.
_AS_WINDOWS = "subscribers-windows-1252"
_ODD_BYTE = re.compile("[\udc80-\udcff]")

# Control characters that no line of text has (tab, line feed, form feed and carriage return are allowed).
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")


class TextFile:
    """A file as text, to be used as a context manager: readable from its beginning as often as needed.

    ``name`` is what errors call it, ``text`` the stream, ``digest`` a hash of its bytes (BLAKE2b, RFC 7693).
    A file of UTF-8 with some lines of Windows-1252 in it, as files are that were put together of several, is
    read as both: ``odd_lines`` counts those lines, and ``odd_line`` is the first, counted from 1.

    Args:
        source: a path (``-`` is standard input), or a stream of bytes or text.

    Raises:
        TransferError: the file is missing, empty, or no text.
    """

    def __init__(self, source: Path | IO[bytes] | IO[str]) -> None:
        self.name = _name(source)
        self.odd_lines = self.odd_line = 0
        self._stack = ExitStack()
        try:
            binary = self._stack.enter_context(self._binary(source))
            encoding = self._encoding(binary)
            binary.seek(0)
            errors = _AS_WINDOWS if self.odd_lines else "strict"
            self.text = self._stack.enter_context(
                io.TextIOWrapper(binary, encoding=encoding, errors=errors, newline="")
            )
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _binary(self, source: Path | IO[bytes] | IO[str]) -> IO[bytes]:
        """A stream of bytes that can be read again: the file itself, or a copy of what comes but once."""
        try:
            if not isinstance(source, Path):
                return _copy(source)
            if str(source) == "-":
                return _copy(sys.stdin.buffer)
            file = source.open("rb")
            if file.seekable():
                return file
            with file:
                return _copy(file)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise TransferError(
                f"cannot be read: {reason}", where=self.name, hint="look at the path"
            ) from error

    def _encoding(self, binary: IO[bytes]) -> str:
        """How the file is encoded, after a look at all of it."""
        start = binary.read(1024)
        if not start.strip():
            raise TransferError("the file is empty", where=self.name, hint="a header and one row at least")
        self._refuse_magic(start)
        named = next(
            (encoding for bom, encoding in _BOMS.items() if start.startswith(bom)), _bare_utf16(start)
        )
        if self._decodes(binary, named or "utf-8"):
            return named or "utf-8"
        odd = _OddLines.of(binary)
        if not named and not odd.prevail and self._decodes(binary, "utf-8", _AS_WINDOWS):
            self.odd_lines, self.odd_line = odd.count, odd.first
            return "utf-8"
        if not named and odd.prevail and self._decodes(binary, "windows-1252"):
            return "windows-1252"
        where = f"{self.name}:{odd.first}" if odd.first and not named else self.name
        raise TransferError("this is no text in UTF-8 or Windows-1252", where=where, hint=_SAVE_AS_CSV)

    def _refuse_magic(self, start: bytes) -> None:
        for magic, kind in _MAGIC.items():
            if start.startswith(magic) and (magic != b"PK" or start[2:4] in _AFTER_PK):
                raise TransferError(f"this is no text file but {kind}", where=self.name, hint=_UNPACK)

    def _decodes(self, binary: IO[bytes], encoding: str, errors: str = "strict") -> bool:
        binary.seek(0)
        decoder = codecs.getincrementaldecoder(encoding)(errors)
        digest = hashlib.blake2b(digest_size=16)
        text, first = "", True
        try:
            for block in iter(lambda: binary.read(_BLOCK), b""):
                digest.update(block)
                text = decoder.decode(block)
                if first and _CONTROL.search(text.lstrip().partition("\n")[0]):
                    raise TransferError("this is no text file", where=self.name, hint=_SAVE_AS_CSV)
                first = False
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
        self.digest = digest.hexdigest()
        return True


@dataclass
class _OddLines:
    """Lines with bytes that are not of UTF-8: how many, the first, and whether UTF-8 is the exception."""

    count: int = 0
    first: int = 0
    prevail: bool = False

    @classmethod
    def of(cls, binary: IO[bytes]) -> _OddLines:
        """A look at all of a file that is not of UTF-8 throughout."""
        odd, in_utf8 = cls(), 0
        binary.seek(0)
        for number, line in enumerate(binary, 1):
            if line.isascii():
                continue
            text = line.decode("utf-8", "surrogateescape")
            if _ODD_BYTE.search(text):
                odd.count += 1
                odd.first = odd.first or number
            else:
                in_utf8 += 1
        odd.prevail = odd.count > in_utf8
        return odd


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """Read the bytes that are not of UTF-8 as Windows-1252."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("windows-1252"), error.end


codecs.register_error(_AS_WINDOWS, _as_windows)


def _copy(stream: IO[bytes] | IO[str]) -> IO[bytes]:
    # The copy is closed by the stack that it is entered into.
    copy = TemporaryFile()  # noqa: SIM115
    while block := stream.read(_BLOCK):
        copy.write(block.encode() if isinstance(block, str) else block)
    copy.seek(0)
    return copy


def _bare_utf16(start: bytes) -> str | None:
    """UTF-16 without a byte order mark, as database servers export it: every other byte is zero."""
    for encoding, zeros in (("utf-16-le", start[1:64:2]), ("utf-16-be", start[0:64:2])):
        if len(zeros) > 3 and zeros.count(0) > len(zeros) * 0.8:
            return encoding
    return None


def _name(source: Path | IO[bytes] | IO[str]) -> str:
    if isinstance(source, Path):
        return "standard input" if str(source) == "-" else str(source)
    return str(getattr(source, "name", "file"))
