"""The commands that look at dispatches and steer them: `newsletter status`, `pause` and `cancel`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from newsletter.cli import output
from newsletter.cli.session import Session, confirm, json_option, pass_session
from newsletter.delivery import (
    DispatchState,
    Engagement,
    Status,
    cancel,
    engagement,
    parse_since,
    pause,
    status,
    statuses,
)
from newsletter.delivery.aftermath import POLICY
from newsletter.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

_COUNTS = ("accepted", "rejected", "failed", "skipped", "uncertain", "pending")


@click.command(name="status")
@click.argument("dispatch", required=False)
@click.option(
    "--state", type=click.Choice([state.value for state in DispatchState]), help="Only those in this state."
)
@click.option("--issue", "slug", metavar="SLUG", help="Only those of this issue.")
@click.option("--since", metavar="TIME", help="Only those planned since then: `3d`, a date.")
@json_option
@pass_session
def status_(
    session: Session,
    dispatch: str | None,
    state: str | None,
    slug: str | None,
    since: str | None,
    *,
    as_json: bool,
) -> None:
    """Show how a dispatch stands, or all of them.

    \b
    Examples:
      newsletter status
      newsletter status 2026-04-11-1 --json
      newsletter status --state paused --since 7d
    """
    if dispatch:
        if state or slug or since:
            raise UsageError(
                "`--state`, `--issue` and `--since` choose from all dispatches", hint="name none"
            )
        standing = status(session.engine, dispatch)
        engaged = engagement(session.engine, dispatch)
        if as_json:
            told = {name: engaged.to_dict()[name] for name in ("opens", "clicks")} if engaged else {}
            output.document({**report_document(standing), **told})
        else:
            report_table(standing, session.zone, engaged)
        return
    after = parse_since(since, datetime.now(UTC), session.zone) if since else None
    every = statuses(session.engine, slug, state=state, since=after, learned=as_json)
    if as_json:
        output.document([report_document(standing) for standing in every])
        return
    rows = ((each.dispatch, each.state, f"{each.recipients:,}", _outcomes(each)) for each in every)
    output.table(("dispatch", "state", "recipients", "outcomes"), rows, right=("recipients",))
    if not every and (state or slug or after):
        output.say("no dispatch is like that; `newsletter status` lists all")
    elif not every:
        output.say("nothing was ever sent from here; `newsletter send ISSUE` begins")


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
    output.say(f"paused; {output.resuming(dispatch)} goes on")


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
    # Of nobody nothing need be asked; whether it can still be cancelled is told below.
    if standing.pending:
        confirm(f"Give up on {output.plural(standing.pending, 'subscriber')} of {dispatch}?", yes=yes)
    cancel(session.engine, dispatch)
    output.say(f"cancelled: {dispatch}")
    after = status(session.engine, dispatch)
    if after.uncertain > standing.uncertain:
        output.warn(
            f"{output.plural(after.uncertain, 'recipient')} may or may not have been mailed:"
            f" `newsletter reconcile {dispatch}` names them"
        )
    if after.pending:
        output.warn(
            f"{output.are(after.pending)} in the hands of a process, which records that as it ends;"
            f" if it is gone, `newsletter cancel {dispatch}` again, 15 minutes after its end"
        )


def _engagement_rows(found: Engagement | None) -> Iterator[tuple[str, str]]:
    for verb, reach in (("opened", found.opens), ("clicked", found.clicks)) if found else ():
        unknown = (
            f", {output.plural(reach.anonymous, 'time')} by nobody knows whom" if reach.anonymous else ""
        )
        machines = f"{reach.machines:,} more by machines only"
        yield verb, f"by {output.plural(reach.people, 'subscriber')}, {machines}{unknown}"


def report_document(standing: Status) -> dict[str, object]:
    """How a dispatch stands, as `send` and `status` print it in JSON."""
    told = ("deferred", "schedule", "next_at", "halted", "events")
    running = standing.state is DispatchState.RUNNING
    return {
        "dispatch": standing.dispatch,
        "state": standing.state,
        "issue": standing.issue,
        "digest": standing.digest,
        "recipients": standing.recipients,
        "excluded": dict(standing.excluded),
        **{name: getattr(standing, name) for name in _COUNTS},
        **({"workers": standing.workers} if running else {}),
        # What does not hold is not told, so that the keys above are all that a usual dispatch has.
        **{name: value for name in told if (value := getattr(standing, name))},
    }


def report_table(standing: Status, zone: tzinfo, engaged: Engagement | None = None) -> None:
    """How a dispatch stands, in lines, and who opened and clicked where that is known."""
    excluded = ", ".join(f"{count:,} {reason}" for reason, count in sorted(standing.excluded.items()))
    counts = [(name, f"{getattr(standing, name):,}") for name in _COUNTS if getattr(standing, name)]
    events = ", ".join(f"{count:,} {kind}" for kind, count in standing.events.items())
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
            *([("deferred", f"{standing.deferred:,} of the pending")] if standing.deferred else []),
            *([("due", when(standing.schedule, zone))] if standing.schedule else []),
            *([("next at", local_time(standing.next_at, zone))] if standing.next_at else []),
            *([("halted", standing.halted)] if standing.halted else []),
            *([("since then", events)] if events else []),
            *_engagement_rows(engaged),
        ],
    )
    if refused := standing.events.get(POLICY):
        output.warn(
            f"{output.plural(refused, 'message')} refused for what we send or are, not for the address: "
            f"`newsletter doctor --since {standing.created_at.astimezone(zone):%Y-%m-%d}` tells why"
        )
    if standing.state is DispatchState.RUNNING and not standing.workers:
        output.say(unattended(standing))


def unattended(standing: Status) -> str:
    """That a running dispatch is in nobody's hands: its process ended, or waits for its time."""
    go_on = f"{output.resuming(standing.dispatch)} goes on"
    return f"nobody is working on it; unless a process waits for quiet hours or a limit to end, {go_on}"


def local_time(moment: datetime, zone: tzinfo) -> str:
    """A moment as people of the publication read it."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def when(schedule: str, zone: tzinfo) -> str:
    """For when a dispatch is planned, in words: the ledger keeps a moment, or a local time."""
    if not schedule or schedule.endswith("local"):
        return schedule.replace(" local", " where each recipient lives")
    return local_time(datetime.fromisoformat(schedule), zone)


def _outcomes(standing: Status) -> str:
    counts = ((name, getattr(standing, name)) for name in _COUNTS)
    return ", ".join(f"{count:,} {name}" for name, count in counts if count)


COMMANDS = (status_, pause_, cancel_)
