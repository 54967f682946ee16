"""The commands about segments: `newsletter segments …`."""

from __future__ import annotations

import click

from newsletter.cli import output
from newsletter.cli.session import Session, json_option, pass_session


@click.group()
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
    Example:
      newsletter segments add dach 'country in ["DE", "AT", "CH"]'
    """
    declared = session.publication.settings.subscribers.attributes
    count = session.store.count(session.store.save_segment(name, expression, declared))
    output.say(f"saved: {name}, {output.plural(count, 'subscriber')} today")
    if not count:
        output.warn(f"segment `{name}` matches nobody")


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
    count = session.store.count(segment)
    sample = [person.email for person in session.store.sample(segment)]
    if as_json:
        output.document({"name": name, "expression": segment.source, "count": count, "sample": sample})
        return
    output.table(
        ("", ""),
        [
            ("expression", segment.source),
            ("in words", segment.words()),
            ("count", f"{count:,}"),
            *(("", email) for email in sample),
        ],
    )


@segments.command()
@click.argument("name")
@pass_session
def remove(session: Session, name: str) -> None:
    """Forget a saved segment; nobody is unsubscribed by it.

    \b
    Example:
      newsletter segments remove dach
    """
    session.store.remove_segment(name)
    output.say(f"removed: {name}")


COMMANDS = (segments,)
