"""Saved segments: expressions that have a name, and may name each other, but never in a circle."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from subscribers.database import writing
from subscribers.errors import FieldError, SegmentError, nearest
from subscribers.models import SavedSegment
from subscribers.segments import Segment, parse_segment
from subscribers.segments.nodes import Always
from subscribers.segments.parsing import Reading, parse
from subscribers.tables import SEGMENT, insert

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


class Library:
    """The saved segments, for expressions that name them.

    Args:
        expressions: the expression of each, by name.
        path: the names of the segments that are being read, the outermost first.
    """

    def __init__(self, expressions: Mapping[str, str], path: Sequence[str] = ()) -> None:
        self._expressions = expressions
        self._path = tuple(path)
        self._read: dict[str, Reading] = {}

    @classmethod
    def of(cls, connection: Connection, path: Sequence[str] = (), **instead: str) -> Library:
        """The library of a database, with the expressions *instead* of those saved under these names."""
        rows = connection.execute(select(SEGMENT.c.name, SEGMENT.c.expression))
        return cls({**{row[0]: row[1] for row in rows}, **instead}, path)

    def __call__(self, name: str) -> Reading:
        """What the segment of that name says.

        Raises:
            FieldError: there is none.
            SegmentError: it names itself, by whatever detour.
        """
        if name in self._path:
            circle = " → ".join((*self._path[self._path.index(name) :], name))
            raise SegmentError(f"the segments would go in a circle: {circle}", hint="leave one of them out")
        if name not in self._read:
            inner = Library(self._expressions, (*self._path, name))
            self._read[name] = parse(self.expression(name), None, inner)
        return self._read[name]

    def expression(self, name: str) -> str:
        """The expression of the segment of that name.

        Raises:
            FieldError: there is none.
        """
        if name not in self._expressions:
            raise self.missing(name)
        return self._expressions[name]

    def missing(self, name: str) -> FieldError:
        """That there is no segment of that name, and what there is."""
        names = self._expressions
        hint = nearest(name, names) if names else "save one with `newsletter segments add`"
        return FieldError(f"there is no segment `{name[:80]}`", hint=hint)

    def naming(self, name: str) -> list[str]:
        """The segments that name the segment *name* themselves."""
        return [
            other
            for other in sorted(self._expressions)
            if name in parse(self._expressions[other], None, _anything).names
        ]


def _anything(_: str) -> Reading:
    return Reading(Always(value=True), "true", frozenset())


def save(engine: Engine, name: str, expression: str, attributes: Collection[str], at: datetime) -> Segment:
    """Save an expression that uses no other than the named *attributes*.

    Raises:
        FieldError, SegmentError: the name cannot be one, or the expression cannot be understood.
    """
    if not _NAME.fullmatch(name):
        raise FieldError(
            f"`{name[:80]}` cannot be the name of a segment",
            hint="use letters, digits, `-` and `_`, at most 63",
        )
    with writing(engine) as connection:
        segments = Library.of(connection, [name], **{name: expression})
        segment = parse_segment(expression, attributes, name=name, segments=segments)
        connection.execute(
            insert(connection, SEGMENT)
            .values(name=name, expression=expression, created_at=at)
            .on_conflict_do_update(index_elements=["name"], set_={"expression": expression})
        )
    return segment


def load(engine: Engine, name: str) -> Segment:
    """The segment of that name.

    Raises:
        FieldError: there is none.
    """
    with engine.connect() as connection:
        expressions = Library.of(connection)
    return Segment.of(expressions.expression(name), expressions(name), name)


def understand(engine: Engine, expression: str, attributes: Collection[str] | None) -> Segment:
    """What an expression says that is not saved, but may name segments that are.

    Raises:
        SegmentError: it cannot be understood.
    """
    with engine.connect() as connection:
        segments = Library.of(connection)
    return parse_segment(expression, attributes, segments=segments)


def load_all(engine: Engine) -> tuple[SavedSegment, ...]:
    """All of them, by name."""
    with engine.connect() as connection:
        rows = connection.execute(select(SEGMENT).order_by(SEGMENT.c.name)).all()
    return tuple(SavedSegment(**row._mapping) for row in rows)


def remove(engine: Engine, name: str) -> None:
    """Forget the segment of that name.

    Raises:
        FieldError: there is none, or other segments name it.
    """
    with writing(engine) as connection:
        segments = Library.of(connection)
        if users := segments.naming(name):
            named = ", ".join(f"`{user}`" for user in users)
            raise FieldError(
                f"segment `{name}` is named by {named}", hint="change or remove what names it first"
            )
        if not connection.execute(delete(SEGMENT).where(SEGMENT.c.name == name)).rowcount:
            raise segments.missing(name)


def users(engine: Engine, name: str) -> tuple[str, ...]:
    """The names of the segments that name the segment *name* themselves."""
    with engine.connect() as connection:
        return tuple(Library.of(connection).naming(name))
