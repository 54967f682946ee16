"""What is seen of an import: how far it is, and then what became of rows and columns."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from newsletter.cli import output
from subscribers.transfer import FIELDS

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator

    from subscribers import ImportReport


@contextmanager
def reading() -> Iterator[Callable[[int, int], None] | None]:
    """What shows on a terminal how many rows of how many are done, how fast, and for how long yet."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking through the file", total=None, rate="")

        def show(done: int, total: int) -> None:
            seconds = bar.tasks[0].elapsed or 0
            rate = f"{done / seconds:,.0f} rows/s" if seconds else ""
            bar.update(task, description="importing", total=total, completed=done, rate=rate)

        yield show


def as_document(report: ImportReport) -> dict[str, object]:
    """The report for programs."""
    return {
        **_rows(report),
        "resumed": report.resumed,
        "unsubscribed": report.left,
        "beyond_ascii": report.beyond_ascii,
        "role_addresses": report.doubts.roles,
        "disposable_addresses": report.doubts.disposable,
        "likely_typos": {
            domain: {"meant": meant, "count": count} for domain, (meant, count) in report.doubts.typos.items()
        },
        "lines_of_windows_1252": report.odd_lines,
        "unknown_time_zones": dict(report.odd_zones),
        "unreadable_dates": {
            "count": report.odd_dates.rows,
            "line": report.odd_dates.line or None,
            "reason": report.odd_dates.reason or None,
        },
        "guessed_dates": {"count": report.guessed_dates.rows, "line": report.guessed_dates.line or None},
        "lists": {"topics": dict(report.lists.topics), "tags": dict(report.lists.tags)},
        "preset": report.preset or None,
        "columns": dict(report.columns),
        "types": dict(report.kinds),
        "ignored": list(report.ignored),
        "rejects_file": _rejects(report),
        "reasons": [
            {"line": reason.line, "reason": reason.text, "count": reason.count} for reason in report.reasons
        ],
    }


def tell(report: ImportReport) -> None:
    """The report for people."""
    output.facts(
        [
            *((name, f"{count:,}") for name, count in _rows(report).items()),
            ("rejects", _rejects(report)),
            ("export of", report.preset),
            ("columns", _columns(report)),
            ("not kept", ", ".join(report.ignored)),
        ]
    )
    for reason in report.reasons[:_REASONS]:
        more = f" (and {output.plural(reason.count - 1, 'row')} more like it)" if reason.count > 1 else ""
        output.say(f"invalid: line {reason.line:,}: {reason.text}{more}")
    if report.resumed:
        output.say(f"went on behind {output.plural(report.resumed, 'row')} of an import that was broken off")
    if report.consent:
        names = ", ".join(f"`{name}`" for name in report.consent)
        output.say(f"{names} read as consent: {_people(report.left)} taken as unsubscribed, not to be mailed")
    elif report.left:
        output.say(f"{_people(report.left)} taken as gone by their status, not to be mailed")
    if report.beyond_ascii:
        need = "needs" if report.beyond_ascii == 1 else "need"
        output.say(f"{_addresses(report.beyond_ascii)} {need} SMTPUTF8, which not every mail server offers")
    if report.odd_lines:
        output.warn(
            f"line {report.odd_line} is not in UTF-8 as the file is, and was read as Windows-1252"
            + (f"; so were {report.odd_lines - 1:,} more" if report.odd_lines > 1 else "")
        )
    _tell_doubts(report)


def _tell_doubts(report: ImportReport) -> None:
    doubts = report.doubts
    if report.odd_zones:
        named = ", ".join(f"`{zone[:40]}`" for zone, _ in report.odd_zones.most_common(3))
        output.say(f"{_people(report.odd_zones.total())} imported without a time zone: there is no {named}")
    if dates := report.odd_dates.rows:
        first = f"line {report.odd_dates.line:,}: {report.odd_dates.reason}"
        output.warn(f"{_people(dates)} imported without the date of joining; {first}")
    if guessed := report.guessed_dates.rows:
        first = f"line {report.guessed_dates.line:,}: `{report.guessed_dates.reason[:40]}`"
        output.warn(f"{output.plural(guessed, 'date')} of leaving read with the day first; {first}")
        output.say("nothing in the file tells whether that is so; if it is not: `--dates month-first`")
    _tell_lists(report)
    if doubts.roles:
        output.say(
            f"{_addresses(doubts.roles)} of an office such as info@; offices complain more than people"
        )
    if doubts.disposable:
        output.say(f"{_addresses(doubts.disposable)} at services of throw-away addresses")
    typos = sorted(doubts.typos.items(), key=lambda told: -told[1][1])
    for domain, (meant, count) in typos[:_TYPOS]:
        output.say(f"{_addresses(count)} at {domain}: did they mean {meant}?")
    if len(typos) > _TYPOS:
        output.say(f"{output.plural(len(typos) - _TYPOS, 'more domain')} like that; all with `--json`")


def _tell_lists(report: ImportReport) -> None:
    if topics := report.lists.topics:
        output.say(f"lists that are topics here: {_counted(topics)}")
    if tags := report.lists.tags:
        output.say(
            f"lists that are no topic here, and became tags: {_counted(tags)}; "
            "to have topics of them, first `newsletter topics add NAME`"
        )


def _counted(names: Counter[str]) -> str:
    shown = ", ".join(
        f"`{name}` ({output.plural(count, 'row')})" for name, count in names.most_common(_LISTS)
    )
    return shown + (f" and {len(names) - _LISTS:,} more" if len(names) > _LISTS else "")


_LISTS = 8
_TYPOS = 5
_REASONS = 5


def _people(count: int) -> str:
    return output.plural(count, "person", "people")


def _addresses(count: int) -> str:
    return output.plural(count, "address", "addresses")


def _rows(report: ImportReport) -> dict[str, int]:
    names = ("created", "updated", "unchanged", "skipped", "invalid")
    return {name: getattr(report, name) for name in names}


def _rejects(report: ImportReport) -> str | None:
    return str(report.rejects_file.resolve()) if report.rejects_file else None


def _columns(report: ImportReport) -> str:
    """Which field came from which column, and what became an attribute of which kind."""
    fields = [f"{field} ← {column}" for column, field in report.columns.items() if field in FIELDS]
    attributes = [
        f"{name} ({report.kinds.get(name, 'text')})" for name in report.columns.values() if name not in FIELDS
    ]
    return "; ".join([*fields, f"attributes: {', '.join(attributes)}"] if attributes else fields)
