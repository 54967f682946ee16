"""The command about consent to being tracked: `newsletter subscribers track`."""

from __future__ import annotations

import click

from newsletter.cli import output
from newsletter.cli.session import Session, json_option, pass_session
from newsletter.errors import UsageError
from subscribers import Consent
from subscribers.models import TrackingConsent
from subscribers.tracking import set_tracking


@click.command()
@click.argument("email")
@click.option("--allow", is_flag=True, help="The person agreed that opens and clicks are counted.")
@click.option("--deny", is_flag=True, help="The person does not want that, or not any more.")
@click.option("--why", default="", help="How and when they said so; kept in the consent log.")
@json_option
@pass_session
def track(session: Session, email: str, why: str, *, allow: bool, deny: bool, as_json: bool) -> None:
    """Record whether it may be learned what a person opens and which links they follow.

    Who denies it gets messages with plain links from now on, and of links in messages that they have nothing
    more is recorded. See docs/tracking.md.

    \b
    Examples:
      newsletter subscribers track ann@example.com --allow --why "Ticked the box on paper, 3 May 2026"
      newsletter subscribers track ann@example.com --deny
    """
    if allow == deny:
        raise UsageError("say what the person said", hint="give `--allow` or `--deny`")
    profile = session.profile(email)
    said = TrackingConsent.GRANTED if allow else TrackingConsent.DENIED
    if allow and not why.strip():
        raise UsageError(
            "it is not said how the person agreed",
            hint='add `--why "how and when"`; the consent log keeps it',
        )
    consent = Consent(source="command line", text=why.strip())
    changed = set_tracking(session.store, profile.id, said, consent)
    if as_json:
        output.document({"email": profile.email, "tracking": said, "changed": changed})
    else:
        output.say(f"tracking {said}{'' if changed else ', as before'}: {profile.email}")
