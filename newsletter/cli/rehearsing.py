"""`newsletter send --dry-run=provider`: the provider checks every message and mails none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from newsletter.cli import output
from newsletter.cli.dispatches import report_document
from newsletter.delivery import Means, rehearse, status
from newsletter.errors import UsageError
from newsletter.messages import Composer
from newsletter.providers import Rehearsable

if TYPE_CHECKING:
    from newsletter.cli.foresight import Foresight
    from newsletter.cli.session import Session
    from newsletter.delivery import Audience, Plan
    from newsletter.editions.press import Pressed
    from newsletter.providers import Provider

#: So many of those who were refused are told to people; programs get them all.
MOST_TOLD = 20
_WORD = "--dry-run=provider"
_FLAG = "--dry-run-provider"


class WithRehearsal(click.Command):
    """A command whose flag ``--dry-run`` may have the one value ``provider``.

    An option of click has a value always or never; one with a value that may be left out would take the
    issue after it for its value.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of the command line."""
        return super().parse_args(ctx, [_FLAG if word == _WORD else word for word in args])


rehearse_option = click.option(
    _FLAG, "with_provider", is_flag=True, hidden=True, help="What `--dry-run=provider` means."
)


def rehearsed(
    session: Session,
    pressed: Pressed,
    audience: Audience,
    provider: Provider,
    *,
    again: bool,
    told: dict[str, object],
) -> None:
    """Let the provider check all messages; tell people what came of it, and write it into *told*.

    Raises:
        UsageError: the provider cannot do that.
        ProviderError: it cannot be reached, or refuses us.
    """
    if not isinstance(provider, Rehearsable):
        raise UsageError(
            f"{provider.name} cannot check a message without taking it",
            where=_WORD,
            hint="`--dry-run` checks without it; `newsletter test` mails one to yourself",
        )
    edition, url = pressed.edition, session.publication.settings.publication.url
    envelope = session.envelope(edition.slug)
    means = Means(
        engine=session.engine,
        store=session.store,
        tokens=session.tokens,
        provider=provider.rehearsing(),
        envelope=envelope,
        url=url,
    )
    result = rehearse(means, Composer(edition, envelope, pressed.contents()), audience, again=again)
    for email, reason in result.refused[:MOST_TOLD]:
        output.warn(f"{email} would be refused: {reason}")
    if len(result.refused) > MOST_TOLD:
        output.warn(f"and {len(result.refused) - MOST_TOLD:,} more; `--json` names all")
    if result.skipped and "would_skip" not in told:  # else the plan has told
        for reason, count in sorted(result.skipped.items()):
            output.warn(f"{output.plural(count, 'recipient')} would be skipped: {reason}")
        told["would_skip"] = dict(result.skipped)
    output.say(f"{provider.describe()} checked {output.plural(result.passed, 'message')} and mailed none")
    told["checked"] = result.passed
    told["refused"] = [{"email": email, "reason": reason} for email, reason in result.refused]


def foreseen_document(
    session: Session, pressed: Pressed, plan: Plan, foresight: Foresight
) -> dict[str, object]:
    """A plan as `send --dry-run --json` prints it: a report, as it stands or with nothing done."""
    if plan.continued:
        return report_document(status(session.engine, plan.dispatch))
    skipped = foresight.skips.total()
    return {
        "dispatch": None,
        "state": "dry run",
        "issue": pressed.edition.slug,
        "digest": pressed.edition.digest,
        "recipients": plan.planned,
        "excluded": dict(plan.excluded),
        **dict.fromkeys(("accepted", "rejected", "failed", "uncertain"), 0),
        "skipped": skipped,
        "pending": plan.planned - skipped,
        **({"would_skip": dict(foresight.skips)} if foresight.skips else {}),
    }
