"""The commands that look at dispatches and steer them: `status`, `log`, `pause`, `cancel`, `reconcile`."""

from __future__ import annotations

import click

from newsletter.cli import output
from newsletter.cli.session import Session, confirm, json_option, pass_session
from newsletter.delivery import (
    STATES,
    DeliveryState,
    DispatchState,
    Status,
    cancel,
    log,
    pause,
    resend,
    settle,
    status,
    statuses,
)
from newsletter.errors import UsageError

_COUNTS = ("accepted", "rejected", "failed", "skipped", "uncertain", "pending")


@click.command(name="status")
@click.argument("dispatch", required=False)
@json_option
@pass_session
def status_(session: Session, dispatch: str | None, *, as_json: bool) -> None:
    """Show how a dispatch stands, or all of them.

    \b
    Examples:
      newsletter status
      newsletter status 2026-04-11-1 --json
    """
    if dispatch:
        standing = status(session.engine, dispatch)
        output.document(report_document(standing)) if as_json else report_table(standing)
        return
    every = statuses(session.engine)
    if as_json:
        output.document([report_document(standing) for standing in every])
        return
    rows = ((each.dispatch, each.state, f"{each.recipients:,}", _outcomes(each)) for each in every)
    output.table(("dispatch", "state", "recipients", "outcomes"), rows, right=("recipients",))
    if not every:
        output.say("nothing was ever sent from here; `newsletter send ISSUE` begins")


@click.command(name="log")
@click.argument("dispatch")
@click.option("--state", type=click.Choice(STATES), help="Only recipients in this state.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@pass_session
def log_(session: Session, dispatch: str, state: str | None, *, as_json: bool) -> None:
    """Print what came of each recipient.

    \b
    Examples:
      newsletter log 2026-04-11-1
      newsletter log 2026-04-11-1 --state uncertain --json
    """
    columns = ("email", "state", "reason", "provider_id", "message_id", "at", "attempts")
    lines = log(session.engine, dispatch, state)
    if as_json:
        for line in lines:
            output.json_line({name: getattr(line, name) for name in columns})
        return
    output.table(columns, ([getattr(line, name) for name in columns] for line in lines))


@click.command(name="pause")
@click.argument("dispatch")
@pass_session
def pause_(session: Session, dispatch: str) -> None:
    """Halt a running dispatch, from any terminal; what is in flight is finished and recorded.

    \b
    Example:
      newsletter pause 2026-04-11-1
    """
    pause(session.engine, dispatch)
    output.say(f"paused; `newsletter resume {dispatch}` goes on")


@click.command(name="cancel")
@click.argument("dispatch")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@pass_session
def cancel_(session: Session, dispatch: str, *, yes: bool) -> None:
    """End a dispatch for good; whoever was not tried yet is recorded as skipped.

    \b
    Example:
      newsletter cancel 2026-04-11-1
    """
    standing = status(session.engine, dispatch)
    confirm(f"Give up on {output.plural(standing.pending, 'subscriber')} of {dispatch}?", yes=yes)
    cancel(session.engine, dispatch)
    output.say(f"cancelled: {dispatch}")


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
@click.option("--reason", default="settled by the operator", show_default=True, help="How it is known.")
@json_option
@pass_session
def reconcile(
    session: Session,
    dispatch: str,
    accepted: tuple[str, ...],
    failed: tuple[str, ...],
    again: tuple[str, ...],
    reason: str,
    *,
    retry_failed: bool,
    as_json: bool,
) -> None:
    """Settle recipients in doubt, by what you know; without options, name them.

    \b
    Examples:
      newsletter reconcile 2026-04-11-1
      newsletter reconcile 2026-04-11-1 --accepted ann@example.com --reason "in the relay's log"
      newsletter reconcile 2026-04-11-1 --retry-failed
    """
    if not (accepted or failed or again or retry_failed):
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
    settled = 0
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
    output.say(f"settled: {settled}, to be tried again: {tried_again}")
    if tried_again:
        output.say(f"next: `newsletter resume {dispatch}`")


def report_document(standing: Status) -> dict[str, object]:
    """How a dispatch stands, as `send` and `status` print it in JSON."""
    return {
        "dispatch": standing.dispatch,
        "state": standing.state,
        "issue": standing.issue,
        "digest": standing.digest,
        "recipients": standing.recipients,
        "excluded": dict(standing.excluded),
        **{name: getattr(standing, name) for name in _COUNTS},
    }


def report_table(standing: Status) -> None:
    """How a dispatch stands, in lines."""
    excluded = ", ".join(f"{count:,} {reason}" for reason, count in sorted(standing.excluded.items()))
    counts = [(name, f"{getattr(standing, name):,}") for name in _COUNTS if getattr(standing, name)]
    output.table(
        ("", ""),
        [
            ("dispatch", standing.dispatch),
            ("state", standing.state),
            ("audience", standing.audience),
            ("provider", standing.provider),
            ("recipients", f"{standing.recipients:,}"),
            *([("excluded", excluded)] if excluded else []),
            *counts,
        ],
    )
    if standing.state is DispatchState.RUNNING and not standing.workers:
        output.say(f"nobody is working on it; `newsletter resume {standing.dispatch}` goes on")


def _outcomes(standing: Status) -> str:
    counts = ((name, getattr(standing, name)) for name in _COUNTS)
    return ", ".join(f"{count:,} {name}" for name, count in counts if count)


def _names(who: tuple[str, ...]) -> tuple[str, ...] | None:
    return None if who == ("all",) else who


COMMANDS = (status_, log_, pause_, cancel_, reconcile)
