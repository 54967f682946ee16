"""Who takes the messages of a publication, and whether that is on this machine or in a network of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from newsletter.checks.body_links import is_local

if TYPE_CHECKING:
    from newsletter.config import Settings


def relay_of(settings: Settings) -> str:
    """The host that takes messages; empty for an outbox."""
    if settings.delivery.provider == "smtp":
        return settings.smtp.host
    if settings.delivery.provider == "sendgrid":
        return urlsplit(settings.sendgrid.base).hostname or ""
    return ""


def is_remote(relay: str) -> bool:
    """Whether messages leave for the world: *relay* is known, and neither here nor in a private network.

    A name without a dot is one of a network of one's own, such as that of a set of containers.
    """
    return ("." in relay or ":" in relay) and not is_local(relay)
