"""What people and programs read: data on stdout, everything else on stderr, errors in one place."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import click

from newsletter.cli.folding import columns_of, folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: How warnings and errors of the program's parts are written, where they are not for a program.
LOG_LINE = "%(levelname)s %(name)s: %(message)s"


def say(text: str, *, hang: int = 0) -> None:
    """A line for people, on stderr; on a terminal, what does not fit goes on set in by *hang* columns."""
    click.echo(folded(text, columns_of(sys.stderr), hang, start=0), err=True)


def data(text: str, *, hang: int | None = None) -> None:
    """A line of data on stdout, whole; with *hang*, it is folded on a terminal and set in by that."""
    click.echo(text if hang is None else folded(text, columns_of(sys.stdout), hang, start=0))


def document(value: object) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def json_line(value: object) -> None:
    """One JSON object on a line of its own, on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
    header: bool = False,
) -> None:
    """Rows of data on stdout: a table on a terminal, tab-separated lines elsewhere.

    The columns are named on a terminal, and elsewhere only if *header* says so: where rows of numbers would
    say nothing without. On a terminal that is too narrow, cells go on below but for the columns in *whole*.
    """
    if not sys.stdout.isatty():
        if header:
            click.echo("\t".join(columns))
        for row in rows:
            click.echo("\t".join(_cell(value) for value in row))
        return
    # It takes a while to load, and programs that read our lines do without.
    from rich.console import Console
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in right else "left"
        grid.add_column(column, justify=justify, overflow="fold", no_wrap=column in whole)
    for row in rows:
        grid.add_row(*(_cell(value) for value in row))
    no_color = "NO_COLOR" in os.environ or None
    Console(highlight=False, soft_wrap=True, no_color=no_color).print(grid)


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values for people, on stderr, the values in one column."""
    shown = [(name, str(value)) for name, value in pairs if value not in (None, "")]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        _labelled(click.style(name.ljust(width), dim=True) + "  ", width + 2, value)


def error(what: str, *, where: str = "", hint: str = "") -> None:
    """An error in two lines: ``error: WHERE: WHAT`` and ``hint: HOW``."""
    place = f"{where}: " if where else ""
    _labelled(click.style("error:", fg="red", bold=True) + " ", len("error: "), _line(place + what))
    _hint(hint)


def warn(text: str, *, hint: str = "") -> None:
    """A warning, and what to do about it on a line of its own."""
    _labelled(click.style("warning:", fg="yellow", bold=True) + " ", len("warning: "), _line(text))
    _hint(hint)


def _hint(hint: str) -> None:
    if hint:
        _labelled(click.style("hint:", fg="cyan") + " ", len("hint: "), _line(hint))


def plural(count: int, one: str, many: str = "") -> str:
    """A number and its noun: ``1 subscriber``, ``2,000 subscribers``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def are(count: int) -> str:
    """The verb for so many: ``1 is``, ``2,000 are``."""
    return f"{count:,} {'is' if count == 1 else 'are'}"


def who_are(count: int) -> str:
    """So many, about whom more is said: ``1 who is``, ``2,000 who are``."""
    return f"{count:,} who {'is' if count == 1 else 'are'}"


def moment(at: datetime) -> str:
    """A moment for people, to the second: ``2026-04-11 08:00:00+00:00``."""
    return at.isoformat(sep=" ", timespec="seconds")


def resuming(dispatch: str) -> str:
    """The command that goes on with a dispatch, as it can be run here: a script is asked nothing."""
    return f"`newsletter resume {dispatch}{'' if sys.stdin.isatty() else ' --yes'}`"


def _labelled(label: str, width: int, text: str) -> None:
    """A label of *width* columns and its text on stderr; on a terminal, the text goes on below itself."""
    click.echo(label + folded(text, columns_of(sys.stderr), width), err=True)


def _line(text: str) -> str:
    return " ".join(text.split())


def _cell(value: Any) -> str:  # noqa: ANN401 - whatever a row holds
    if value is None:
        return ""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, list | tuple | set):
        return ", ".join(str(item) for item in value)
    return _line(str(value))
