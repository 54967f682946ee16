"""The readers' web service: joining, leaving, preferences, and the archive of issues."""

from __future__ import annotations

from newsletter.public.app import create_app
from newsletter.public.joining import CONSENT
from newsletter.web import serve

__all__ = ["CONSENT", "create_app", "serve"]
