"""The commands about segments: `newsletter segments …`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from newsletter.cli import output
from newsletter.cli.helping import Group
from newsletter.cli.patience import looking
from newsletter.cli.session import Session, json_option, pass_session
from newsletter.errors import UsageError
from subscribers.indexing import create_index, indexes, remove_index

if TYPE_CHECKING:
    from subscribers import Segment


@click.group(cls=Group)
def segments() -> None:
    """Name an expression over subscribers, and see whom it means.

    \b
    Examples:
      newsletter segments add german-builders 'country == "DE" and "builders" in tags'
      newsletter segments show german-builders
    """


@segments.command()
@click.argument("name")
@click.argument("expression")
@pass_session
def add(session: Session, name: str, expression: str) -> None:
    """Save a segment, or give its name a new expression.

    \b
    Examples:
      newsletter segments add dach 'country in ["DE", "AT", "CH"]'
      newsletter segments add dach-readers 'segment("dach") and opened_within(90)'
    """
    declared = session.publication.settings.subscribers.attributes
    before = {segment.name: segment.expression for segment in session.store.segments()}.get(name, expression)
    segment = session.store.save_segment(name, expression, declared)
    if before != expression:
        output.say(f"in place of: {before}")
    with looking(session, segment):
        count = session.store.count(segment)
    output.say(f"saved: {name}, {output.plural(count, 'subscriber')} today")
    _warn(session, segment, count)


@segments.command(name="list")
@json_option
@pass_session
def list_(session: Session, *, as_json: bool) -> None:
    """List the saved segments.

    \b
    Example:
      newsletter segments list
    """
    saved = list(session.store.segments())
    if as_json:
        output.document([{"name": segment.name, "expression": segment.expression} for segment in saved])
    elif not saved:
        output.say("no segment is saved yet; `newsletter segments add NAME EXPRESSION` saves one")
    else:
        output.table(("name", "expression"), ((segment.name, segment.expression) for segment in saved))


@segments.command()
@click.argument("name")
@json_option
@pass_session
def show(session: Session, name: str, *, as_json: bool) -> None:
    """Show a segment's count, ten of its people, and its expression in words.

    \b
    Example:
      newsletter segments show dach
    """
    segment = session.store.segment(name)
    with looking(session, segment):
        count = session.store.count(segment)
        sample = [person.email for person in session.store.sample(segment)]
    _warn(session, segment, count)
    if as_json:
        output.document(
            {
                "name": name,
                "expression": segment.source,
                "words": segment.words(),
                "count": count,
                "sample": sample,
                "names": sorted(segment.names),
                "named_by": list(session.store.segments_naming(name)),
            }
        )
        return
    named_by = session.store.segments_naming(name)
    output.table(
        ("", ""),
        [
            ("expression", segment.source),
            ("in words", segment.words()),
            ("count", f"{count:,}"),
            *([("named by", named_by)] if named_by else []),
            *(("", email) for email in sample),
        ],
    )


@segments.command()
@click.argument("name")
@pass_session
def remove(session: Session, name: str) -> None:
    """Forget a saved segment that no other names; nobody is unsubscribed by it.

    \b
    Example:
      newsletter segments remove dach
    """
    session.store.remove_segment(name)
    output.say(f"removed: {name}")


@segments.command()
@click.argument("field", required=False)
@click.option("--remove", is_flag=True, help="Remove the index on this field.")
@json_option
@pass_session
def index(session: Session, field: str | None, *, remove: bool, as_json: bool) -> None:
    """Make segments that ask for FIELD faster, by an index; without FIELD, list the indexes.

    Others can go on reading meanwhile, and on PostgreSQL also writing.

    \b
    Examples:
      newsletter segments index country
      newsletter segments index country --remove
      newsletter segments index
    """
    declared = session.publication.settings.subscribers.attributes
    attributes = {*session.store.attribute_names(), *declared}
    if field is None and remove:
        raise UsageError("it is not said which index to remove", hint="name its field")
    if field is not None and remove:
        remove_index(session.engine, field, attributes)
        output.say(f"removed: the index on {field}")
    elif field is not None:
        create_index(session.engine, field, attributes)
        output.say(f"indexed: {field}")
    found = indexes(session.engine, attributes)
    if as_json:
        output.document([{"field": index.field, "ready": index.ready} for index in found])
    elif field is None and not found:
        output.say("no field has an index yet; `newsletter segments index FIELD` makes one")
    elif field is None:
        states = {True: "ready", False: "not finished: make it again"}
        output.table(("field", "state"), ((index.field, states[index.ready]) for index in found))


def _warn(session: Session, segment: Segment, count: int) -> None:
    """Say what of a segment can be true of nobody, and that it matches nobody if that is so."""
    if not count and session.store.count(None):
        output.warn(f"segment `{segment.name}` matches nobody")
    with session.engine.connect() as connection:
        for miss in segment.misses(connection):
            output.warn(miss)


COMMANDS = (segments,)
