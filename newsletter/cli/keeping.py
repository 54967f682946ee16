"""More commands of `newsletter subscribers`: pauses, suppressions, retention and statistics."""

from __future__ import annotations

import re
import sys
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import click

from newsletter.cli import output
from newsletter.cli.session import Session, confirm, json_option, pass_session
from newsletter.cli.tracking import track
from newsletter.delivery import fold_events
from newsletter.errors import UsageError
from newsletter.notices import Forgetting
from subscribers import SuppressionReason
from subscribers.retention import Policy, due, expire
from subscribers.statistics import statistics

if TYPE_CHECKING:
    from subscribers.statistics import Month, Statistics

_DAYS = {"d": 1, "w": 7, "m": 30}
#: How many characters the longest bar of the chart has.
_WIDTH = 24


@click.command()
@click.argument("email")
@click.option("--until", metavar="DATE", help="The day from which there is mail again, such as `2026-06-01`.")
@click.option("--for", "duration", metavar="TIME", help="For so long from now: `30d`, `4w` or `2m`.")
@pass_session
def pause(session: Session, email: str, until: str | None, duration: str | None) -> None:
    """Give a subscriber no mail until a day; then it comes again by itself.

    \b
    Examples:
      newsletter subscribers pause ann@example.com --for 30d
      newsletter subscribers pause ann@example.com --until 2026-06-01
    """
    profile = session.profile(email)
    end = _end(until, duration, session.store.clock())
    if not session.store.pause(profile.email, end, source="command line"):
        raise UsageError(
            f"is `{profile.status}`", where=profile.email, hint="only people who are mailed can pause"
        )
    output.say(f"paused until {end:%Y-%m-%d}: {profile.email}")


@click.command()
@click.argument("email")
@pass_session
def resume(session: Session, email: str) -> None:
    """Mail a subscriber again who is paused; nobody who left comes back by it.

    \b
    Example:
      newsletter subscribers resume ann@example.com
    """
    profile = session.profile(email)
    changed = session.store.pause(profile.email, None, source="command line")
    output.say(f"{'resumed' if changed else 'was not paused'}: {profile.email}")


@click.command()
@click.argument("email")
@click.option("--topic", default="", help="Only about this topic.")
@click.option("--why", default="", help="The reason; kept in the consent log.")
@pass_session
def suppress(session: Session, email: str, topic: str, why: str) -> None:
    """Forbid mailing an address, on the list or not; only `permit` takes that back, never the person.

    What is kept is a keyed hash of the address.

    \b
    Example:
      newsletter subscribers suppress lawyer@example.com --why "Letter of 3 May 2026"
    """
    session.store.suppress(email, SuppressionReason.MANUAL, source="command line", text=why, topic=topic)
    output.say(f"suppressed{f' for {topic}' if topic else ''}: {session.address(email)}")


@click.command()
@click.argument("email")
@click.option("--topic", default="", help="Only what was forbidden about this topic.")
@pass_session
def permit(session: Session, email: str, topic: str) -> None:
    """Take back a `suppress`; who left, bounced or complained stays away.

    \b
    Example:
      newsletter subscribers permit lawyer@example.com
    """
    changed = session.store.permit(email, topic=topic)
    output.say(f"{'permitted' if changed else 'was not suppressed by hand'}: {session.address(email)}")


