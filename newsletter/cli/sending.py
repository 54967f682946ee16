"""The commands that hand messages over: `newsletter test`, `send` and `resume`."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from sqlalchemy.exc import DBAPIError

from newsletter.checks import Severity, check_edition
from newsletter.cli import output
from newsletter.cli.dispatches import report_document, report_table
from newsletter.cli.exits import FINDINGS, INTERRUPTED, TROUBLED
from newsletter.cli.progress import delivering
from newsletter.cli.session import Session, confirm, json_option, pass_session
from newsletter.delivery import (
    Audience,
    DispatchState,
    Means,
    plan_dispatch,
    process_began,
    run_dispatch,
    status,
)
from newsletter.editions import publish, read_attached
from newsletter.errors import DeliveryError, NewsletterError, UsageError
from newsletter.messages import Composer, Envelope, Recipient
from newsletter.providers import PROVIDERS, Provider, Verdict, make_provider

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.delivery import Plan, Status
    from newsletter.editions.press import Pressed

#: The rules whose findings cost single recipients their message, not everybody.
SKIPS = {"merge-default"}
provider_option = click.option(
    "--provider",
    "provider_name",
    type=click.Choice(PROVIDERS),
    help="What takes the messages; default: [delivery] provider.",
)


@click.command()
@click.argument("issue")
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@click.option("--as", "reader", metavar="EMAIL", help="With the values of this subscriber.")
@provider_option
@pass_session
def test(
    session: Session, issue: str, addresses: tuple[str, ...], reader: str | None, provider_name: str | None
) -> None:
    """Hand a test message over to each ADDRESS, marked as such and outside the ledger.

    \b
    Example:
      newsletter test issues/2026-04-11.md me@example.com
    """
    pressed = session.press(issue)
    edition = pressed.edition
    provider = _provider(session, provider_name)
    sample = session.recipient(reader, edition)
    settings = session.publication.settings.publication
    recipients = [
        Recipient(session.address(address), sample.name if reader else "", sample.fields, sample.links)
        for address in addresses
    ]
    publish(pressed.images, session.publication.media)
    images = read_attached(edition, session.publication.media)
    composer = Composer(edition, Envelope.of(settings, edition.slug, test=True), images)
    batch = secrets.token_hex(4)
    messages = [
        composer.compose(
            recipient, f"test-{batch}-{number}", time.time(), missing="…", smtputf8=provider.smtputf8
        )
        for number, recipient in enumerate(recipients, 1)
    ]
    with provider.connect("test") as connection:
        outcomes = {outcome.delivery_id: outcome for outcome in connection.send(messages)}
    refused = False
    for message in messages:
        outcome = outcomes[message.delivery_id]
        refused |= outcome.verdict is not Verdict.ACCEPTED
        output.say(f"{message.email}: {outcome.verdict} by {provider.describe()} {outcome.reason}".rstrip())
    if refused:
        raise SystemExit(1)


@click.command()
@click.argument("issue")
@click.option("--segment", help="To this saved segment.")
@click.option("--where", "expression", help="To those for whom this expression is true.")
@click.option("--all", "everybody", is_flag=True, help="To everybody on the list.")
@click.option(
    "--exclude", multiple=True, metavar="NAME", help="Not to this saved segment; may be given several times."
)
@provider_option
@click.option("--again", is_flag=True, help="Begin anew, and mail also those who already received the issue.")
@click.option("--newcomers", is_flag=True, help="After a finished dispatch: those who joined since.")
@click.option("-n", "--dry-run", is_flag=True, help="Count and check; plan and hand over nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def send(
    session: Session,
    issue: str,
    segment: str | None,
    expression: str | None,
    exclude: tuple[str, ...],
    provider_name: str | None,
    *,
    everybody: bool,
    again: bool,
    newcomers: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Send an issue: one message for each subscriber of a segment, and one recorded outcome for each.

    Run again after an interruption, it goes on where it stopped; nobody is mailed twice.

    \b
    Examples:
      newsletter send issues/2026-04-11.md
      newsletter send 2026-04-11 --segment builders --exclude staff --dry-run
      newsletter send 2026-04-11 --where 'country == "DE"' --yes
    """
    pressed = session.press(issue)
    gate(session, pressed)
    audience = _audience(session, pressed, segment, expression, exclude, everybody=everybody)
    provider = _provider(session, provider_name)

    def plan(*, dry: bool, newcomers: bool = newcomers) -> Plan:
        return plan_dispatch(
            session.engine,
            session.store,
            pressed.edition,
            audience,
            provider=provider,
            sender=session.publication.settings.publication.sender,
            again=again,
            asked=process_began(),
            newcomers=newcomers,
            dry_run=dry,
        )

    foreseen = plan(dry=True)
    if foreseen.state is DispatchState.FINISHED:
        output.say(f"{foreseen.dispatch} is finished; `--again` would begin anew")
        if joined := _planned(lambda: plan(dry=True, newcomers=True)):
            output.say(f"{output.plural(joined, 'subscriber')} joined since; `--newcomers` mails only them")
        _finish(status(session.engine, foreseen.dispatch), as_json=as_json)
        return
    if dry_run:
        _show_plan(pressed, foreseen, provider)
        if as_json:
            output.document(_foreseen(session, pressed, foreseen))
        output.say("dry run; nothing was planned and nothing handed over")
        return
    _show_plan(pressed, foreseen, provider)
    confirm(f"Send to {output.plural(foreseen.planned, 'subscriber')}?", yes=yes)
    publish(pressed.images, session.publication.media)
    run(session, plan(dry=False).dispatch, provider, as_json=as_json)


