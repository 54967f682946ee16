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

    Of them, only those are mailed who chose the *topic*, if there is one. *archive* is what the editor says
    of the archive, if anything.
    """

    words: str
    segment: Segment | None = None
    topic: str = ""
    archive: bool | None = None

    @property
    def archived(self) -> bool:
        """Whether the archive shows the issue to everybody.

        What goes to everybody, or to whoever chose a topic, is public; what goes to a segment is for those.
        """
        if self.archive is not None:
            return self.archive
        return self.segment is None or self.segment.whole == EVERYONE.whole

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
        words = f"{self.words} without {names}"
        # Who is left out of everybody makes nothing private: the others are still the public.
        return replace(self, words=words, segment=segment, archive=self.archived)
