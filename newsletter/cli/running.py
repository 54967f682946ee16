"""The commands that work on dispatches that are planned: `newsletter resume`, `retry` and `run-due`."""

from __future__ import annotations

from functools import partial

import click
from sqlalchemy.exc import DBAPIError

from newsletter.cli import output
from newsletter.cli.dispatches import local_time, report_document, report_table
from newsletter.cli.exits import INTERRUPTED, TROUBLED
from newsletter.cli.progress import delivering
from newsletter.cli.reports import keep_report
from newsletter.cli.session import Session, confirm, json_option, pass_session
from newsletter.delivery import (
    AGAIN,
    DeliveryState,
    DispatchState,
    Limits,
    Means,
    Rejected,
    Status,
    due_dispatches,
    next_due,
    rejected,
    resend,
    run_dispatch,
    status,
    statuses,
)
from newsletter.errors import DeliveryError, NewsletterError, UsageError
from newsletter.providers import Provider, make_provider

#: How long `run-due` waits for what is due next, in seconds; what is due later is for its next run.
PATIENCE = 55.0
#: So many kinds of rejections are shown before they are tried again.
_TOLD = 5


@click.command()
@click.argument("dispatch")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def resume(session: Session, dispatch: str, *, yes: bool, as_json: bool) -> None:
    """Go on with a dispatch that was paused, halted or interrupted, with the edition that it froze.

    \b
    Example:
      newsletter resume 2026-04-11-1
    """
    standing = status(session.engine, dispatch)
    if standing.state is DispatchState.FINISHED:
        output.say(f"{dispatch} is finished; there is nothing to go on with")
        finish(standing, as_json=as_json, session=session)
        return
    _go_on(session, standing, yes=yes, as_json=as_json)


