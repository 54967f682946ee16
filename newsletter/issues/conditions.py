"""Control lines folded into Conditional blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from newsletter.errors import IssueError, at
from newsletter.issues.kinds import Branch, Conditional

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from newsletter.issues.kinds import Block
    from newsletter.issues.model import MergeTag


@dataclass(frozen=True)
class Control:
    """One control line: ``if``, ``elif``, ``else`` or ``endif``, with its condition if it has one."""

    word: str
    tag: MergeTag | None
    source: str
    line: int
    column: int


@dataclass
class _Open:
    """An ``if`` that is not closed yet: the control line of each branch, and its blocks."""

    branches: list[tuple[Control, list[Block]]] = field(default_factory=list)

    def close(self) -> Conditional:
        branches = tuple(
            Branch(control.tag, tuple(blocks), control.line) for control, blocks in self.branches
        )
        return Conditional(branches, branches[0].line)


def fold(items: Iterable[Block | Control], path: Path | None) -> tuple[Block, ...]:
    """The blocks among *items*, those between control lines put into conditionals.

    Raises:
        IssueError: an ``if`` that is never closed here, an ``elif``, ``else`` or ``endif`` that belongs to
            none here, or one that follows ``else``.
    """
    blocks: list[Block] = []
    open_ifs: list[_Open] = []
    for item in items:
        if not isinstance(item, Control):
            (open_ifs[-1].branches[-1][1] if open_ifs else blocks).append(item)
        elif item.word == "if":
            open_ifs.append(_Open([(item, [])]))
        elif not open_ifs:
            raise _error(
                item,
                path,
                "does not belong to an `{% if %}` in the same list, quote or text",
                "move it beside its `{% if %}`",
            )
        elif item.word == "endif":
            closed = open_ifs.pop().close()
            (open_ifs[-1].branches[-1][1] if open_ifs else blocks).append(closed)
        else:
            _branch(open_ifs[-1], item, path)
    if open_ifs:
        raise _error(
            open_ifs[-1].branches[0][0],
            path,
            "is never closed",
            "add a line `{% endif %}` after what it is about",
        )
    return tuple(blocks)


def _branch(opened: _Open, control: Control, path: Path | None) -> None:
    if control.word == "elif" and (control.tag is None or not control.tag.expression):
        raise _error(control, path, "has no condition", "write `{% elif … %}` with one, or `{% else %}`")
    if opened.branches[-1][0].word == "else":
        raise _error(
            control,
            path,
            "comes after `{% else %}`",
            "`{% else %}` is the last branch; close it with `{% endif %}`",
        )
    opened.branches.append((control, []))


def _error(control: Control, path: Path | None, what: str, hint: str) -> IssueError:
    return IssueError(f"`{control.source}` {what}", where=at(path, control.line, control.column), hint=hint)
