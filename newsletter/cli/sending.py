"""The commands that hand an issue over: `newsletter test` and `send`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from newsletter.checks import Severity, check_pressed
from newsletter.cli import output
from newsletter.cli.dispatches import report_document, when
from newsletter.cli.exits import FINDINGS, TROUBLED
from newsletter.cli.foresight import Foresight
from newsletter.cli.intended import audience_of, check_foreseen, schedule_of
from newsletter.cli.patience import looking
from newsletter.cli.rehearsing import WithRehearsal, foreseen_document, rehearse_option, rehearsed
from newsletter.cli.reviewing import approved
from newsletter.cli.running import finish, run
from newsletter.cli.session import Session, confirm, json_option, pass_session
from newsletter.delivery import (
    DispatchState,
    extent_of,
    plan_dispatch,
    process_began,
    status,
)
from newsletter.delivery.trial import hand_over_tests, trial_composer
from newsletter.editions import publish
from newsletter.errors import DeliveryError
from newsletter.messages import Recipient
from newsletter.providers import PROVIDERS, Provider, Verdict, make_provider

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.delivery import Extent, Plan, Status
    from newsletter.editions.press import Pressed

#: The rules whose findings cost single recipients their message, not everybody.
SKIPS = {"merge-default"}

#: How many warnings are told in full before a send; `newsletter check` tells all.
_TOLD = 5
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
    provider = _provider(session, provider_name)
    sample = session.recipient(reader, pressed)
    recipients = [
        Recipient(session.address(address), sample.name if reader else "", sample.fields, sample.links)
        for address in addresses
    ]
    engine = session.engine if session.has_database else None
    composer = trial_composer(session.publication, pressed, engine)
    refused = False
    for email, outcome in hand_over_tests(provider, composer, recipients, time.time()):
        refused |= outcome.verdict is not Verdict.ACCEPTED
        told = f": {outcome.reason}" if outcome.reason else ""
        output.say(f"{email}: {outcome.verdict} by {provider.describe()}{told}")
    if refused:
        raise SystemExit(1)


@click.command(cls=WithRehearsal)
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
@click.option("--at", "at", metavar="TIME", help="Not before `[DAY] HH:MM [ZONE]`, as `tomorrow 08:00`.")
@click.option("--local", is_flag=True, help="With --at: at that time where each recipient lives.")
@click.option("--detach", is_flag=True, help="Plan only; `newsletter run-due` hands over what is due.")
@click.option(
    "-n",
    "--dry-run",
    is_flag=True,
    help="Count and check; plan and hand over nothing. With --dry-run=provider, the provider checks each"
    " message, too, and mails none (sendgrid only).",
)
@rehearse_option
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
    at: str | None,
    *,
    everybody: bool,
    again: bool,
    newcomers: bool,
    local: bool,
    detach: bool,
    dry_run: bool,
    with_provider: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Send an issue: one message for each subscriber of a segment, and one recorded outcome for each.

    Of those, an issue with a `topic` is for whoever chose that topic, and needs no segment.
    Run again after an interruption, it goes on where it stopped; nobody is mailed twice. What was paused or
    halted goes on by `newsletter resume` only.

    \b
    Examples:
      newsletter send issues/2026-04-11.md
      newsletter send 2026-04-11 --segment builders --exclude staff --dry-run
      newsletter send 2026-04-11 --where 'country == "DE"' --yes
      newsletter send 2026-04-11 --at "tomorrow 08:00" --local --detach
      newsletter send 2026-04-11 --provider sendgrid --dry-run=provider
    """
    pressed = session.press(issue)
    gate(session, pressed, provider_name)
    audience = audience_of(session, pressed, segment, expression, exclude, everybody=everybody)
    provider = _provider(session, provider_name)
    schedule = schedule_of(session, at, local=local, detach=detach)
    foresight = Foresight(session, pressed, provider) if dry_run or with_provider else None
    settings = session.publication.settings
    tracked = extent_of(settings.tracking, pressed.issue, pressed.edition, settings.publication.url)

    def plan(*, dry: bool, newcomers: bool = newcomers, look: Foresight | None = None) -> Plan:
        return plan_dispatch(
            session.engine,
            session.store,
            pressed.edition,
            audience,
            provider=provider,
            sender=settings.publication.sender,
            again=again,
            asked=process_began(),
            newcomers=newcomers,
            dry_run=dry,
            schedule=schedule,
            tracked=tracked,
            look=look,
        )

    with looking(session, audience.segment):
        foreseen = plan(dry=True, look=foresight)
    if foreseen.state is DispatchState.FINISHED:
        _finished_before(session, foreseen, _planned(lambda: plan(dry=True, newcomers=True)), as_json=as_json)
        return
    if foresight is not None:
        _show_plan(session, pressed, foreseen, provider, tracked, foresight)
        document = foreseen_document(session, pressed, foreseen, foresight)
        if with_provider:
            rehearsed(session, pressed, audience, provider, again=again or foreseen.continued, told=document)
        _end_dry(document, as_json=as_json)
        return
    check_foreseen(session, foreseen, schedule)
    _show_plan(session, pressed, foreseen, provider, tracked)
    confirm(f"Send to {output.plural(foreseen.planned, 'subscriber')}?", yes=yes)
    publish(pressed.images, session.publication.media)
    planned = plan(dry=False).dispatch
    if detach:
        _detached(status(session.engine, planned), as_json=as_json)
        return
    run(session, planned, provider, as_json=as_json)


