"""What a check finds, and what it may look at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from newsletter.errors import at

if TYPE_CHECKING:
    from newsletter.config import PublicationSettings
    from newsletter.editions import Edition, Theme
    from newsletter.issues import Document, Issue


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
    """One thing that a rule found, and where; lines and columns count from 1, None when it has no place."""

    rule: str
    severity: Severity
    file: str
    line: int | None
    column: int | None
    message: str
    hint: str = ""

    @property
    def place(self) -> str:
        """Where it is, as ``file:line:column`` without what is not known."""
        return at(self.file, self.line, self.column)

    def to_dict(self) -> dict[str, object]:
        """The finding as `newsletter check --format json` prints it."""
        return asdict(self)


@dataclass(frozen=True)
class Subject:
    """What the rules look at: an issue, its document, its edition, its publication, its theme."""

    issue: Issue
    document: Document
    edition: Edition
    publication: PublicationSettings
    theme: Theme | None = None

    @property
    def file(self) -> str:
        """The issue's file, for findings."""
        return str(self.issue.path or self.issue.slug)

    def finding(
        self,
        rule: str,
        severity: Severity,
        message: str,
        *,
        hint: str = "",
        line: int | None = None,
        column: int | None = None,
    ) -> Finding:
        """A finding in the issue's file."""
        return Finding(rule, severity, self.file, line, column, message, hint)

    def key_line(self, key: str) -> int:
        """The line of a front matter key, or the file's first line when the key is not there."""
        return self.issue.lines.get(key, 1)
