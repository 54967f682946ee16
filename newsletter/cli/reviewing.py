"""The command `newsletter approve`, and whether an issue that is about to be sent was approved."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from newsletter.checks import Severity, check_pressed
from newsletter.cli import output
from newsletter.cli.session import Session, json_option, pass_session
from newsletter.review import approve as put_down
from newsletter.review import read_review, withdraw

if TYPE_CHECKING:
    from newsletter.editions import Pressed


@click.command()
@click.argument("issue")
@click.option("--by", metavar="NAME", help="Who approves; default: the name of your account on this machine.")
@click.option("--note", default="", metavar="TEXT", help="What to put down with it.")
@click.option(
    "--withdraw", "undo", is_flag=True, help="The approval of this edition does not count any more."
)
@json_option
@pass_session
def approve(session: Session, issue: str, by: str | None, note: str, *, undo: bool, as_json: bool) -> None:
    """Approve an issue as it is now; whatever changes in it voids the approval.

    \b
    Examples:
      newsletter approve issues/2026-04-11.md --by "Ann Editor"
      newsletter approve 2026-04-11 --by "Ann Editor" --withdraw
    """
    path = session.find(issue)
    pressed = session.press(issue)
    digest = pressed.edition.digest
    name, now = by or getpass.getuser(), datetime.now(UTC)
    found = check_pressed(pressed, session.publication.settings)
    if undo:
        withdraw(path, digest, name, now)
    else:
        put_down(path, digest, name, now, note)
    if as_json:
        output.document({"slug": pressed.edition.slug, "digest": digest, "by": name, "approved": not undo})
    if errors := sum(finding.severity is Severity.ERROR for finding in found):
        output.warn(
            f"{output.plural(errors, 'error')}, with which it is not sent; `newsletter check {issue}` tells"
        )
    if comments := len(read_review(path).open):
        output.warn(
            f"{output.plural(comments, 'comment')} nobody resolved; `newsletter preview {issue}` shows them"
        )
    output.say(
        f"{pressed.edition.slug} {digest[:12]}: {'approval withdrawn' if undo else f'approved by {name}'}"
    )


def approved(session: Session, pressed: Pressed) -> bool:
    """Whether the edition may be sent as far as approval goes; if not, the error was shown."""
    path = pressed.issue.path
    if session.publication.settings.review.approval != "required" or path is None:
        return True
    review = read_review(path)
    if review.approval(pressed.edition.digest):
        return True
    last, slug = review.latest, pressed.issue.slug
    since = f"it changed since {last.by} approved it" if last else "nobody approved it"
    output.error(
        f"{since}, and the publication requires approval",
        where=str(path),
        hint=f"look at it with `newsletter preview {slug}`, then `newsletter approve {slug} --by NAME`",
    )
    return False


COMMANDS = (approve,)
