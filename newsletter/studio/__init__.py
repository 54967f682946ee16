"""The marketers' web application: an issue as each reader will see it, while it is being written."""

from __future__ import annotations

from newsletter.studio.app import create_studio
from newsletter.web import serve

__all__ = ["create_studio", "serve"]
