"""Saved segments: expressions that have a name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from subscribers.database import writing
from subscribers.errors import FieldError, nearest
from subscribers.models import SavedSegment
from subscribers.segments import Segment, parse_segment
from subscribers.tables import SEGMENT, insert

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import Engine

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


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
    segment = parse_segment(expression, attributes, name=name)
    with writing(engine) as connection:
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
        expression = connection.scalar(select(SEGMENT.c.expression).where(SEGMENT.c.name == name))
    if expression is None:
        raise _missing(engine, name)
    return parse_segment(expression, name=name)


def load_all(engine: Engine) -> tuple[SavedSegment, ...]:
    """All of them, by name."""
    with engine.connect() as connection:
        rows = connection.execute(select(SEGMENT).order_by(SEGMENT.c.name)).all()
    return tuple(SavedSegment(**row._mapping) for row in rows)


def remove(engine: Engine, name: str) -> None:
    """Forget the segment of that name.

    Raises:
        FieldError: there is none.
    """
    with writing(engine) as connection:
        gone = connection.execute(delete(SEGMENT).where(SEGMENT.c.name == name)).rowcount
    if not gone:
        raise _missing(engine, name)


def _missing(engine: Engine, name: str) -> FieldError:
    names = [segment.name for segment in load_all(engine)]
    known = nearest(name, names) if names else "save one with `newsletter segments add`"
    return FieldError(f"there is no segment `{name[:80]}`", hint=known)
