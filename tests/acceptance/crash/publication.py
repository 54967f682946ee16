"""The smallest publication that can be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = """\
[publication]
name = "Test Letter"
from = "Test Letter <letter@example.com>"
url = "https://news.example.com"
postal_address = "1 Example Street, Example City"
"""
ISSUE = """\
---
title: A plain issue
preheader: What a plain issue says in one line, long enough for an inbox.
---

Good morning, {{ subscriber.first_name | default("reader") }}.
"""


def write(folder: Path, slug: str) -> None:
    """Write the publication into *folder*, with one more issue named *slug*."""
    (folder / "issues").mkdir(parents=True, exist_ok=True)
    (folder / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "issues" / f"{slug}.md").write_text(ISSUE, encoding="utf-8")
