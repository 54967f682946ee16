"""The publication and its settings: environment over ``newsletter.toml`` over defaults.

Every key of ``newsletter.toml`` is also an environment variable: ``[delivery] provider`` is
``NEWSLETTER_DELIVERY__PROVIDER``. Flags of the command line win over both; the command line passes
them as *overrides*. An unknown key is an error, with the nearest known key as its hint.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from newsletter.errors import ConfigError, did_you_mean
from newsletter.measures import QuietHours, Share, find_zone, parse_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

FILE_NAME = "newsletter.toml"
_ADDRESS = r"[^\s<>@]+@[^\s<>@]+"
_MAILBOX = re.compile(
    rf'\s*(?:(?P<name>"(?:[^"\\]|\\.)*"|[^<>]*?)\s*<(?P<address>{_ADDRESS})>|(?P<bare>{_ADDRESS}))\s*'
)
_DOMAIN = re.compile(r"(?!-)[a-z0-9-]+(\.[a-z0-9-]+)+")


def split_mailbox(mailbox: str) -> tuple[str, str]:
    """The display name and the address of a mailbox as people write it: ``Smith, Ann <ann@example.com>``."""
    match = _MAILBOX.fullmatch(mailbox)
    if match is None:
        return "", ""
    name, address = match["name"] or "", match["address"] or match["bare"]
    quoted = re.fullmatch(r'"((?:[^"\\]|\\.)*)"', name)
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else name, address


def _mailbox(value: str) -> str:
    _, address = split_mailbox(value)
    if not address or re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("is no mailbox; write `Name <name@example.com>`")
    return value


def _web_address(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", value):
        raise ValueError("is no web address; write `https://news.example.com`")
    return value.rstrip("/")


def _as(parse: Callable[[str], object]) -> AfterValidator:
    """A check that *parse* understands the text, which is kept as it was written."""

    def check(value: str) -> str:
        parse(value)
        return value

    return AfterValidator(check)


def _domain(value: str) -> str:
    """A domain in the form by which addresses are compared: ASCII, lower case."""
    try:
        domain = value.strip().rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        domain = ""
    if not _DOMAIN.fullmatch(domain):
        raise ValueError("is no domain; write `gmail.com`")
    return domain


def _bare_address(value: str) -> str:
    if not re.fullmatch(r"[^\s<>@+]+@[^\s<>@]+", value) or not value.isascii():
        raise ValueError("is no address for bounces; write `bounce@bounces.example.com`, without a `+`")
    return value


def _domains(value: dict[str, int]) -> dict[str, int]:
    return {name.lower(): count for name, count in value.items()}


Mailbox = Annotated[str, AfterValidator(_mailbox)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Rate = Annotated[str, _as(parse_rate)]
Domain = Annotated[str, AfterValidator(_domain)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class PublicationSettings(_Section):
    """Who writes, and how the newsletter looks."""

    name: str = Field(min_length=1)
    sender: Mailbox = Field(alias="from")
    reply_to: Mailbox | None = None
    url: WebAddress = "http://127.0.0.1:8000"
    postal_address: str = ""
    language: str = "en"
    time_zone: Annotated[str, _as(find_zone)] = "UTC"
    theme: str = "digest"
    images: Literal["publish", "attach"] = "publish"


class DeliverySettings(_Section):
    """How messages leave, and how fast: docs/sending.md."""

    provider: Literal["outbox", "smtp", "sendgrid"] = "outbox"
    rate: Rate | None = None
    domains: dict[Domain, Rate] = {}
    warm_up: tuple[Annotated[int, Field(ge=1)], ...] = ()
    quiet_hours: Annotated[str, _as(QuietHours.parse)] | None = None
    stop_after: Annotated[str, _as(Share.parse)] | None = None
    stop_after_policy: Annotated[str, _as(Share.parse)] | None = None


class OutboxSettings(_Section):
    """The provider that writes each message to a file."""

    path: str = "outbox"


class DkimSettings(_Section):
    """A DKIM signature of our own, for servers that add none; ``domain`` is by default the sender's."""

    selector: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")
    key_file: str
    domain: str | None = None