@click.command()
@click.argument("dispatch")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def resume(session: Session, dispatch: str, *, yes: bool, as_json: bool) -> None:
    """Go on with a dispatch that was paused or interrupted, with the edition that it froze.

    \b
    Example:
      newsletter resume 2026-04-11-1
    """
    standing = status(session.engine, dispatch)
    if standing.state is DispatchState.FINISHED:
        output.say(f"{dispatch} is finished; there is nothing to go on with")
        _finish(standing, as_json=as_json)
        return
    provider = make_provider(standing.provider, session.publication)
    output.facts(
        [
            ("dispatch", f"{dispatch} ({standing.state})"),
            ("pending", f"{standing.pending:,}"),
            ("provider", provider.describe()),
        ]
    )
    confirm(f"Go on with {output.plural(standing.pending, 'subscriber')}?", yes=yes)
    run(session, dispatch, provider, as_json=as_json)


def gate(session: Session, pressed: Pressed) -> None:
    """Refuse to go on with an issue that has errors; of warnings, say how many there are.

    A missing default is no reason to stop: whoever lacks the value is skipped, and the ledger says so.

    Raises:
        SystemExit: with 4, after the errors were shown.
    """
    settings = session.publication.settings.publication
    found = check_edition(pressed.issue, pressed.document, pressed.edition, settings)
    stops = Severity.ERROR
    errors = [finding for finding in found if finding.severity is stops and finding.rule not in SKIPS]
    for finding in errors:
        hint = finding.hint or "see `newsletter check ISSUE`"
        output.error(f"{finding.message} [{finding.rule}]", where=finding.place, hint=hint)
    if errors:
        raise SystemExit(FINDINGS)
    for finding in found:
        if finding.rule in SKIPS:
            output.warn(f"{finding.place}: {finding.message}")
    if warnings := sum(finding.severity is Severity.WARNING for finding in found):
        output.warn(f"{output.plural(warnings, 'warning')}; `newsletter check {pressed.issue.slug}` tells")


