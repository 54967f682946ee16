"""Opens a SQLite file to be read only: nothing in it changes, and no file appears beside it."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from subscribers.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

# In these bytes of its header a file says that it has a write-ahead log (https://www.sqlite.org/fileformat.html,
# section 1.3.3), by this number.
_VERSIONS = slice(18, 20)
_WITH_LOG = b"\2\2"


@dataclass(frozen=True)
class Untouched:
    """How a file is read without leaving a trace.

    Reading a file with a write-ahead log needs two more beside it, which SQLite makes where they are missing.
    One without them nobody has open, so it is read as a file that does not change ("immutable" in
    https://www.sqlite.org/uri.html), and ``check`` tells afterwards whether that was so.
    """

    path: Path
    #: Whether it has a write-ahead log, as all of ours have.
    has_log: bool
    #: Size in bytes and time of the last change in nanoseconds of a file that is read so; else None.
    stamp: tuple[int, int] | None

    @classmethod
    def at(cls, path: Path) -> Untouched:
        """Look at the file, and at what is beside it.

        Raises:
            StoreError: it cannot be read, or its last changes stand in a log that was never taken in.
        """
        path = path.resolve()
        try:
            with path.open("rb") as file:
                header = file.read(_VERSIONS.stop)
        except OSError as error:
            raise StoreError(
                f"cannot be read: {error.strerror}", where=str(path), hint="look at who may read it"
            ) from error
        has_log, log, index = header[_VERSIONS] == _WITH_LOG, _beside(path, "-wal"), _beside(path, "-shm")
        if not has_log or (log.exists() and index.exists()):
            return cls(path, has_log, None)
        if log.exists() and log.stat().st_size:
            raise _unfinished(path, log)
        return cls(path, has_log, _stamp(path))

    def connect(self) -> sqlite3.Connection:
        """A connection that only reads.

        Raises:
            StoreError: it is no database, or cannot be read, or its last change was broken off and must be
                undone first.
        """
        how = "mode=ro&immutable=1" if self.stamp else "mode=ro"
        with ExitStack() as opened:
            try:
                found = sqlite3.connect(f"{self.path.as_uri()}?{how}", uri=True, isolation_level=None)
                opened.enter_context(closing(found))
                found.execute("SELECT count(*) FROM sqlite_master").close()
            except sqlite3.DatabaseError as error:
                raise self._explained(error) from error
            opened.pop_all()  # the caller closes it
        return found

    def check(self) -> None:
        """Make sure that what was read is of one moment.

        Raises:
            StoreError: somebody wrote meanwhile.
        """
        if self.stamp is not None and self.stamp != _stamp(self.path):
            raise StoreError(
                "it was changed while it was read",
                where=str(self.path),
                hint="stop what uses it, and try again",
            )

    def _explained(self, error: sqlite3.DatabaseError) -> StoreError:
        if error.sqlite_errorname == "SQLITE_READONLY_ROLLBACK":
            return _unfinished(self.path, _beside(self.path, "-journal"))
        if isinstance(error, sqlite3.OperationalError):
            hint = "look at who may read it, and what uses it"
            return StoreError(f"cannot be read: {error}", where=str(self.path), hint=hint)
        return StoreError(
            f"this is no whole SQLite database: {error}", where=str(self.path), hint="name another file"
        )


def _stamp(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _unfinished(path: Path, journal: Path) -> StoreError:
    return StoreError(
        f"it was never closed: what stands in {journal.name} must be settled first, which changes the file",
        where=str(path),
        hint="settle it, or a copy of both files, by `newsletter db current` with "
        f"NEWSLETTER_DATABASE__URL=sqlite:///{path}",
    )
