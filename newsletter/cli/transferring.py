"""The commands that bring people in from a file and out again: `subscribers import` and `export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from newsletter.cli import imported, output
from newsletter.cli.session import Session, json_option, pass_session
from newsletter.delivery import deliveries_of
from newsletter.errors import UsageError
from subscribers.transfer import export_csv, export_person, import_file, presets

if TYPE_CHECKING:
    from subscribers.transfer.dates import Order


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--map", "mapping", multiple=True, metavar="FIELD=COLUMN", help="Read a field from this column."
)
@click.option(
    "--preset",
    type=click.Choice([preset.name for preset in presets()], case_sensitive=False),
    help="The file is an export of this service; by default found out by its columns.",
)
@click.option("--tag", "tags", multiple=True, help="Tag everybody in the file.")
@click.option("--topic", "topics", multiple=True, help="A topic for everybody who did not leave it.")
@click.option(
    "--consent",
    default="",
    help="Why these people may be written to; kept in the consent log of each. Needed, but for `--dry-run`.",
)
@click.option(
    "--dates",
    type=click.Choice(["day-first", "month-first"]),
    help="What comes first in dates such as 03/04/2024; by default what the others of their column show.",
)
@click.option("--rejects", type=click.Path(path_type=Path), help="Where to write the rows that were refused.")
@click.option("-n", "--dry-run", is_flag=True, help="Read and count, write nothing.")
@json_option
@pass_session
def import_(
    session: Session,
    file: Path,
    mapping: tuple[str, ...],
    preset: str | None,
    tags: tuple[str, ...],
    topics: tuple[str, ...],
    consent: str,
    dates: Literal["day-first", "month-first"] | None,
    rejects: Path | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import CSV, TSV or JSON lines; people who left are never brought back.

    FILE may be `-` for standard input. All of it is looked at before anything is written, and with
    `--dry-run` that is all: the report says which column became what, and of which type. A column such as
    `subscribed` or `opted out` with yes and no is believed: who says no is taken as unsubscribed. To keep it
    as a mere attribute, map it to one. A column of `lists` gives those topics that are called so, and tags
    where there is no such topic. An import that was broken off goes on when the same command is run
    again.

    \b
    Examples:
      newsletter subscribers import people.csv --consent "Signed up at the fair, May 2026"
      newsletter subscribers import people.csv --map email="E-post" --dry-run
      newsletter subscribers import people.csv --map opted_out_of_calls="Opted out" --dry-run
      newsletter subscribers import audience.csv --topic product --consent "Chose product news in our shop"
      newsletter subscribers import lists.csv --map lists="Groups" --dry-run
      newsletter subscribers import members.csv --preset ghost --consent "Members of our site since 2021"
    """
    if not dry_run and not consent.strip():
        raise UsageError(
            "it is not said why these people may be written to",
            hint='add `--consent "where and when they agreed"`; to look first, `--dry-run`',
        )
    with imported.reading() as progress:
        report = import_file(
            session.store,
            session.path(file),
            mapping=dict(pair(text) for text in mapping),
            tags=tags,
            topics=topics,
            consent_text=consent.strip(),
            preset=preset,
            dates=_ORDERS[dates] if dates else "",
            rejects=rejects,
            dry_run=dry_run,
            progress=progress,
        )
    if as_json:
        output.document(imported.as_document(report))
        return
    if dry_run:
        output.say("dry run; nothing was written")
    imported.tell(report)


@click.command()
@click.option("--segment", help="Only this saved segment.")
@click.option("--where", "expression", help="Only those for whom this expression is true.")
@click.option("--of", "person", metavar="ADDRESS", help="All that is known of one person, as JSON.")
@pass_session
def export(session: Session, segment: str | None, expression: str | None, person: str | None) -> None:
    """Write subscribers as CSV to stdout; `subscribers import` reads it again.

    With `--of`, all that is known of one person is written as JSON (GDPR article 15): the profile, the
    consent log, whether the address is suppressed, what was sent when, and what is known to have come of it.

    \b
    Examples:
      newsletter subscribers export --segment builders > builders.csv
      newsletter subscribers export --of ann@example.com > ann.json
    """
    if person is None:
        export_csv(session.store, session.segment(segment, expression), sys.stdout)
        return
    if segment or expression:
        raise UsageError("`--of` is about one person", hint="give it without `--segment` and `--where`")
    known = export_person(session.store, person)
    profile = session.store.find(person)
    deliveries = deliveries_of(session.engine, profile.id) if profile else []
    output.document({**known, "deliveries": deliveries})


def pair(text: str) -> tuple[str, str]:
    """The two sides of ``NAME=VALUE``.

    Raises:
        click.BadParameter: it is none.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise click.BadParameter(f"`{text}` is not of the form NAME=VALUE")
    return name.strip(), value.strip()


_ORDERS: dict[str, Order] = {"day-first": "day", "month-first": "month"}

#: What stands under `newsletter subscribers` beside the commands about people.
BELOW_SUBSCRIBERS = (import_, export)