@click.command(name="expire")
@click.option("-n", "--dry-run", is_flag=True, help="Count, and forget nobody.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def expire_(session: Session, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Forget what `[retention]` says is kept too long: unconfirmed sign-ups, who left, old events.

    \b
    Examples:
      newsletter subscribers expire --dry-run
      newsletter subscribers expire --yes
    """
    settings = session.publication.settings.retention
    policy = Policy(settings.pending_days or None, settings.left_days or None, settings.event_days or None)
    found = due(session.store, policy)
    if not dry_run and found.total:
        events = f", and {output.plural(found.events, 'event')}" if found.events else ""
        confirm(f"Forget {found.pending:,} unconfirmed and {found.left:,} who left{events}?", yes=yes)
        with Forgetting(session.publication.outbox) as along:
            found = expire(session.store, policy, along=along, fold=fold_events)
    counts = {
        "unconfirmed": found.pending,
        "left": found.left,
        "unconfirmed_topics": found.topics,
        "events": found.events,
    }
    if as_json:
        output.document({**counts, "dry_run": dry_run})
        return
    output.table(("", ""), counts.items())
    if dry_run:
        output.say("dry run; nobody was forgotten")


@click.command()
@click.option("--months", type=click.IntRange(1, 120), default=12, show_default=True, help="So many months.")
@json_option
@pass_session
def stats(session: Session, months: int, *, as_json: bool) -> None:
    """Show how the list grows and shrinks, month by month, and where subscribers come from.

    The growth of a month is who joined or came back, less who left, bounced, complained or was erased; its
    churn is the share of those who could be mailed in it that it lost.

    \b
    Examples:
      newsletter subscribers stats
      newsletter subscribers stats --months 24 --json
    """
    found = statistics(session.engine, session.store.clock(), months)
    if as_json:
        output.document(_as_document(found))
        return
    output.facts((status, f"{count:,}") for status, count in found.statuses.items() if count)
    output.facts((f"by {source}", f"{count:,}") for source, count in found.sources.items())
    columns = ["month", "active", "joined", "returned", "lost", "net", "churn"]
    # For people: a bar is no data.
    drawn = ["", *_bars([month.active for month in found.months])] if sys.stdout.isatty() else []
    rows: list[list[object]] = [_row(month) for month in found.months]
    if drawn:
        columns.append(drawn[0])
        rows = [[*row, bar] for row, bar in zip(rows, drawn[1:], strict=True)]
    output.table(columns, rows, right=columns[1:7], header=True)


def erase_everywhere(session: Session, email: str, source: str) -> bool:
    """Forget a person in the list, in the ledger and in the outbox; False if there is no such person."""
    with Forgetting(session.publication.outbox) as along:
        return session.store.erase(email, source=source, along=along)


def _end(until: str | None, duration: str | None, at: datetime) -> datetime:
    """When a pause ends.

    Raises:
        UsageError: not exactly one is given, it cannot be read, or it is over already.
    """
    if (until is None) == (duration is None):
        raise UsageError("say how long", hint="give `--until 2026-06-01` or `--for 30d`")
    end = _day(until) if until is not None else at + _duration(duration or "")
    if end <= at:
        raise UsageError("the pause would be over already", hint="give a day that is yet to come")
    return end


def _day(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError as error:
        raise UsageError(f"`{text}` is no day", where="--until", hint="write it as `2026-06-01`") from error


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"([1-9][0-9]{0,3})([dwm])", text.strip().lower())
    if match is None:
        raise UsageError(f"`{text}` is no length of time", where="--for", hint="write `30d`, `4w` or `2m`")
    return timedelta(days=int(match[1]) * _DAYS[match[2]])


def _row(month: Month) -> list[object]:
    churn = "" if month.churn is None else f"{month.churn:.1%}"
    net = f"{month.net:+,}" if month.net else "0"
    counts = (month.active, month.joined, month.returned, month.lost)
    return [month.month, *(f"{count:,}" for count in counts), net, churn]


def _bars(values: list[int]) -> list[str]:
    """A bar for each value, to one scale, in eighths of a character."""
    longest = max(values, default=0) or 1
    eighths = [round(value * _WIDTH * 8 / longest) for value in values]
    return ["█" * (count // 8) + " ▏▎▍▌▋▊▉"[count % 8].strip() for count in eighths]


def _as_document(found: Statistics) -> dict[str, object]:
    names = ("month", "active", "joined", "returned", "unsubscribed", "bounced", "complained", "erased")
    months = [
        {
            **{name: getattr(month, name) for name in names},
            "net": month.net,
            "churn": None if month.churn is None else round(month.churn, 6),
        }
        for month in found.months
    ]
    return {"statuses": found.statuses, "sources": found.sources, "months": months}


#: What stands under `newsletter subscribers` beside the commands about people.
BELOW_SUBSCRIBERS = (pause, resume, suppress, permit, track, expire_, stats)
