"""All sections together, and where their values come from."""

from __future__ import annotations

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from newsletter.config.archive import ArchiveSettings
from newsletter.config.checks import ChecksSettings
from newsletter.config.feedback import BouncesSettings, FeedbackSettings
from newsletter.config.providers import OutboxSettings, SendgridSettings, SmtpSettings
from newsletter.config.sections import (
    DatabaseSettings,
    DeliverySettings,
    PublicationSettings,
    RetentionSettings,
    SubscriberSettings,
)
from newsletter.config.signup import SignupSettings
from newsletter.config.studio import ReviewSettings, StudioSettings
from newsletter.config.tracking import TrackingSettings
from newsletter.config.web import WebSettings


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
    tracking: TrackingSettings = TrackingSettings()
    signup: SignupSettings = SignupSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    bounces: BouncesSettings = BouncesSettings()
    archive: ArchiveSettings = ArchiveSettings()
    web: WebSettings = WebSettings()
    checks: ChecksSettings = ChecksSettings()
    review: ReviewSettings = ReviewSettings()
    studio: StudioSettings = StudioSettings()

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
