"""What went wrong, in words, and the lines of the file that it is about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from newsletter.resources import builtin_templates

if TYPE_CHECKING:
    from newsletter.errors import NewsletterError

#: How many lines are shown before and after the one that an error is about.
AROUND = 3
_CODE = re.compile(r"`([^`]+)`")
_PLACE = re.compile(r"(?P<path>.*?)(?::(?P<line>\d+))?(?::(?P<column>\d+))?", re.DOTALL)


@dataclass(frozen=True)
class Line:
    """A line of a file; ``marked`` when the error is about it."""

    number: int
    text: str
    marked: bool


@dataclass(frozen=True)
class Trouble:
    """An error, ready to be shown: ``where`` is short, ``excerpt`` empty when there is no file to quote."""

    what: str
    where: str
    hint: str
    excerpt: tuple[Line, ...] = ()


def with_code(text: str) -> Markup:
    """A sentence of ours as HTML: what stands between backticks is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped right before


def explain(error: NewsletterError, root: Path) -> Trouble:
    """Make an error of the publication at *root* readable: a short path, and the lines around its place."""
    match = _PLACE.fullmatch(error.where)
    if not error.where or match is None:
        return Trouble(error.what, error.where, error.hint)
    path = _find(match["path"], root)
    line = int(match["line"] or 0)
    short = [_short(path, root) if path else match["path"], match["line"], match["column"]]
    excerpt = _excerpt(path, line) if path and line else ()
    return Trouble(error.what, ":".join(part for part in short if part), error.hint, excerpt)


def _find(name: str, root: Path) -> Path | None:
    for folder in (root, root / "themes", builtin_templates() / "themes"):
        if (folder / name).is_file():
            return folder / name
    return None


def _short(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else path.name


def _excerpt(path: Path, line: int) -> tuple[Line, ...]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    first = max(line - AROUND, 1)
    shown = enumerate(lines[first - 1 : line + AROUND], first)
    return tuple(Line(number, text.rstrip(), number == line) for number, text in shown)
