"""The command that settles recipients in doubt: `newsletter reconcile`."""

from __future__ import annotations

from pathlib import Path

import click

from newsletter.cli import output, reconciled
from newsletter.cli.dispatches import report_document
from newsletter.cli.session import Session, confirm, json_option, pass_session
from newsletter.delivery import DeliveryState, log, status
from newsletter.delivery.evidence import from_list, from_postfix, from_sendgrid
from newsletter.delivery.reconciling import Decisions, bearings, reconcile
from newsletter.delivery.settling import BY_HAND
from newsletter.errors import UsageError

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


@click.command(name="reconcile")
@click.argument("dispatch")
@click.option(
    "--accepted",
    multiple=True,
    metavar="WHO",
    help="An address or delivery id that did get it; `all` means all.",
)
@click.option(
    "--failed",
    multiple=True,
    metavar="WHO",
    help="An address or delivery id that did not get it; `all` means all.",
)
@click.option(
    "--resend",
    "again",
    multiple=True,
    metavar="WHO",
    help="Try again, at the risk of a second mail; `all` means all. Who got the issue from another dispatch"
    " since, or will, is left alone.",
)
@click.option(
    "--retry-failed", is_flag=True, help="Try those again who failed; nobody is mailed twice by it."
)
@click.option(
    "--delivered",
    type=_FILE,
    help="A list of addresses or Message-IDs, one on each line, that got it; or one of the two below.",
)
@click.option("--postfix-log", type=_FILE, help="A log of the Postfix that took the messages; may be a .gz.")
@click.option("--sendgrid-events", type=_FILE, help="Events of SendGrid's webhook, as JSON.")
@click.option("--reason", default=BY_HAND, show_default=True, help="How it is known.")
@click.option("-n", "--dry-run", is_flag=True, help="Show what would come of it, and write nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def reconcile_(
    session: Session,
    dispatch: str,
    accepted: tuple[str, ...],
    failed: tuple[str, ...],
    again: tuple[str, ...],
    delivered: Path | None,
    postfix_log: Path | None,
    sendgrid_events: Path | None,
    reason: str,
    *,
    retry_failed: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Settle recipients in doubt, by evidence or by what you know; without options, name them.

    Evidence comes first, and only ever says that a message was taken; whoever there is none of stays in doubt
    until you decide. Who is pending, as after a backup was restored, is taken out by it and not mailed again.
    What would come of it is shown first; all of it is done, or nothing.

    \b
    Examples:
      newsletter reconcile 2026-04-11-1
      newsletter reconcile 2026-04-11-1 --accepted ann@example.com --reason "in the relay's log"
      newsletter reconcile 2026-04-11-1 --postfix-log /var/log/mail.log --dry-run
      newsletter reconcile 2026-04-11-1 --delivered got-it.txt --yes
      newsletter reconcile 2026-04-11-1 --retry-failed
    """
    files = ((delivered, from_list), (postfix_log, from_postfix), (sendgrid_events, from_sendgrid))
    given = [(path, read(session.path(path))) for path, read in files if path is not None]
    evidence = [each for _, each in given]
    if not (accepted or failed or again or retry_failed or evidence):
        _name_the_doubtful(session, dispatch, as_json=as_json)
        return
    _check_names(accepted, failed, again)
    decisions = Decisions(
        evidence, _names(accepted), _names(failed), _names(again), retry_failed=retry_failed, reason=reason
    )
    found, settled = bearings(session.engine, dispatch, evidence)
    named = [(reconciled.shown(path), each) for (path, _), each in zip(given, found, strict=True)]
    foreseen = done = reconcile(session.engine, dispatch, decisions, dry_run=True)
    reconciled.show_foreseen(status(session.engine, dispatch), foreseen, named, settled)
    if foreseen.changes and not dry_run:
        confirm(reconciled.question(dispatch, foreseen), yes=yes)
        done = reconcile(session.engine, dispatch, decisions)
    if as_json:
        told = {"reconciled": reconciled.document(done, found, settled), "dry_run": dry_run}
        output.document({**report_document(status(session.engine, dispatch)), **told})
    if dry_run:
        output.say("dry run; nothing was written")
    elif foreseen.changes:
        reconciled.show_done(dispatch, done)


def _check_names(*choices: tuple[str, ...]) -> None:
    """Refuse `all` beside another choice, and options that were taken for names.

    Raises:
        UsageError: there are such.
    """
    if ("all",) in choices and sum(map(bool, choices)) > 1:
        raise UsageError(
            "`all` leaves nobody for another option", hint="give one option with `all`, or name everybody"
        )
    for name in (name for choice in choices for name in choice):
        if name.startswith("-"):
            raise UsageError(f"`{name}` names nobody", hint="name an address or a delivery id, or say `all`")


def _name_the_doubtful(session: Session, dispatch: str, *, as_json: bool) -> None:
    lines = log(session.engine, dispatch, DeliveryState.UNCERTAIN)
    if as_json:
        doubtful = [{"email": line.email, "message_id": line.message_id} for line in lines]
        standing = report_document(status(session.engine, dispatch))
        output.document({**standing, "in_doubt": doubtful})
        return
    for line in lines:
        output.data(f"{line.email}\t{line.message_id}")
    if not status(session.engine, dispatch).uncertain:
        output.say("nobody is in doubt")


def _names(who: tuple[str, ...]) -> tuple[str, ...] | None:
    return None if who == ("all",) else who


COMMANDS = (reconcile_,)
