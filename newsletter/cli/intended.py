"""What the options of `newsletter send` mean: who is to get an issue, and when; and whether that can be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from newsletter.cli import output
from newsletter.delivery import Audience, DispatchState, Schedule, status
from newsletter.errors import DeliveryError, UsageError

if TYPE_CHECKING:
    from newsletter.cli.session import Session
    from newsletter.delivery import Plan
    from newsletter.editions.press import Pressed


def audience_of(
    session: Session,
    pressed: Pressed,
    segment: str | None,
    expression: str | None,
    exclude: tuple[str, ...],
    *,
    everybody: bool,
) -> Audience:
    """Whom the options mean; without any, the issue's own segment, or whoever chose its topic.

    Raises:
        UsageError: the options contradict each other, or nothing says who is meant.
        FieldError: there is no such segment, or the issue's topic is none.
    """
    topic = pressed.issue.topic or ""
    if topic:
        session.topic(topic)
    if sum((segment is not None, expression is not None, everybody)) > 1:
        raise UsageError("`--segment`, `--where` and `--all` exclude each other", hint="give one of them")
    if not (segment or expression or everybody):
        segment = pressed.issue.segment
        if not segment and not topic:
            raise UsageError(
                "it is not said who gets this issue",
                where=str(pressed.issue.path),
                hint="add `segment: NAME` to its front matter, or give `--segment`, `--where` or `--all`",
            )
    if everybody or not (segment or expression):
        audience = Audience("everybody")
    elif expression:
        audience = Audience(f"those with {expression}", session.segment(None, expression))
    else:
        audience = Audience(f"segment `{segment}`", session.segment(segment, None))
    audience = replace(audience, archive=pressed.issue.archive)
    if topic:
        audience = replace(audience, words=f"{audience.words} who chose the topic `{topic}`", topic=topic)
    return audience.without({name: session.store.segment(name) for name in exclude})


def schedule_of(session: Session, at: str | None, *, local: bool, detach: bool) -> Schedule | None:
    """When the messages are due, by the options.

    Raises:
        UsageError: they do not fit together, or TIME is none or past.
    """
    if at is None:
        for option, given in (("--local", local), ("--detach", detach)):
            if given:
                raise UsageError(f"`{option}` needs `--at TIME`", hint='as `--at "tomorrow 08:00"`')
        return None
    return Schedule.parse(at, datetime.now(UTC), session.zone, local=local)


def check_foreseen(session: Session, plan: Plan, schedule: Schedule | None) -> None:
    """Leave a dispatch alone that a script must not set going again, or that is planned for another time.

    Raises:
        DeliveryError: somebody paused it, or the circuit halted it.
        UsageError: it is planned for another time than *schedule*.
    """
    if plan.state is DispatchState.PAUSED:
        halted = status(session.engine, plan.dispatch).halted
        raise DeliveryError(
            f"it is halted: {halted}" if halted else "it is paused",
            where=plan.dispatch,
            hint=f"when that is right, {output.resuming(plan.dispatch)} goes on",
        )
    if plan.continued and schedule and schedule.frozen(datetime.now(UTC)) != plan.schedule:
        raise UsageError(
            f"the dispatch is planned for {plan.schedule or 'now'} already",
            where=plan.dispatch,
            hint=f"leave `--at` away to go on with it, or end it with `newsletter cancel {plan.dispatch}`",
        )
