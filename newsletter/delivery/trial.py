"""Test messages: handed over at once, marked in their subject, and outside the ledger."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from newsletter.editions import publish, read_attached
from newsletter.messages import Composer, Envelope
from newsletter.messages.return_path import ReturnPath

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from newsletter.config import Publication
    from newsletter.editions import Pressed
    from newsletter.messages import Recipient
    from newsletter.providers import Outcome, Provider

#: What stands in a test message where a value is missing.
MISSING = "…"


def trial_composer(publication: Publication, pressed: Pressed, engine: Engine | None) -> Composer:
    """What makes test messages of an issue, whose images it publishes.

    Args:
        publication: who they are from.
        pressed: the issue.
        engine: the database; None when there is none yet.
    """
    settings, edition = publication.settings, pressed.edition
    publish(pressed.images, publication.media)
    bounces = ReturnPath.of(settings.smtp, engine)
    envelope = Envelope.of(settings.publication, edition.slug, test=True, bounces=bounces)
    return Composer(edition, envelope, read_attached(edition, publication.media))


def hand_over_tests(
    provider: Provider, composer: Composer, recipients: Sequence[Recipient], timestamp: float
) -> list[tuple[str, Outcome]]:
    """Hand one test message over for each of *recipients*, and tell what the provider said of it.

    Args:
        provider: what takes the messages.
        composer: makes them; its envelope should mark them as tests.
        recipients: whom they are for.
        timestamp: their date, in seconds since the epoch.

    Returns:
        The address and the outcome of each, in the order of *recipients*.

    Raises:
        ProviderError: the provider cannot be reached, or refuses to work.
        UnmailableError: an address cannot be written in a header.
    """
    batch = secrets.token_hex(4)
    messages = [
        composer.compose(
            recipient, f"test-{batch}-{number}", timestamp, missing=MISSING, smtputf8=provider.smtputf8
        )
        for number, recipient in enumerate(recipients, 1)
    ]
    with provider.connect("test") as connection:
        outcomes = {outcome.delivery_id: outcome for outcome in connection.send(messages)}
    return [(message.email, outcomes[message.delivery_id]) for message in messages]
