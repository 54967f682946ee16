"""What can be set of the archive of issues that everybody may read."""

from __future__ import annotations

from typing import Literal

from newsletter.config.values import Section


class ArchiveSettings(Section):
    """What the archive gives out: docs/readers.md.

    With `feed = "summaries"` the feed has the preheader of each issue and a link, not the whole of it.
    """

    feed: Literal["whole", "summaries"] = "whole"
