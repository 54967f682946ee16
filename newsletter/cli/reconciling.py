"""The command that settles recipients in doubt: `newsletter reconcile`."""

from __future__ import annotations

from pathlib import Path

import click

from newsletter.cli import output
from newsletter.cli.dispatches import report_document
from newsletter.cli.session import Session, json_option, pass_session
from newsletter.delivery import DeliveryState, Settled, log, resend, settle, settle_by, status
from newsletter.delivery.evidence import from_list, from_postfix, from_sendgrid
from newsletter.errors import UsageError

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


@click.command()
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
    help="Try again, at the risk of a second mail; `all` means all.",
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
@click.option("--reason", default="settled by the operator", show_default=True, help="How it is known.")
@json_option
@pass_session
def reconcile(
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
    as_json: bool,
) -> None:
    """Settle recipients in doubt, by evidence or by what you know; without options, name them.

    Evidence comes first, and only ever says that a message was taken; whoever there is none of stays in doubt
    until you decide. Who is pending, as after a backup was restored, is taken out by it and not mailed again.

    \b
    Examples:
      newsletter reconcile 2026-04-11-1
      newsletter reconcile 2026-04-11-1 --accepted ann@example.com --reason "in the relay's log"
      newsletter reconcile 2026-04-11-1 --postfix-log /var/log/mail.log
      newsletter reconcile 2026-04-11-1 --retry-failed
    """
    files = ((delivered, from_list), (postfix_log, from_postfix), (sendgrid_events, from_sendgrid))
    evidence = [read(session.path(path)) for path, read in files if path is not None]
    if not (accepted or failed or again or retry_failed or evidence):
        for line in log(session.engine, dispatch, DeliveryState.UNCERTAIN):
            output.data(f"{line.email}\t{line.message_id}")
        if not status(session.engine, dispatch).uncertain:
            output.say("nobody is in doubt")
        return
    if (
        sum(choice == ("all",) for choice in (accepted, failed, again))
        and sum(map(bool, (accepted, failed, again))) > 1
    ):
        raise UsageError(
            "`all` leaves nobody for another option", hint="give one option with `all`, or name everybody"
        )
    for name in (*accepted, *failed, *again):
        if name.startswith("-"):
            raise UsageError(f"`{name}` names nobody", hint="name an address or a delivery id, or say `all`")
    before = status(session.engine, dispatch)
    by_evidence = [settle_by(session.engine, dispatch, each) for each in evidence]
    settled = sum(found.doubtful for found in by_evidence)
    for state, who in ((DeliveryState.ACCEPTED, accepted), (DeliveryState.FAILED, failed)):
        if who:
            settled += settle(session.engine, dispatch, state, who=_names(who), reason=reason)
    tried_again = 0
    if again:
        tried_again = resend(
            session.engine, dispatch, DeliveryState.UNCERTAIN, who=_names(again), reason=reason
        )
    if retry_failed:
        tried_again += resend(session.engine, dispatch, DeliveryState.FAILED, reason=reason)
    if as_json:
        output.document(report_document(status(session.engine, dispatch)))
        return
    pending = sum(found.pending for found in by_evidence)
    if retry_failed and not before.failed:
        output.say("nobody has failed")
    if settled or before.uncertain or tried_again:
        output.say(f"settled: {settled}, to be tried again: {tried_again}")
    elif not pending and (evidence or accepted or failed or again):
        output.say("nobody is in doubt; there is nothing to settle")
    if evidence:
        _say_what_is_left(session, dispatch, by_evidence, pending)
    if tried_again:
        output.say(f"next: {output.resuming(dispatch)}")


def _say_what_is_left(session: Session, dispatch: str, found: list[Settled], pending: int) -> None:
    """Tell who was pending and proved, who is in a worker's hands, and who is still in doubt."""
    if pending:
        have = "who was pending has it, and is" if pending == 1 else "who were pending have it, and are"
        output.say(f"{output.plural(pending, 'recipient')} {have} not mailed again")
    if held := max(each.held for each in found):
        output.warn(
            f"there is evidence of {held:,} more in the hands of a process: `newsletter pause"
            f" {dispatch}`, then once more; if it is gone, 15 minutes after its end"
        )
    if left := status(session.engine, dispatch).uncertain:
        output.say(
            f"{output.plural(left, 'recipient')} still in doubt: `--accepted`, `--failed` or `--resend`"
        )


def _names(who: tuple[str, ...]) -> tuple[str, ...] | None:
    return None if who == ("all",) else who


COMMANDS = (reconcile,)
