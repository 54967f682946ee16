"""Whom a dispatch is meant for, before it is planned: a segment, or everybody, less those left out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from subscribers.segments import EVERYONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from subscribers.segments import Segment


@dataclass(frozen=True)
class Audience:
    """Whom a dispatch is meant for, in *words* for people; *segment* None means everybody.

    Of them, only those are mailed who chose the *topic*, if there is one.
    """

    words: str
    segment: Segment | None = None
    topic: str = ""

    @property
    def key(self) -> str:
        """What tells two audiences apart: the expression, however it was named, and the topic.

        The segments that it names are written out: another audience is meant once one of them has changed.
        """
        expression = " ".join((self.segment or EVERYONE).whole.split())
        return f"topic {self.topic}: {expression}" if self.topic else expression

    def without(self, excluded: Mapping[str, Segment]) -> Audience:
        """The same, less the subscribers of the segments *excluded*, by their names."""
        if not excluded:
            return self
        names = ", ".join(f"`{name}`" for name in excluded)
        segment = (self.segment or EVERYONE).excluding(*excluded.values())
        return replace(self, words=f"{self.words} without {names}", segment=segment)