def _finished_before(session: Session, before: Plan, joined: int, *, as_json: bool) -> None:
    """Say that the issue went to this audience already, how that ended, and how many have joined it since."""
    output.say(f"{before.dispatch} is finished; `--again` would begin anew")
    if joined:
        output.say(f"{output.plural(joined, 'subscriber')} joined since; `--newcomers` mails only them")
    finish(status(session.engine, before.dispatch), as_json=as_json, session=session)


def _end_dry(document: dict[str, object], *, as_json: bool) -> None:
    """Say what a dry run came to, and leave with the exit code for refusals if the provider had some."""
    if as_json:
        output.document(document)
    output.say("dry run; nothing was planned and nothing handed over")
    if document.get("refused"):
        raise SystemExit(TROUBLED)


def gate(session: Session, pressed: Pressed, provider: str | None = None) -> None:
    """Refuse to go on with an issue that has errors, or nobody approved; tell of warnings, some of many.

    A missing default is no reason to stop: whoever lacks the value is skipped, and the ledger says so.
    *provider* is who gets the messages instead of the one of the settings.

    Raises:
        SystemExit: with 4, after the errors were shown.
    """
    settings = session.publication.settings
    if provider:
        delivery = settings.delivery.model_copy(update={"provider": provider})
        settings = settings.model_copy(update={"delivery": delivery})
    found = check_pressed(pressed, settings)
    stops = Severity.ERROR
    errors = [finding for finding in found if finding.severity is stops and finding.rule not in SKIPS]
    for finding in errors:
        hint = finding.hint or "see `newsletter check ISSUE`"
        output.error(f"{finding.message} [{finding.rule}]", where=finding.place, hint=hint)
    if errors or not approved(session, pressed):
        raise SystemExit(FINDINGS)
    for finding in found:
        if finding.rule in SKIPS:
            output.warn(f"{finding.place}: {finding.message}")
    warnings = [
        finding for finding in found if finding.severity is Severity.WARNING and finding.rule not in SKIPS
    ]
    for finding in warnings[:_TOLD]:
        output.warn(f"{finding.place}: {finding.message} [{finding.rule}]")
    if (more := len(warnings) - _TOLD) > 0:
        output.warn(f"{more:,} more; `newsletter check {pressed.issue.slug}` tells all")


def _provider(session: Session, name: str | None) -> Provider:
    return make_provider(name or session.publication.settings.delivery.provider, session.publication)


def _detached(standing: Status, *, as_json: bool) -> None:
    if as_json:
        output.document(report_document(standing))
    output.say("planned; `newsletter run-due` hands it over when it is due")
    output.say(f"`newsletter cancel {standing.dispatch}` gives it up")


def _show_plan(
    session: Session,
    pressed: Pressed,
    plan: Plan,
    provider: Provider,
    tracked: Extent | None,
    foresight: Foresight | None = None,
) -> None:
    skips = foresight.skips if foresight else {}
    excluded = ", ".join(f"{count:,} {reason}" for reason, count in sorted(plan.excluded.items()))
    output.facts(
        [
            ("edition", f"{pressed.edition.slug}  {pressed.issue.title}"),
            ("digest", pressed.edition.digest[:16]),
            ("audience", plan.audience),
            ("recipients", f"{plan.planned:,}"),
            ("excluded", excluded),
            ("to be skipped", ", ".join(f"{count:,} {reason}" for reason, count in sorted(skips.items()))),
            ("due", when(plan.schedule, session.zone)),
            (
                "archive",
                "" if plan.archived else "not listed; only people who have the mail can read it online",
            ),
            ("provider", provider.describe()),
            ("tracked", tracked.words if tracked else ""),
            ("dispatch", f"{plan.dispatch} ({'goes on' if plan.continued else 'new'})"),
        ]
    )


def _planned(plan: Callable[[], Plan]) -> int:
    """How many a plan would mail; 0 where nobody is left."""
    try:
        return plan().planned
    except DeliveryError:
        return 0


COMMANDS = (test, send)