class SmtpSettings(_Section):
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
    return_path: Annotated[str, AfterValidator(_bare_address)] | None = None
    dkim: DkimSettings | None = None
    domains: Annotated[dict[str, Annotated[int, Field(ge=1)]], AfterValidator(_domains)] = {}


def _categories(values: tuple[str, ...]) -> tuple[str, ...]:
    # https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send: ten, unique, of 255 characters.
    if len(values) > 10 or len(set(values)) < len(values) or not all(0 < len(each) <= 255 for each in values):
        raise ValueError("are at most ten different names of at most 255 characters each")
    return values


class SendgridSettings(_Section):
    """The provider that calls SendGrid's v3 API; the key comes from a file or from SENDGRID_API_KEY.

    `region` is `global` or `eu`, and `host` another address instead. `recipients` is how many go into one
    request, and so how many a crash can leave in doubt, on each of `connections`. After 503, `unavailable`
    says whether a request is made once more (`retry`) or its recipients are in doubt (`uncertain`).
    """

    api_key_file: str | None = None
    region: Literal["global", "eu"] = "global"
    host: WebAddress | None = None
    timeout: float = Field(default=30.0, gt=0)
    connections: int = Field(default=4, ge=1, le=100)
    recipients: int = Field(default=1000, ge=1, le=1000)
    categories: Annotated[tuple[str, ...], AfterValidator(_categories)] = ()
    unavailable: Literal["uncertain", "retry"] = "uncertain"

    @property
    def base(self) -> str:
        """The address that requests go to, without a slash at its end."""
        return self.host or _SENDGRID_HOSTS[self.region]


_SENDGRID_HOSTS = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}


class DatabaseSettings(_Section):
    """Where subscribers and the ledger are kept; a relative SQLite path is relative to the publication."""

    url: str = "sqlite:///newsletter.db"


class SubscriberSettings(_Section):
    """What the publication knows of its subscribers beside what the list itself tells."""

    attributes: tuple[str, ...] = ()


class RetentionSettings(_Section):
    """For how many days what is kept, 0 for ever: `newsletter subscribers expire` forgets what is older."""

    pending_days: int = Field(default=30, ge=0)
    left_days: int = Field(default=0, ge=0)


class Settings(BaseSettings):
    """All settings of one publication, checked."""

    model_config = SettingsConfigDict(
        env_prefix="NEWSLETTER_", env_nested_delimiter="__", extra="forbid", frozen=True, case_sensitive=False
    )

    publication: PublicationSettings
    delivery: DeliverySettings = DeliverySettings()
    outbox: OutboxSettings = OutboxSettings()
    smtp: SmtpSettings = SmtpSettings()
    sendgrid: SendgridSettings = SendgridSettings()
    database: DatabaseSettings = DatabaseSettings()
    subscribers: SubscriberSettings = SubscriberSettings()
    retention: RetentionSettings = RetentionSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - a fixed signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - a fixed signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - a fixed signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: what the environment says wins over what the file says."""
        return env_settings, init_settings


@dataclass(frozen=True)
class Publication:
    """A folder with ``newsletter.toml``, its settings, and the places derived from them."""

    root: Path
    settings: Settings

    @property
    def issues(self) -> Path:
        """The folder of issue files."""
        return self.root / "issues"

    @property
    def themes(self) -> Path:
        """The folder of the publication's own themes; it need not exist."""
        return self.root / "themes"

    @property
    def media(self) -> Path:
        """The folder of published images, named by their content; what was mailed refers to them for ever."""
        return self.root / "media"

    @property
    def outbox(self) -> Path:
        """The folder into which the outbox provider writes."""
        return self.root / self.settings.outbox.path

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the database, a relative SQLite path made absolute."""
        url = self.settings.database.url
        prefix = "sqlite:///"
        if url.startswith(prefix) and not url.startswith(prefix + "/") and url != prefix + ":memory:":
            return prefix + str(self.root / url.removeprefix(prefix))
        return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)

    def secret(self, file: str | None, variable: str, *, what: str) -> SecretStr:
        """Read a secret from *file* (relative to the publication) or from the environment *variable*.

        Raises:
            ConfigError: neither is there, or the file cannot be read.
        """
        if file:
            path = self.root / file
            try:
                return SecretStr(path.read_text(encoding="utf-8").strip())
            except OSError as error:
                raise ConfigError(
                    f"{what} cannot be read: {error.strerror}",
                    where=str(path),
                    hint="correct the path in newsletter.toml",
                ) from error
        if value := os.environ.get(variable, "").strip():
            return SecretStr(value)
        raise ConfigError(
            f"{what} is not set",
            where=FILE_NAME,
            hint=f"set the environment variable {variable}, or name a file that holds it",
        )


def find_publication(start: Path) -> Path:
    """The nearest folder with ``newsletter.toml``, from *start* upward.

    Raises:
        ConfigError: there is none.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder
    raise ConfigError(
        f"no {FILE_NAME} here or in a folder above",
        where=str(start),
        hint="go to your publication, name it with `-C DIR`, or make one with `newsletter init DIR`",
    )


