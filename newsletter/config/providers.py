"""What can be set of the providers: the outbox, SMTP, SendGrid."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from newsletter.config.values import BareAddress, DomainCounts, Section, WebAddress


class OutboxSettings(Section):
    """The provider that writes each message to a file.

    `shared` says that `path` is one folder for all machines, on a disk that they share: only then does
    `newsletter worker` write into it.
    """

    path: str = "outbox"
    shared: bool = False


class DkimSettings(Section):
    """A DKIM signature of our own, for servers that add none; ``domain`` is by default the sender's."""

    selector: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")
    key_file: str
    domain: str | None = None


class SmtpSettings(Section):
    """The provider that speaks SMTP to a server or relay.

    `ca_file` names the authorities to believe instead of the system's. A connection is replaced after
    `recycle_after` messages or `recycle_age` seconds. At most `window` messages per worker are in doubt after
    a crash; there are half as many workers again as `connections`. `return_path` is the address whose forms,
    `bounce+…@bounces.example.com`, get the bounces, one for each delivery. `dkim` has a selector, a key_file
    and perhaps a domain; `domains` says over how many connections a domain is written to at once, `"*"` any
    other. More in docs/smtp.md.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=25, ge=1, le=65535)
    tls: Literal["none", "starttls", "implicit"] = "none"
    username: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    connections: int = Field(default=4, ge=1, le=100)
    timeout: float = Field(default=30.0, gt=0)
    window: int = Field(default=20, ge=1, le=500)
    recycle_after: int = Field(default=500, ge=1)
    recycle_age: float = Field(default=300.0, gt=0)
    return_path: BareAddress | None = None
    dkim: DkimSettings | None = None
    domains: DomainCounts = Field(default_factory=dict)


def _categories(values: tuple[str, ...]) -> tuple[str, ...]:
    # https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send: ten, unique, of 255 characters.
    if len(values) > 10 or len(set(values)) < len(values) or not all(0 < len(each) <= 255 for each in values):
        raise ValueError("are at most ten different names of at most 255 characters each")
    return values


class SendgridSettings(Section):
    """The provider that calls SendGrid's v3 API; the key comes from a file or from SENDGRID_API_KEY.

    `region` is `global` or `eu`, and `host` another address instead. `recipients` is how many go into one
    request, and so how many a crash can leave in doubt, on each of `connections`. After 503, `unavailable`
    says whether a request is made once more (`retry`) or its recipients are in doubt (`uncertain`).
    `webhook_key` is the verification key of the event webhook, or `webhook_key_file` a file that holds it;
    `webhook_hours`, if set, refuses what was signed longer ago. More in docs/feedback.md.
    """

    api_key_file: str | None = None
    region: Literal["global", "eu"] = "global"
    host: WebAddress | None = None
    timeout: float = Field(default=30.0, gt=0)
    connections: int = Field(default=4, ge=1, le=100)
    recipients: int = Field(default=1000, ge=1, le=1000)
    categories: Annotated[tuple[str, ...], AfterValidator(_categories)] = ()
    unavailable: Literal["uncertain", "retry"] = "uncertain"
    webhook_key: str | None = None
    webhook_key_file: str | None = None
    # SendGrid tries for 24 hours to hand over events, and may sign a request once for all tries.
    webhook_hours: int | None = Field(default=None, gt=24)

    @property
    def base(self) -> str:
        """The address that requests go to, without a slash at its end."""
        return self.host or _SENDGRID_HOSTS[self.region]


_SENDGRID_HOSTS = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