def run(session: Session, dispatch: str, provider: Provider, *, as_json: bool) -> None:
    """Work on a dispatch until it is done or stopped, and leave with the exit code that says which."""
    settings = session.publication.settings
    slug = status(session.engine, dispatch).issue
    means = Means(
        engine=session.engine,
        store=session.store,
        tokens=session.tokens,
        provider=provider,
        envelope=Envelope.of(settings.publication, slug),
        url=settings.publication.url,
        rate=settings.delivery.messages_per_second,
        media=session.publication.media,
    )
    try:
        with delivering(dispatch) as (stop, progress):
            standing = run_dispatch(means, dispatch, stop=stop, progress=progress)
    except NewsletterError as error:
        with suppress(DBAPIError):  # the database may be what is gone
            if pending := status(session.engine, dispatch).pending:
                then = f"`newsletter resume {dispatch}` goes on with the {pending:,} who are pending"
                error.hint = f"{error.hint}; then {then}" if error.hint else then
        raise
    if standing.pending:
        # Whether by a signal here or by `pause` elsewhere: not everybody has an outcome.
        what = "stopped" if stop.is_set() else str(standing.state)
        output.say(
            f"{what}; `newsletter resume {dispatch}` goes on with the {standing.pending:,} who are pending"
        )
        if as_json:
            output.document(report_document(standing))
        raise SystemExit(INTERRUPTED)
    _finish(standing, as_json=as_json)


def _finish(standing: Status, *, as_json: bool) -> None:
    if as_json:
        output.document(report_document(standing))
    else:
        report_table(standing)
    if standing.uncertain:
        output.warn(
            f"{output.plural(standing.uncertain, 'recipient')} may or may not have been mailed:"
            f" `newsletter log {standing.dispatch} --state uncertain` names them"
        )
    if standing.troubled:
        raise SystemExit(TROUBLED)


def _audience(
    session: Session,
    pressed: Pressed,
    segment: str | None,
    expression: str | None,
    exclude: tuple[str, ...],
    *,
    everybody: bool,
) -> Audience:
    """Whom the options mean; without any, the issue's own segment.

    Raises:
        UsageError: the options contradict each other, or nothing says who is meant.
    """
    if sum((segment is not None, expression is not None, everybody)) > 1:
        raise UsageError("`--segment`, `--where` and `--all` exclude each other", hint="give one of them")
    if not (segment or expression or everybody):
        segment = pressed.issue.segment
        if not segment:
            raise UsageError(
                "it is not said who gets this issue",
                where=str(pressed.issue.path),
                hint="add `segment: NAME` to its front matter, or give `--segment`, `--where` or `--all`",
            )
    if everybody:
        audience = Audience("everybody")
    elif expression:
        audience = Audience(f"those with {expression}", session.segment(None, expression))
    else:
        audience = Audience(f"segment `{segment}`", session.segment(segment, None))
    return audience.without({name: session.store.segment(name) for name in exclude})


def _provider(session: Session, name: str | None) -> Provider:
    return make_provider(name or session.publication.settings.delivery.provider, session.publication)


def _show_plan(pressed: Pressed, plan: Plan, provider: Provider) -> None:
    excluded = ", ".join(f"{count:,} {reason}" for reason, count in sorted(plan.excluded.items()))
    output.facts(
        [
            ("edition", f"{pressed.edition.slug}  {pressed.issue.title}"),
            ("digest", pressed.edition.digest[:16]),
            ("audience", plan.audience),
            ("recipients", f"{plan.planned:,}"),
            ("excluded", excluded),
            ("provider", provider.describe()),
            ("dispatch", f"{plan.dispatch} ({'goes on' if plan.continued else 'new'})"),
        ]
    )


def _planned(plan: Callable[[], Plan]) -> int:
    """How many a plan would mail; 0 where nobody is left."""
    try:
        return plan().planned
    except DeliveryError:
        return 0


def _foreseen(session: Session, pressed: Pressed, plan: Plan) -> dict[str, object]:
    """A plan as `send --dry-run --json` prints it: a report, as it stands or with nothing done."""
    if plan.continued:
        return report_document(status(session.engine, plan.dispatch))
    return {
        "dispatch": None,
        "state": "dry run",
        "issue": pressed.edition.slug,
        "digest": pressed.edition.digest,
        "recipients": plan.planned,
        "excluded": dict(plan.excluded),
        **dict.fromkeys(("accepted", "rejected", "failed", "skipped", "uncertain"), 0),
        "pending": plan.planned,
    }


COMMANDS = (test, send, resume)