def load_publication(start: Path, overrides: Mapping[str, Mapping[str, object]] | None = None) -> Publication:
    """Find and read the publication that *start* belongs to.

    Args:
        start: a folder in the publication, or the publication itself.
        overrides: settings that win over environment and file, as ``{section: {key: value}}``.

    Raises:
        ConfigError: no publication, no TOML, an unknown key or a value that does not fit.
    """
    root = find_publication(start)
    path = root / FILE_NAME
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"this is no TOML: {error}", where=str(path), hint="see https://toml.io for the syntax"
        ) from error
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from error
    try:
        settings = Settings(**values)
        if overrides:
            settings = _override(settings, overrides)
    except ValidationError as error:
        raise _explain(error, path) from error
    return Publication(root, settings)


def _override(settings: Settings, overrides: Mapping[str, Mapping[str, object]]) -> Settings:
    """Settings with the flags of the command line on top; validated again."""
    changed = {}
    for section, values in overrides.items():
        current: _Section = getattr(settings, section)
        changed[section] = type(current).model_validate({**current.model_dump(), **values})
    return settings.model_copy(update=changed)


def _explain(error: ValidationError, path: Path) -> ConfigError:
    """The first problem that pydantic found, in the words of the file."""
    problem = error.errors(include_url=False)[0]
    names = [str(part) for part in problem["loc"]]
    key = ".".join(names)
    if problem["type"] == "extra_forbidden":
        hint = did_you_mean(names[-1], _known_keys(names[:-1]))
        return ConfigError(f"`{key}` is not a setting", where=str(path), hint=hint)
    if problem["type"] == "missing":
        return ConfigError(f"`{key}` is missing", where=str(path), hint=f"add it: {_example(names)}")
    return ConfigError(f"`{key}` {_reason(problem)}", where=_source(names, path), hint="correct the value")


def _reason(problem: ErrorDetails) -> str:
    text = problem["msg"]
    if problem["type"] == "value_error":
        return text.removeprefix("Value error, ")
    return f"has a value that does not fit: {text[:1].lower()}{text[1:]}"


def _source(names: list[str], path: Path) -> str:
    variable = "NEWSLETTER_" + "__".join(names).upper()
    return variable if variable in {name.upper() for name in os.environ} else str(path)


def _known_keys(section: list[str]) -> list[str]:
    fields: dict[str, FieldInfo] = Settings.model_fields
    for name in section:
        model: Any = fields[name].annotation
        fields = model.model_fields
    return [field.alias or name for name, field in fields.items()]


def _example(names: list[str]) -> str:
    if names == ["publication"]:
        return '`[publication]` with `name = "…"` and `from = "Name <name@example.com>"`'
    return f'`{names[-1]} = "…"` under `[{names[0]}]`'
