"""What can be set of opens and clicks: nothing is tracked unless the publication says so."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from newsletter.config.values import Section

#: What a topic may say for itself.
Extent = Literal["off", "opens", "clicks", "both"]


class TrackingSettings(Section):
    """Whether it is learned who opens a message and who follows a link: docs/tracking.md.

    With `anonymous` only numbers are kept, and nothing of who it was. `consent` says of whom it is learned:
    of those who agreed (`opt-in`), or of all who did not refuse (`opt-out`). `topics` has the extent for
    messages about a topic, instead of what `opens` and `clicks` say: `off`, `opens`, `clicks` or `both`.
    """

    opens: bool = False
    clicks: bool = False
    anonymous: bool = False
    consent: Literal["opt-in", "opt-out"] = "opt-in"
    topics: dict[str, Extent] = Field(default_factory=dict)

    @property
    def on(self) -> bool:
        """Whether anything at all is tracked."""
        return self.opens or self.clicks

    @property
    def anywhere(self) -> bool:
        """Whether messages about any topic, or about none, are tracked."""
        return self.on or any(extent != "off" for extent in self.topics.values())

    def about(self, topic: str) -> TrackingSettings:
        """What holds for messages about *topic*; empty for those about none."""
        extent = self.topics.get(topic)
        if extent is None:
            return self
        opens, clicks = extent in ("opens", "both"), extent in ("clicks", "both")
        return self.model_copy(update={"opens": opens, "clicks": clicks})
