"""Tells for each place in the text that a theme makes the line of the theme that it came from.

Marks are put into the literal text of the theme's files before Jinja compiles them, one before the first
visible character of each line; they travel through includes, macros and loops like any other text, and are
taken out again. So that they can never change an edition, they are only put in to explain an error.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2.ext import Extension
from jinja2.lexer import Token

from newsletter.editions.scanning import cleaned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jinja2.lexer import TokenStream

#: A mark: the number of the file, line, column, and how many characters of the line follow it literally.
_MARK = re.compile("\x01(?:(\\d+):(\\d+):(\\d+):(\\d+)|([bne])(\\d*))\x02")
_LINE = re.compile(r"[^\n]*[^\s][^\n]*")
#: Marks of the issue: here begins what stands on a line of it, here its next line, here it ends.
BEGINS, GOES_ON, ENDS = "b", "n", "e"
#: Literal text that is not at the beginning of its line comes after one of these.
_ENDS = ("}}", "%}", "#}")


class MarkPlaces(Extension):
    """Puts the marks in; the environment must have been given the files as ``marked_files``."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """The tokens of a file, its literal text with marks."""
        files: Mapping[str, str] = self.environment.marked_files  # type: ignore[attr-defined]
        name = stream.name or ""
        marker = _Marker(list(files).index(name), files[name])
        for token in stream:
            if token.type == "data":
                yield Token(token.lineno, "data", marker.marked(token.value, token.lineno))
            else:
                yield token


def issue_mark(kind: str, line: int | None = None) -> str:
    """A mark of the issue: *kind* is `BEGINS`, `GOES_ON` or `ENDS`, *line* counts from 1."""
    return f"\x01{kind}{'' if line is None else line}\x02"


class _Marker:
    """Marks the literal text of one file, piece by piece in its order."""

    def __init__(self, number: int, source: str) -> None:
        self._number = number
        self._lines = re.split(r"\r\n|\r|\n", source)
        self._cursor = (0, 0)

    def marked(self, text: str, line: int) -> str:
        """*text*, which begins on *line*, with its marks."""

        def mark(match: re.Match[str]) -> str:
            number = line + text.count("\n", 0, match.start())
            indent = len(match[0]) - len(match[0].lstrip())
            start = self._start(match[0], number, begins=match.start() > 0)
            words = match[0][indent:]
            return (
                f"{match[0][:indent]}\x01{self._number}:{number}:{start + indent + 1}:{len(words)}\x02{words}"
            )

        return _LINE.sub(mark, text)

    def _start(self, piece: str, line: int, *, begins: bool) -> int:
        """Where in *line* the literal *piece* begins."""
        if begins or line > len(self._lines):
            return 0
        source = self._lines[line - 1]
        start = source.find(piece, self._cursor[1] if self._cursor[0] == line else 0)
        while start > 0 and source[:start].strip() and not source[:start].rstrip().endswith(_ENDS):
            start = source.find(piece, start + 1)
        start = max(start, 0)
        self._cursor = (line, start + len(piece))
        return start


@dataclass(frozen=True)
class Origin:
    """A place in a file of a theme, both numbers from 1; *column* is None within what an expression gave."""

    file: str
    line: int
    column: int | None


class SourceMap:
    """A text that a theme made, and where its parts came from.

    Args:
        marked: the text with marks.
        files: the theme's files, as they were marked.

    Attributes:
        text: the text without marks, `cleaned`.
        issue: the marks of the issue: where each stands in the text, its kind, and its line.
    """

    def __init__(self, marked: str, files: Mapping[str, str]) -> None:
        names = list(files)
        parts: list[str] = []
        self._starts: list[int] = []
        self._origins: list[tuple[str, int, int, int]] = []
        self.issue: list[tuple[int, str, int]] = []
        position = length = 0
        for match in _MARK.finditer(marked):
            parts.append(cleaned(marked[position : match.start()]))
            length += len(parts[-1])
            position = match.end()
            if match[5]:
                self.issue.append((length, match[5], int(match[6] or 0)))
                continue
            file, line, column, literal = map(int, match.group(1, 2, 3, 4))
            self._starts.append(length)
            self._origins.append((names[file], line, column, literal))
        self.text = "".join(parts) + cleaned(marked[position:])

    def origin(self, offset: int) -> Origin | None:
        """Where the character at *offset* of the text came from; None before the first mark."""
        index = bisect_right(self._starts, offset) - 1
        if index < 0:
            return None
        file, line, column, literal = self._origins[index]
        beyond = offset - self._starts[index]
        return Origin(file, line, column + beyond if beyond < literal else None)
