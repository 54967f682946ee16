"""The review of an issue: comments pinned to its lines, and approvals, each of one edition and no other."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from newsletter.errors import UsageError
from newsletter.review.records import LONGEST, Act, Record, add_record, read_records

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Approval:
    """That somebody approved the edition with that digest."""

    by: str
    at: datetime
    digest: str
    note: str = ""


@dataclass(frozen=True)
class Comment:
    """What somebody said of a line of the issue (0: of all of it), and what the line was then."""

    id: str
    line: int
    quote: str
    by: str
    at: datetime
    text: str
    resolved_by: str = ""


@dataclass(frozen=True)
class Review:
    """All that was said of an issue; approvals by the digest of their edition."""

    comments: tuple[Comment, ...] = ()
    approvals: Mapping[str, Approval] = field(default_factory=dict)

    def approval(self, digest: str) -> Approval | None:
        """Who approved the edition with that digest; None if nobody did, or it was withdrawn."""
        return self.approvals.get(digest)

    @property
    def latest(self) -> Approval | None:
        """The last approval of any edition."""
        return max(self.approvals.values(), key=lambda approval: approval.at, default=None)

    @property
    def open(self) -> tuple[Comment, ...]:
        """The comments that nobody resolved."""
        return tuple(each for each in self.comments if not each.resolved_by)


def read_review(issue: Path) -> Review:
    """The review of the issue at that path.

    Raises:
        IssueError: its file cannot be read.
    """
    comments: dict[str, Comment] = {}
    approvals: dict[str, Approval] = {}
    for record in read_records(issue):
        if record.act is Act.APPROVED:
            approvals[record.digest] = Approval(record.by, _moment(record.at), record.digest, record.text)
        elif record.act is Act.WITHDREW:
            approvals.pop(record.digest, None)
        elif record.act is Act.COMMENTED:
            comments[record.id] = Comment(
                record.id, record.line, record.quote, record.by, _moment(record.at), record.text
            )
        elif record.id in comments:
            resolved = record.by if record.act is Act.RESOLVED else ""
            comments[record.id] = replace(comments[record.id], resolved_by=resolved)
    return Review(tuple(comments.values()), approvals)


def approve(issue: Path, digest: str, by: str, at: datetime, note: str = "") -> None:
    """Put down that *by* approved the edition with that digest; whatever changes it has another digest.

    Raises:
        UsageError: nobody's name is given.
        IssueError: it cannot be written.
    """
    add_record(issue, Record(Act.APPROVED, _name(by), _written(at), text=_text(note), digest=digest))


def withdraw(issue: Path, digest: str, by: str, at: datetime) -> None:
    """Put down that the approval of the edition with that digest does not count any more.

    Raises:
        UsageError, IssueError: as for `approve`.
    """
    add_record(issue, Record(Act.WITHDREW, _name(by), _written(at), digest=digest))


def comment(issue: Path, line: int, quote: str, text: str, by: str, at: datetime) -> str:
    """Pin a comment to a line of the issue, 0 for all of it, and return its id.

    Raises:
        UsageError: it says nothing, or nobody's name is given.
        IssueError: it cannot be written.
    """
    said = _text(text)
    if not said:
        raise UsageError("the comment says nothing", hint="write what should be changed")
    name = secrets.token_hex(6)
    add_record(
        issue, Record(Act.COMMENTED, _name(by), _written(at), name, max(line, 0), _text(quote)[:200], said)
    )
    return name


def settle(issue: Path, comment_id: str, by: str, at: datetime, *, resolved: bool = True) -> None:
    """Put down that a comment is resolved, or open again; raises as `approve`."""
    known = {each.id for each in read_review(issue).comments}
    if comment_id not in known:
        raise UsageError("there is no such comment", where=comment_id, hint="load the page again")
    act = Act.RESOLVED if resolved else Act.REOPENED
    add_record(issue, Record(act, _name(by), _written(at), comment_id))


def anchored(comment: Comment, lines: Sequence[str]) -> int | None:
    """The line on which what a comment was pinned to stands now, the nearest if there are several.

    None where it is gone; 0 for a comment on all of the issue.
    """
    if not comment.line:
        return 0
    wanted = " ".join(comment.quote.split())
    same = [number for number, line in enumerate(lines, 1) if " ".join(line.split())[:200].strip() == wanted]
    return min(same, key=lambda number: abs(number - comment.line), default=None)


def _name(by: str) -> str:
    name = " ".join(by.split())[:100]
    if not name:
        raise UsageError("it is not said who does this", hint="give your name")
    return name


def _text(text: str) -> str:
    return "".join(letter for letter in text.strip()[:LONGEST] if letter.isprintable() or letter == "\n")


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _moment(text: str) -> datetime:
    """A moment of the file; one that is none, or has no zone, counts as the beginning of time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
