"""What can be set of the publication itself, its deliveries, its database and its list."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from newsletter.config.values import Domain, Language, Mailbox, Rate, Section, WebAddress, checked
from newsletter.measures import QuietHours, Share, find_zone


class PublicationSettings(Section):
    """Who writes, and how the newsletter looks."""

    name: str = Field(min_length=1)
    sender: Mailbox = Field(alias="from")
    reply_to: Mailbox | None = None
    url: WebAddress = "http://127.0.0.1:8000"
    postal_address: str = ""
    language: Language = "en"
    time_zone: Annotated[str, checked(find_zone)] = "UTC"
    theme: str = "digest"
    images: Literal["publish", "attach"] = "publish"


class DeliverySettings(Section):
    """How messages leave, and how fast: docs/sending.md.

    `reports` names a folder: each run leaves what came of the dispatch there, as `newsletter report` does.
    """

    provider: Literal["outbox", "smtp", "sendgrid"] = "outbox"
    rate: Rate | None = None
    domains: dict[Domain, Rate] = Field(default_factory=dict)
    warm_up: tuple[Annotated[int, Field(ge=1)], ...] = ()
    quiet_hours: Annotated[str, checked(QuietHours.parse)] | None = None
    stop_after: Annotated[str, checked(Share.parse_or_never)] | None = None
    stop_after_policy: Annotated[str, checked(Share.parse)] | None = None
    reports: str = ""


class DatabaseSettings(Section):
    """Where subscribers and the ledger are kept; a relative SQLite path is relative to the publication."""

    url: str = "sqlite:///newsletter.db"


class SubscriberSettings(Section):
    """What the publication knows of its subscribers beside what the list itself tells."""

    attributes: tuple[str, ...] = ()


class RetentionSettings(Section):
    """For how many days what is kept, 0 for ever: `newsletter subscribers expire` forgets what is older."""

    pending_days: int = Field(default=30, ge=0)
    left_days: int = Field(default=0, ge=0)
    event_days: int = Field(default=0, ge=0)
