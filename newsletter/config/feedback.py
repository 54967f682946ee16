"""What can be set of what comes back: bounces, complaints, and the mailbox that they go to."""

from __future__ import annotations

from pydantic import Field

from newsletter.config.values import Section


class FeedbackSettings(Section):
    """When soft bounces suppress an address: so many deliveries, within so many days, of so many issues."""

    soft_bounces: int = Field(default=3, ge=1)
    soft_days: int = Field(default=14, ge=1)
    soft_issues: int = Field(default=2, ge=1)


class BouncesSettings(Section):
    """The mailbox from which `newsletter bounces read imap` takes bounces: docs/feedback.md.

    It is read over TLS, with the server's certificate verified; `ca_file` names the authorities to believe
    instead of the system's. Without `password_file` the password is NEWSLETTER_IMAP_PASSWORD.
    """

    imap_host: str | None = None
    imap_port: int = Field(default=993, ge=1, le=65535)
    username: str = ""
    password_file: str | None = None
    mailbox: str = "INBOX"
    ca_file: str | None = None
    timeout: float = Field(default=30.0, gt=0)
