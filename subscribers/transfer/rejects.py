"""The file of rows that could not be imported: made only if there is one, complete or not at all."""

from __future__ import annotations

import csv
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from subscribers.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

#: What a reason quotes of its row, left out so that the same reason counts as one; how many are told apart.
_QUOTED = re.compile("`[^`]*`|[0-9]+")
_MOST_KINDS = 50


@dataclass(frozen=True)
class Reason:
    """Why rows were refused: the first of them by its line, in words, and how many they are."""

    line: int
    text: str
    count: int


class Rejects:
    """Collects invalid rows as CSV: line, reason, and the row as it was.

    Args:
        path: where to write them in the end; None for nowhere, then they are only counted.
        header: the columns of the file they come from.
    """

    def __init__(self, path: Path | None, header: Sequence[str]) -> None:
        self.path = path
        self.header = header
        self.count = 0
        self._kinds: dict[str, list[Any]] = {}
        self._file: IO[str] | None = None
        self._writer: Any = None

    @classmethod
    def beside(cls, source: object, path: Path | None, header: Sequence[str], *, dry_run: bool) -> Rejects:
        """Where *path* says, or beside the source if that is a file; nowhere in a dry run."""
        if path is None and isinstance(source, Path) and str(source) != "-":
            path = source.with_name(f"{source.stem}.rejects.csv")
        return cls(None if dry_run else path, header)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def add(self, line: int, reason: str, cells: Sequence[str]) -> None:
        """Take one row.

        Raises:
            TransferError: the file cannot be written.
        """
        self.count += 1
        kind = _QUOTED.sub("", reason)
        if kind in self._kinds or len(self._kinds) < _MOST_KINDS:
            self._kinds.setdefault(kind, [line, reason, 0])[2] += 1
        if self.path is None:
            return
        try:
            if self._file is None:
                # Without a name until it is complete, so that nothing of it stays behind when this is killed.
                folder = self.path.parent
                self._file = TemporaryFile("w+", encoding="utf-8", newline="", dir=folder)  # noqa: SIM115
                self._writer = csv.writer(self._file)
                self._writer.writerow(["line", "reason", *self.header])
            self._writer.writerow([line, reason, *cells])
        except OSError as error:
            raise self._unwritable(error) from error

    def reasons(self) -> tuple[Reason, ...]:
        """Why rows were refused, the most frequent reason first."""
        return tuple(sorted((Reason(*kind) for kind in self._kinds.values()), key=lambda each: -each.count))

    def finish(self) -> Path | None:
        """Put the file in its place: its path, or None if no row was refused or nothing is to be written."""
        if self._file is None or self.path is None:
            return None
        part = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            self._file.seek(0)
            with part.open("w", encoding="utf-8", newline="") as file:
                shutil.copyfileobj(self._file, file)
            part.replace(self.path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise self._unwritable(error) from error
        return self.path

    def _unwritable(self, error: OSError) -> TransferError:
        reason = (error.strerror or str(error)).lower()
        return TransferError(
            f"cannot be written: {reason}",
            where=str(self.path),
            hint="name another place with `--rejects FILE`",
        )
