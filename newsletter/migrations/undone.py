"""Whom a restoring brought back: those who left, or were erased, after the backup was made."""

from __future__ import annotations

import csv
import io
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

_ERASED = "erased"
#: Somebody is the same in both by the address, and where that was erased by the number.
_SQL = """
    SELECT restored.email, gone.status FROM kept.subscriber AS gone
    JOIN subscriber AS restored ON restored.id = gone.id
    WHERE restored.status IN ('active', 'pending') AND gone.status NOT IN ('active', 'pending')
    AND (gone.status = 'erased' OR gone.email_key = restored.email_key)
    ORDER BY restored.email
"""


@dataclass(frozen=True)
class Returned:
    """Who is on the list again although they left: the address, and what they were before the restoring."""

    email: str
    status: str

    @property
    def erased(self) -> bool:
        """Whether they had asked to be forgotten."""
        return self.status == _ERASED


def returned(database: Path, kept: Path) -> list[Returned] | None:
    """Who left between the backup that *database* is now, and the copy *kept* of what it replaced.

    None if they cannot tell: one is damaged or cannot be read, or has no list such as this version knows.
    """
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("ATTACH ? AS kept", (f"{kept.resolve().as_uri()}?mode=ro",))
            return [Returned(*row) for row in connection.execute(_SQL)]
    except sqlite3.DatabaseError:
        return None


def write_returned(path: Path, people: list[Returned]) -> None:
    """Write *people* as a list that an import takes off again, for its owner's eyes only.

    Raises:
        ConfigError: it cannot be written.
    """
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["email", "status"])
    rows.writerows((each.email, "unsubscribed" if each.erased else each.status) for each in people)
    try:
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(text.getvalue())
    except OSError as error:
        raise ConfigError(
            f"cannot be written: {error.strerror}", where=str(path), hint="check the folder and its rights"
        ) from error
