"""Whom a dispatch is meant for, before it is planned: a segment, or everybody, less those left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from subscribers.segments import EVERYONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from subscribers.segments import Segment


@dataclass(frozen=True)
class Audience:
    """Whom a dispatch is meant for, in *words* for people; *segment* None means everybody."""

    words: str
    segment: Segment | None = None

    @property
    def key(self) -> str:
        """What tells two audiences apart: the expression, however it was named.

        The segments that it names are written out: another audience is meant once one of them has changed.
        """
        return " ".join((self.segment or EVERYONE).whole.split())

    def without(self, excluded: Mapping[str, Segment]) -> Audience:
        """The same, less the subscribers of the segments *excluded*, by their names."""
        if not excluded:
            return self
        names = ", ".join(f"`{name}`" for name in excluded)
        segment = (self.segment or EVERYONE).excluding(*excluded.values())
        return Audience(f"{self.words} without {names}", segment)
