"""What a check finds, and what it may look at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from newsletter.errors import at

if TYPE_CHECKING:
    pass


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

    def to_dict(self) -> dict[str, object]:
        """The finding as `newsletter check --format json` prints it."""
        return {**asdict(self), "clients": list(self.clients)}
