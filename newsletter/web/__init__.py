"""What both web services stand on: guarded requests, server-rendered pages, a server that stops quickly."""

from __future__ import annotations

from newsletter.web.guard import Guard
from newsletter.web.language import Languages
from newsletter.web.media import media
from newsletter.web.pages import Pages
from newsletter.web.patience import Held, Patience
from newsletter.web.proxies import trusting
from newsletter.web.serving import serve

__all__ = ["Guard", "Held", "Languages", "Pages", "Patience", "media", "serve", "trusting"]
