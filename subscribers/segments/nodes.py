"""What a segment's expression says, as a tree: read by the parser, answered in SQL, in memory and in words.

A value that is not known answers no to every question but ``!=`` and ``not``. Text and numbers are never
equal and never compared; nor is either with true and false.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Literal

from subscribers.engagement import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterator

Operator = Literal["==", "!=", "<", "<=", ">", ">="]
Deed = Literal["received", "opened", "clicked"]

#: The events that show a deed. What was opened or clicked had arrived; not every provider tells of arrivals.
EVENTS: dict[Deed, tuple[EventKind, ...]] = {
    "received": (EventKind.DELIVERED, EventKind.OPENED, EventKind.CLICKED),
    "opened": (EventKind.OPENED,),
    "clicked": (EventKind.CLICKED,),
}
#: The deeds that only a person can do; what a proxy or a scanner does shows only that a message arrived.
PERSONAL: frozenset[Deed] = frozenset({"opened", "clicked"})


class Kind(Enum):
    """What a field holds."""

    #: Text of every subscriber, perhaps empty.
    TEXT = "text"
    #: A day.
    DAY = "day"
    #: A set of words: tags, topics.
    WORDS = "words"
    #: Text, a number, true or false, as the publication likes, and not of every subscriber.
    ATTRIBUTE = "attribute"


@dataclass(frozen=True)
class Field:
    """Something that is known of a subscriber."""

    name: str
    kind: Kind
    #: Whether it is asked for in small letters.
    lower: bool = False


@dataclass(frozen=True)
class Day:
    """A day: a fixed one, or so many days before the day of asking."""

    fixed: date | None = None
    days_ago: int = 0

    def on(self, today: date) -> date:
        """The day that is meant when asked on *today*."""
        return self.fixed or today - timedelta(days=self.days_ago)


Constant = str | float | bool | Day


@dataclass(frozen=True)
class Always:
    """Everyone, or nobody."""

    value: bool


@dataclass(frozen=True)
class AllOf:
    """Every part holds."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Node


@dataclass(frozen=True)
class Compare:
    """A field stands so to a constant."""

    field: Field
    operator: Operator
    value: Constant


@dataclass(frozen=True)
class OneOf:
    """A field equals one of the constants."""

    field: Field
    values: tuple[Constant, ...]


@dataclass(frozen=True)
class Contains:
    """A field's text contains this text, or a set of words this word."""

    field: Field
    text: str


@dataclass(frozen=True)
class Affix:
    """A field's text begins, or ends, with this text."""

    field: Field
    text: str
    at_end: bool


@dataclass(frozen=True)
class Known:
    """A field has a value."""

    field: Field


@dataclass(frozen=True)
class Truthy:
    """A field has a value that is neither false nor zero."""

    field: Field


@dataclass(frozen=True)
class Engaged:
    """Some message was received, opened or clicked: of one issue, or within so many days up to today."""

    deed: Deed
    issue: str | None = None
    days: int | None = None


@dataclass(frozen=True)
class Named:
    """The subscriber is in another segment, which meant *node* when this one was read."""

    name: str
    node: Node


Node = Always | AllOf | AnyOf | Not | Compare | OneOf | Contains | Affix | Known | Truthy | Engaged | Named

#: The fields that every subscriber has; any other name is an attribute.
FIELDS = {
    "email": Field("email", Kind.TEXT),
    "first_name": Field("first_name", Kind.TEXT),
    "last_name": Field("last_name", Kind.TEXT),
    "name": Field("name", Kind.TEXT),
    "locale": Field("locale", Kind.TEXT),
    "time_zone": Field("time_zone", Kind.TEXT),
    "status": Field("status", Kind.TEXT),
    "joined": Field("joined", Kind.DAY),
    "tags": Field("tags", Kind.WORDS),
    "topics": Field("topics", Kind.WORDS),
}


def sought(node: Node) -> Iterator[Field]:
    """The fields that are asked what they are, by which people can be found; not what they are not."""
    match node:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from sought(part)
        case Named(_, part):
            yield from sought(part)
        case Compare(field, operator, _) if operator != "!=" and not field.lower:
            yield field
        case OneOf(field, _) if not field.lower:
            yield field


def asks_events(node: Node) -> bool:
    """Whether a deed is asked for anywhere in the tree."""
    match node:
        case AllOf(parts) | AnyOf(parts):
            return any(asks_events(part) for part in parts)
        case Not(part) | Named(_, part):
            return asks_events(part)
    return isinstance(node, Engaged)


def extent(node: Node) -> tuple[int, int]:
    """How deep the tree is, and how many questions it asks, those of the segments that it names too."""
    match node:
        case AllOf(parts) | AnyOf(parts):
            extents = [extent(part) for part in parts]
            return 1 + max(depth for depth, _ in extents), sum(questions for _, questions in extents)
        case Not(part) | Named(_, part):
            depth, questions = extent(part)
            return depth + 1, questions
    return 1, 1
