"""The commands about the keys that sign readers' links: `newsletter keys …`."""

from __future__ import annotations

import click

from newsletter.cli import output
from newsletter.cli.helping import Group
from newsletter.cli.session import Session, json_option, pass_session
from subscribers.keys import add_key, key_ages
from subscribers.models import KeyPurpose


@click.group(cls=Group)
def keys() -> None:
    """Look after the keys that sign the links in messages; they stay in the database.

    \b
    Examples:
      newsletter keys list
      newsletter keys rotate
    """


@keys.command(name="list")
@json_option
@pass_session
def list_(session: Session, *, as_json: bool) -> None:
    """List the keys by number and age; what they are is never shown.

    \b
    Example:
      newsletter keys list
    """
    ages = key_ages(session.engine, KeyPurpose.LINKS)
    if as_json:
        output.document(
            [
                {"key": number, "made": made.isoformat(), "signs": number == len(ages)}
                for number, made in enumerate(ages, 1)
            ]
        )
    else:
        output.table(
            ("key", "made", "use"),
            (
                (number, made, "signs" if number == len(ages) else "is believed")
                for number, made in enumerate(ages, 1)
            ),
        )


@keys.command()
@pass_session
def rotate(session: Session) -> None:
    """Make a new key, which signs links from now on; links in mail that is out there stay good, for years.

    A running `newsletter serve` learns of it by itself.

    \b
    Example:
      newsletter keys rotate
    """
    add_key(session.engine, KeyPurpose.LINKS)
    output.say(
        f"key {len(key_ages(session.engine, KeyPurpose.LINKS))} signs from now on; old links stay good"
    )


COMMANDS = (keys,)
