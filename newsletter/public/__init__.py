"""The readers' web service: joining, leaving, preferences, and the archive of issues."""

from __future__ import annotations

from newsletter.public.app import create_app
from newsletter.web import serve

__all__ = ["create_app", "serve"]