@click.command()
@click.argument("dispatch")
@click.option(
    "--email", "who", multiple=True, metavar="WHO", help="Only this address; may be given several times."
)
@click.option(
    "--rejected",
    "refused",
    is_flag=True,
    help="Those who were rejected, when the fault was not theirs and is mended; needs --reason.",
)
@click.option("--reason", metavar="TEXT", help="Why; it is noted in the report.")
@click.option("-n", "--dry-run", is_flag=True, help="Show how many would be tried again, and write nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def retry(
    session: Session,
    dispatch: str,
    who: tuple[str, ...],
    reason: str | None,
    *,
    refused: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Try those again whose message was not taken several times; nobody is mailed twice by it.

    With --rejected, those who were refused for good: never who was refused for their address (5.1.x, or what
    means the same), nor who may not be mailed any more.

    \b
    Examples:
      newsletter retry 2026-04-11-1
      newsletter retry 2026-04-11-1 --email ann@example.com --yes
      newsletter retry 2026-04-11-1 --dry-run
      newsletter retry 2026-04-11-1 --rejected --reason "the relay's policy is mended"
    """
    standing = status(session.engine, dispatch)
    if refused:
        if not reason or not reason.strip():
            raise UsageError(
                "`--rejected` needs `--reason TEXT`", hint="say what was at fault and is mended; it is noted"
            )
        found = _rejected(session, dispatch, who)
        anybody, state, ids = bool(found.ids), DeliveryState.REJECTED, found.ids
    else:
        anybody, state, ids = bool(who or standing.failed), DeliveryState.FAILED, None
    put_back = partial(
        resend, session.engine, dispatch, state, who=who or None, ids=ids, reason=reason or AGAIN
    )
    back, left_alone = put_back(dry_run=True) if anybody else (0, 0)
    if left_alone:
        left = output.plural(left_alone, "subscriber")
        output.say(f"left alone: {left} who got the issue from another dispatch since, or will")
    if dry_run:
        output.say(f"dry run; {output.plural(back, 'subscriber')} of {dispatch} would be tried again")
        if as_json:
            output.document({**report_document(standing), "retried": back, "dry_run": True})
        return
    if back == 0:
        said = "is left" if anybody else "was rejected and may be tried again" if refused else "has failed"
        output.say(f"nobody of {dispatch} {said}; there is nobody to try again")
        finish(standing, as_json=as_json, session=session)
        return
    confirm(f"Try {output.plural(back, 'subscriber')} of {dispatch} again?", yes=yes)
    put_back()
    _go_on(session, status(session.engine, dispatch), yes=True, as_json=as_json)


def _rejected(session: Session, dispatch: str, who: tuple[str, ...]) -> Rejected:
    """Who was rejected and may be tried again; they are counted and shown, and so are the others."""
    found = rejected(session.engine, session.store, dispatch, who or None)
    output.facts(
        [
            ("to be tried again", f"{len(found.ids):,}"),
            *(("", f"{count:,} as: {said[:200]}") for said, count in found.reasons.most_common(_TOLD)),
            ("left alone", f"{found.hard:,} whose address was refused" if found.hard else ""),
            ("", f"{found.barred:,} who may not be mailed any more" if found.barred else ""),
        ]
    )
    return found


@click.command(name="run-due")
@json_option
@pass_session
def run_due(session: Session, *, as_json: bool) -> None:
    """Hand over what is due now, as planned with `send --at`, and notices; for cron or a timer.

    Run each minute; two at once do no harm. A dispatch that is paused stays so.

    \b
    Example:
      * * * * *  newsletter -C /srv/letter run-due
    """
    from newsletter.cli.joining import hand_over_notices

    done: list[Status] = []
    codes: list[int] = []
    try:
        hand_over_notices(session)
    except NewsletterError as error:
        output.error(error.what, where=error.where or "notices", hint=error.hint)
        codes.append(error.exit_code)
    for name in due_dispatches(session.engine):
        try:
            standing, stopped = _run_while_due(session, name)
        except NewsletterError as error:
            # One that cannot be worked on keeps no other from being handed over.
            output.error(error.what, where=error.where or name, hint=error.hint)
            codes.append(error.exit_code)
            continue
        done.append(standing)
        if standing.halted:
            output.warn(f"{name}: halted: {standing.halted}")
            codes.append(1)
        elif standing.troubled and standing.state is DispatchState.FINISHED:
            codes.append(TROUBLED)
        if not as_json:
            accepted, pending = f"{standing.accepted:,} accepted", f"{standing.pending:,} pending"
            output.say(f"{name}: {standing.state}, {accepted}, {pending}")
        if stopped:
            codes = [INTERRUPTED]
            break
    if as_json:
        output.document([report_document(standing) for standing in done])
    if not done and not codes:
        _say_when(session)
    if codes:
        raise SystemExit(codes[0])


def _say_when(session: Session) -> None:
    """Say that nothing was due, and what is next."""
    if ahead := next_due(session.engine):
        output.say(f"nothing is due; next: {ahead[0]} at {local_time(ahead[1], session.zone)}")
        return
    held = [each for each in statuses(session.engine) if each.schedule and each.state is DispatchState.PAUSED]
    if not held:
        output.say("nothing is due, and nothing is planned for later")
    for each in held:
        output.say(f"nothing is due; {each.dispatch} is paused: {output.resuming(each.dispatch)} goes on")


def _run_while_due(session: Session, name: str) -> tuple[Status, bool]:
    """Hand over what is due of a dispatch; how it stands then, and whether a signal ended it early."""
    provider = make_provider(status(session.engine, name).provider, session.publication)
    means = means_of(session, name, provider)
    with delivering(name) as (stop, progress):
        standing = run_dispatch(means, name, stop=stop, progress=progress, patience=PATIENCE, paused=False)
    return standing, stop.is_set()


def run(session: Session, dispatch: str, provider: Provider, *, as_json: bool, paused: bool = False) -> None:
    """Work on a dispatch until it is done or stopped, and leave with the exit code that says which.

    Args:
        session: the publication, and its database.
        dispatch: its name.
        provider: what takes the messages.
        as_json: whether the document about it goes to stdout.
        paused: whether one that was paused or halted goes on: a person said so.

    Raises:
        DeliveryError: too many were rejected, and the dispatch was halted; or somebody paused it.
    """
    means = means_of(session, dispatch, provider)
    try:
        with delivering(dispatch) as (stop, progress):
            standing = run_dispatch(means, dispatch, stop=stop, progress=progress, paused=paused)
    except NewsletterError as error:
        if then := _then(session, dispatch):
            error.hint = f"{error.hint}; then {then}" if error.hint else then
        raise
    if not standing.pending:
        finish(standing, as_json=as_json, session=session)
        return
    if as_json:
        output.document(report_document(standing))
    go_on = f"{output.resuming(dispatch)} goes on with the {output.who_are(standing.pending)} pending"
    if standing.halted:
        see = f"see `newsletter log {dispatch} --state rejected`; when it is mended"
        raise DeliveryError(f"halted: {standing.halted}", where=dispatch, hint=f"{see}, {go_on}")
    if not stop.is_set():
        raise DeliveryError(f"it was {standing.state} from elsewhere", where=dispatch, hint=go_on)
    output.say(f"stopped; {go_on}")
    raise SystemExit(INTERRUPTED)


def _then(session: Session, dispatch: str) -> str:
    """How to go on after an error; empty if nobody is pending."""
    go_on = f"{output.resuming(dispatch)} goes on"
    try:
        pending = status(session.engine, dispatch).pending
    except DBAPIError:  # the database may be what is gone
        return go_on
    return f"{go_on} with the {output.who_are(pending)} pending" if pending else ""


def finish(standing: Status, *, as_json: bool, session: Session) -> None:
    """Show how a dispatch ended, and leave with the exit code for it."""
    if as_json:
        output.document(report_document(standing))
    else:
        report_table(standing, session.zone)
    keep_report(session, standing.dispatch)
    if standing.uncertain:
        output.warn(
            f"{output.plural(standing.uncertain, 'recipient')} may or may not have been mailed:"
            f" `newsletter log {standing.dispatch} --state uncertain` names them"
        )
    if standing.troubled:
        raise SystemExit(TROUBLED)


def _go_on(session: Session, standing: Status, *, yes: bool, as_json: bool) -> None:
    provider = make_provider(standing.provider, session.publication)
    output.facts(
        [
            ("dispatch", f"{standing.dispatch} ({standing.state})"),
            ("halted", standing.halted),
            ("pending", f"{standing.pending:,}"),
            ("provider", provider.describe()),
        ]
    )
    confirm(f"Go on with {output.plural(standing.pending, 'subscriber')}?", yes=yes)
    run(session, standing.dispatch, provider, as_json=as_json, paused=True)


def means_of(session: Session, dispatch: str, provider: Provider) -> Means:
    """What a dispatch is worked on with."""
    from newsletter.feedback.consequences import Rules
    from newsletter.feedback.refusals import take_refusals

    settings = session.publication.settings
    rules = Rules.of(settings.feedback)
    return Means(
        engine=session.engine,
        store=session.store,
        tokens=session.tokens,
        provider=provider,
        envelope=session.envelope(status(session.engine, dispatch).issue),
        url=settings.publication.url,
        limits=Limits.of(settings),
        media=session.publication.media,
        tracking=settings.tracking,
        learn=lambda name: take_refusals(session.engine, name, rules),
    )


COMMANDS = (resume, retry, run_due)
