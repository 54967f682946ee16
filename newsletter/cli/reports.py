"""The commands that tell what came of a dispatch: `newsletter log` and `report`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli import output
from newsletter.cli.dispatches import local_time
from newsletter.cli.session import Session, pass_session
from newsletter.delivery import STATES, LogFilter, log, parse_since
from newsletter.delivery.summary import as_document, as_markdown, summarise
from newsletter.errors import NewsletterError, UsageError
from newsletter.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from newsletter.delivery import LogLine

COLUMNS = ("email", "state", "reason", "provider_id", "message_id", "at", "attempts")
#: What was learned later; in JSON only of those of whom anything was.
LATER = "events"


@click.command(name="log")
@click.argument("dispatch")
@click.option("--state", type=click.Choice(STATES), help="Only recipients in this state.")
@click.option("--reason", metavar="TEXT", help="Only where the reason contains this.")
@click.option("--domain", help="Only recipients at this domain.")
@click.option("--email", help="Only this recipient.")
@click.option(
    "--since",
    metavar="TIME",
    help="Only outcomes since `[DAY] HH:MM`, a date, or so long ago: `15m`, `2h`, `3d`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@pass_session
def log_(
    session: Session,
    dispatch: str,
    state: str | None,
    reason: str | None,
    domain: str | None,
    email: str | None,
    since: str | None,
    *,
    as_json: bool,
) -> None:
    """Print what came of each recipient, and what was learned since: delivered, bounced, complained.

    On a terminal, names that are for programs are left out: a pipe, a file and --json have Message-IDs and
    the provider's own.

    \b
    Examples:
      newsletter log 2026-04-11-1
      newsletter log 2026-04-11-1 --state uncertain --json
      newsletter log 2026-04-11-1 --domain gmail.com --reason 5.7. --since 2h
    """
    wanted = LogFilter(
        reason=reason,
        domain=domain,
        email=session.address(email) if email else None,
        since=parse_since(since, datetime.now(UTC), session.zone) if since else None,
    )
    lines = log(session.engine, dispatch, state, wanted)
    if as_json:
        for line in lines:
            later = {LATER: line.events} if line.events else {}
            output.json_line({**{name: getattr(line, name) for name in COLUMNS}, **later})
        return
    if not sys.stdout.isatty():
        columns = (*COLUMNS, LATER)
        output.table(columns, ([getattr(line, name) for name in columns] for line in lines))
        return
    _show(list(lines), session.zone)


def _show(lines: Sequence[LogLine], zone: tzinfo) -> None:
    """The lines for people: when, who and what; no names of messages, and no columns that are empty."""
    if not lines:
        output.say("there is nobody like that in this dispatch")
        return
    cells: dict[str, list[object]] = {
        "at": [line.at and local_time(line.at, zone) for line in lines],
        "email": [line.email for line in lines],
        "state": [line.state for line in lines],
        "tries": [line.attempts or "" for line in lines],
        "reason": [line.reason for line in lines],
        LATER: [line.events for line in lines],
    }
    shown = {name: column for name, column in cells.items() if any(column)}
    whole = ("at", "state", "tries")
    output.table(tuple(shown), zip(*shown.values(), strict=True), right=("tries",), whole=whole)


@click.command()
@click.argument("dispatch")
@click.option(
    "-o", "--output", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write it to this file."
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["markdown", "json"]),
    help="Default: json for a FILE.json, markdown for a FILE.md.",
)
@pass_session
def report(session: Session, dispatch: str, path: Path | None, kind: str | None) -> None:
    """Report on a dispatch: outcomes, by domain, by reason, who is in doubt, and the times.

    \b
    Examples:
      newsletter report 2026-04-11-1
      newsletter report 2026-04-11-1 -o reports/2026-04-11-1.md
      newsletter report 2026-04-11-1 --format json
    """
    kind = kind or _kind_of(path)
    summary = summarise(session.engine, dispatch)
    text = as_document(summary) if kind == "json" else as_markdown(summary, session.zone)
    if path is None:
        click.echo(text, nl=False)
        return
    _write(path, text)
    output.say(f"wrote {path}")


def keep_report(session: Session, dispatch: str) -> None:
    """Leave the report of a dispatch in the folder of `[delivery] reports`, in place of an earlier one.

    A folder that cannot be written is told of and no more: what came of everybody is in the ledger.
    """
    folder = session.publication.reports
    if folder is None:
        return
    path = folder / f"{dispatch}.md"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, as_markdown(summarise(session.engine, dispatch), session.zone))
    except (NewsletterError, OSError) as error:
        output.warn(f"the report was not written: {error}; `newsletter report {dispatch}` tells the same")
        return
    output.say(f"report: {path}")


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise NewsletterError(
            f"cannot be written: {error.strerror}",
            where=str(path),
            hint="name a file in a folder that is there",
        ) from error


def _kind_of(path: Path | None) -> str:
    """The format that the name of a file asks for.

    Raises:
        UsageError: it asks for none that is known.
    """
    if path is None or not path.suffix:
        return "markdown"
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise UsageError(
            f"a report cannot be written as `{path.suffix}`",
            where=str(path),
            hint="name it FILE.md or FILE.json, or say `--format markdown` or `--format json`",
        )
    return kind


_KINDS = {".md": "markdown", ".markdown": "markdown", ".txt": "markdown", ".json": "json"}

COMMANDS = (log_, report)
