"""Who is in a segment, and which segments are saved: the part of the list that only asks who is who."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, func, select, true

from subscribers import saved
from subscribers.columns import now
from subscribers.profiles import read_profiles
from subscribers.tables import ATTRIBUTE, SUBSCRIBER

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from sqlalchemy import ColumnElement, Engine

    from subscribers.models import SavedSegment
    from subscribers.profiles import Profile
    from subscribers.segments import Segment


class Segmented:
    """A list, as segments see it: *engine* is its database, *clock* tells the moment in UTC."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = now) -> None:
        self.engine = engine
        self.clock = clock

    # Who is in a segment.

    def list(
        self, segment: Segment | None = None, *, limit: int = 100, after: int = 0
    ) -> tuple[Profile, ...]:
        """Those in *segment* (None: all), by id; for the next page pass the last one's id as *after*."""
        where = and_(SUBSCRIBER.c.id > after, _clause(segment))
        with self.engine.connect() as connection:
            return read_profiles(connection, where, limit=limit)

    def sample(self, segment: Segment | None = None, size: int = 10) -> tuple[Profile, ...]:
        """A few of those in *segment*, picked at random but always the same."""
        with self.engine.connect() as connection:
            return read_profiles(connection, _clause(segment), limit=size, order_by="public_id")

    def count(self, segment: Segment | None = None) -> int:
        """How many are in *segment* (None: all), whether they may be mailed or not."""
        with self.engine.connect() as connection:
            return connection.execute(
                select(func.count()).select_from(SUBSCRIBER).where(_clause(segment))
            ).scalar_one()

    def attribute_names(self) -> set[str]:
        """The names of all attributes that were ever kept."""
        with self.engine.connect() as connection:
            return set(connection.scalars(select(ATTRIBUTE.c.name)))

    # Saved segments.

    def save_segment(self, name: str, expression: str, attributes: Collection[str] = ()) -> Segment:
        """Save an expression under a name, in place of what had that name.

        Args:
            name: letters, digits, ``-`` and ``_``.
            expression: may use the attributes that subscribers have.
            attributes: further attributes that it may use.

        Raises:
            FieldError, SegmentError: the name cannot be one, or the expression cannot be understood.
        """
        return saved.save(self.engine, name, expression, {*self.attribute_names(), *attributes}, self.clock())

    def segment(self, name: str) -> Segment:
        """The segment saved under *name*.

        Raises:
            FieldError: there is none; the hint names one that is like it.
        """
        return saved.load(self.engine, name)

    def parse_segment(self, expression: str, attributes: Collection[str] | None = None) -> Segment:
        """What an expression says that is not saved; it may name saved segments.

        Args:
            expression: as `subscribers.parse_segment` reads it.
            attributes: the attribute names that may be used, or None for any.

        Raises:
            SegmentError: it cannot be understood.
        """
        return saved.understand(self.engine, expression, attributes)

    def segments_naming(self, name: str) -> tuple[str, ...]:
        """The names of the saved segments whose expressions name the segment *name*."""
        return saved.users(self.engine, name)

    def segments(self) -> tuple[SavedSegment, ...]:
        """All saved segments, by name: each with ``name``, ``expression`` and ``created_at``."""
        return saved.load_all(self.engine)

    def remove_segment(self, name: str) -> None:
        """Forget a saved segment.

        Raises:
            FieldError: there is none of that name, or other segments name it.
        """
        saved.remove(self.engine, name)


def _clause(segment: Segment | None) -> ColumnElement[bool]:
    return true() if segment is None else segment.clause()
