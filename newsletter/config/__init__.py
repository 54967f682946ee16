"""The publication and its settings: environment over ``newsletter.toml`` over defaults.

Every key of ``newsletter.toml`` is also an environment variable: ``[delivery] provider`` is
``NEWSLETTER_DELIVERY__PROVIDER``. Flags of the command line win over both; the command line passes
them as *overrides*. An unknown key is an error, with the nearest known key as its hint.
"""

from __future__ import annotations

from newsletter.config.checks import ChecksSettings
from newsletter.config.feedback import BouncesSettings, FeedbackSettings
from newsletter.config.loading import find_publication, load_publication
from newsletter.config.providers import SendgridSettings, SmtpSettings
from newsletter.config.publication import FILE_NAME, Publication
from newsletter.config.sections import PublicationSettings
from newsletter.config.settings import Settings
from newsletter.config.tracking import TrackingSettings
from newsletter.config.values import split_mailbox

__all__ = [
    "FILE_NAME",
    "BouncesSettings",
    "ChecksSettings",
    "FeedbackSettings",
    "Publication",
    "PublicationSettings",
    "SendgridSettings",
    "Settings",
    "SmtpSettings",
    "TrackingSettings",
    "find_publication",
    "load_publication",
    "split_mailbox",
]
