"""What a check finds, and what it may look at."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from newsletter.errors import at


class Severity(StrEnum):
    """How bad a finding is."""

    #: The mail would be wrong; `newsletter check` exits with 4 and `newsletter send` refuses.
    ERROR = "error"
    #: Worth a look before anybody gets it.
    WARNING = "warning"
    #: Good to know.
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing that a rule found, and where; lines and columns count from 1, None when it has no place.

    ``clients`` are the mail programs that it concerns, by name; empty if it concerns all. ``link`` leads to
    what the rule is founded on.
    """

    rule: str
    severity: Severity
    file: str
    line: int | None
    column: int | None
    message: str
    hint: str = ""
    clients: tuple[str, ...] = ()
    link: str = ""

    @property
    def place(self) -> str:
        """Where it is, as ``file:line:column`` without what is not known."""
        return at(self.file, self.line, self.column)

    def seen_from(self, folder: Path, root: Path) -> Finding:
        """The same with its file as it is called in *folder*, where somebody reads of it.

        Args:
            folder: an absolute path, such as that of the working directory.
            root: the publication's folder, in which a file without one is.
        """
        path = Path(self.file)
        if not path.is_absolute():
            if not (root / path).is_file():
                return self  # of a theme that is part of the program
            path = root.absolute() / path
        try:
            return replace(self, file=os.path.relpath(path, folder))
        except ValueError:  # on another drive
            return replace(self, file=str(path))

    def to_dict(self) -> dict[str, object]:
        """The finding as `newsletter check --format json` prints it."""
        return {**asdict(self), "clients": list(self.clients)}
