"""What can be set of the checks: which rules count, how much, for which mail programs, and their limits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from newsletter.config.values import Section


class ChecksSettings(Section):
    """What `newsletter check` and the gate before `send` look for: docs/checks.md."""

    ignore: tuple[str, ...] = ()
    severity: dict[str, Literal["error", "warning", "note"]] = Field(default_factory=dict)
    clients: tuple[str, ...] = ("apple-mail.*", "gmail.*", "outlook.*", "yahoo.*", "samsung-email.*")
    baseline: bool = True
    html_bytes: int = Field(default=99_500, ge=1)
    image_bytes: int = Field(default=1_000_000, ge=1)
    spamd: str = ""
    spam_score: float = 5.0
