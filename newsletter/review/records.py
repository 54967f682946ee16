"""The file beside an issue in which a review is kept: one line of JSON for each thing that somebody did.

Lines are only ever added, so two people's reviews merge in Git like any other lines, and the file tells who
said and approved what, and when.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from newsletter.errors import IssueError, at

if TYPE_CHECKING:
    from pathlib import Path

#: How a review's file is called, after the issue's name.
SUFFIX = ".review.jsonl"
#: So much is read of a review, and no text in it is longer than a page.
LARGEST, LONGEST = 5 * 1024 * 1024, 4_000


class Act(StrEnum):
    """What somebody did."""

    COMMENTED = "commented"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    APPROVED = "approved"
    WITHDREW = "withdrew"


@dataclass(frozen=True)
class Record:
    """One line of the file. ``at`` is a moment in UTC as ISO 8601 writes it; what is empty is left out.

    ``id`` names a comment, ``line`` is where in the issue it is pinned, ``quote`` what stood there.
    ``digest`` is that of the edition that was approved.
    """

    act: Act
    by: str
    at: str
    id: str = ""
    line: int = 0
    quote: str = ""
    text: str = ""
    digest: str = ""


def review_file(issue: Path) -> Path:
    """Where the review of the issue at that path is kept."""
    return issue.with_name(issue.stem + SUFFIX)


def read_records(issue: Path) -> list[Record]:
    """What was done with the issue at that path, in order; nothing if there is no file.

    Raises:
        IssueError: the file cannot be read, or a line of it is no record; with the line.
    """
    path = review_file(issue)
    try:
        if not path.exists():
            return []
        if path.stat().st_size > LARGEST:
            raise IssueError("the review is larger than 5 MB", where=at(path), hint="move the file away")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise IssueError(
            f"the review cannot be read: {error}", where=at(path), hint="check the file"
        ) from error
    return [_record(line, path, number) for number, line in enumerate(lines, 1) if line.strip()]


def add_record(issue: Path, record: Record) -> None:
    """Add a line to the review of the issue at that path; it is on the disk when this returns.

    Raises:
        IssueError: the file cannot be written.
    """
    path = review_file(issue)
    said = {name: value for name, value in asdict(record).items() if value}
    try:
        with path.open("a+b") as file:
            # A file that was edited by hand may lack its last line's end.
            ended = file.tell() == 0 or _last_byte(file.fileno(), file.tell()) == b"\n"
            file.write((b"" if ended else b"\n") + json.dumps(said, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise IssueError(
            f"the review cannot be written: {error.strerror}",
            where=at(path),
            hint="check the rights of the folder",
        ) from error


def _last_byte(file: int, size: int) -> bytes:
    return os.pread(file, 1, size - 1)


def _record(line: str, path: Path, number: int) -> Record:
    try:
        values = json.loads(line)
        record = Record(
            **{name: _checked(values[name], kind) for name, kind in _KINDS.items() if name in values}
        )
    except (ValueError, TypeError, KeyError) as error:
        raise IssueError(
            "this is no record of a review",
            where=at(path, number),
            hint="delete the line, or finish the merge of the file",
        ) from error
    return record


#: What the values of a record are.
_KINDS: dict[str, type[Act | int | str]] = {
    name: Act if name == "act" else int if name == "line" else str for name in Record.__dataclass_fields__
}


def _checked(value: Any, kind: type[Any]) -> Any:  # noqa: ANN401 - of that kind
    if kind is Act:
        return Act(value)
    if type(value) is not kind:
        raise TypeError(value)
    return value
