"""The commands about the archive: `newsletter archive …`."""

from __future__ import annotations

from dataclasses import asdict

import click

from newsletter.cli import output
from newsletter.cli.helping import Group
from newsletter.cli.session import Session, json_option, pass_session
from newsletter.delivery.archiving import list_archived, set_archived


@click.group(cls=Group)
def archive() -> None:
    """Say which issues everybody may read in the archive; the others need the link of the mail.

    \b
    Examples:
      newsletter archive list
      newsletter archive show 2026-04-11-1
    """


@archive.command(name="list")
@json_option
@pass_session
def list_(session: Session, *, as_json: bool) -> None:
    """List the dispatches, and whether the archive shows each.

    \b
    Example:
      newsletter archive list
    """
    found = list_archived(session.engine)
    if as_json:
        output.document([asdict(each) for each in found])
    elif not found:
        output.say("nothing was sent yet; `newsletter send ISSUE` sends an issue")
    else:
        rows = [
            (each.dispatch, each.state, each.audience, "yes" if each.archived else "no") for each in found
        ]
        output.table(("dispatch", "state", "audience", "in the archive"), rows)


@archive.command()
@click.argument("dispatch")
@pass_session
def show(session: Session, dispatch: str) -> None:
    """Show the issue of DISPATCH to everybody.

    \b
    Example:
      newsletter archive show 2026-04-11-1
    """
    _set(session, dispatch, archived=True)


@archive.command()
@click.argument("dispatch")
@pass_session
def hide(session: Session, dispatch: str) -> None:
    """Take the issue of DISPATCH out of the archive: its list, feed, sitemap and search.

    Messages that were sent while it was in there lead to nothing then, where they say “read online”.

    \b
    Example:
      newsletter archive hide 2026-04-11-1
    """
    _set(session, dispatch, archived=False)


def _set(session: Session, dispatch: str, *, archived: bool) -> None:
    changed = set_archived(session.engine, dispatch, archived=archived)
    words = "in the archive" if archived else "not in the archive"
    output.say(f"{dispatch} is {words}{'' if changed else ' already'}")


COMMANDS = (archive,)
