"""What is seen of an import: how many rows were read, and then what became of rows and columns."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from newsletter.cli import output
from subscribers.transfer import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from subscribers import ImportReport


@contextmanager
def reading() -> Iterator[Callable[[int], None] | None]:
    """What shows on a terminal how many rows were read; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return

    def show(rows: int) -> None:
        click.echo(f"\r{output.plural(rows, 'row')} read", err=True, nl=False)

    try:
        yield show
    finally:
        click.echo("\r\x1b[K", err=True, nl=False)


def as_document(report: ImportReport) -> dict[str, object]:
    """The report for programs."""
    return {
        **_rows(report),
        "unsubscribed": report.left,
        "beyond_ascii": report.beyond_ascii,
        "columns": dict(report.columns),
        "rejects_file": _rejects(report),
    }


def tell(report: ImportReport) -> None:
    """The report for people."""
    output.facts([*_rows(report).items(), ("rejects", _rejects(report)), ("columns", _columns(report))])
    if report.consent:
        names = ", ".join(f"`{name}`" for name in report.consent)
        output.say(f"{names} read as consent: {_people(report.left)} taken as unsubscribed, not to be mailed")
    elif report.left:
        output.say(f"{_people(report.left)} taken as gone by their status, not to be mailed")
    if report.beyond_ascii:
        need = "needs" if report.beyond_ascii == 1 else "need"
        addresses = output.plural(report.beyond_ascii, "address", "addresses")
        output.say(f"{addresses} {need} SMTPUTF8, which not every mail server offers")


def _people(count: int) -> str:
    return output.plural(count, "person", "people")


def _rows(report: ImportReport) -> dict[str, object]:
    names = ("created", "updated", "unchanged", "skipped", "invalid")
    return {name: getattr(report, name) for name in names}


def _rejects(report: ImportReport) -> str | None:
    return str(report.rejects_file.resolve()) if report.rejects_file else None


def _columns(report: ImportReport) -> str:
    """Which field came from which column, and what became an attribute of which kind."""
    fields = [f"{field} ← {column}" for column, field in report.columns.items() if field in FIELDS]
    attributes = [
        f"{name} ({' or '.join(sorted(report.kinds.get(name, {'empty'})))})"
        for name in report.columns.values()
        if name not in FIELDS
    ]
    return "; ".join([*fields, f"attributes: {', '.join(attributes)}"] if attributes else fields)
