"""Segments: one expression over subscribers, in Jinja's language, answered in SQL, in memory and in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from subscribers.columns import now
from subscribers.segments import memory, misses, sql, words
from subscribers.segments.nodes import FIELDS, AllOf, Always, AnyOf, Not, asks_events, sought
from subscribers.segments.parsing import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import date

    from sqlalchemy import ColumnElement, Connection

    from subscribers.engagement import Event
    from subscribers.segments.nodes import Node
    from subscribers.segments.parsing import Reading

__all__ = ["EVERYONE", "FIELD_NAMES", "Segment", "parse_segment"]

#: The names that a segment always knows; others are attributes, which can therefore not have them.
FIELD_NAMES = frozenset(FIELDS)


@dataclass(frozen=True)
class Segment:
    """An expression over subscribers that was understood.

    ``source`` is the expression as it was written; ``name`` is empty unless it was saved; ``names`` are those
    of the segments that it names itself.

    *today*, where it is asked for, is a day in UTC and by default the present one.
    """

    source: str
    node: Node = field(repr=False)
    name: str = ""
    #: The expression with the segments that it names written out: what it meant, whatever they mean later.
    whole: str = field(default="", repr=False)
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, source: str, reading: Reading, name: str = "") -> Segment:
        """The segment of an expression that was read."""
        return cls(source, reading.node, name, reading.whole, reading.names)

    def clause(self, today: date | None = None) -> ColumnElement[bool]:
        """The condition on the subscriber table; never NULL."""
        return sql.condition(self.node, today or now().date())

    def matches(
        self, fields: Mapping[str, object], today: date | None = None, events: Collection[Event] = ()
    ) -> bool:
        """Whether it holds of the subscriber with these fields, as `Addressee.fields` has them.

        What happened with the subscriber's messages is told by *events*, as `events_of` gives them.
        """
        return memory.holds(self.node, fields, today or now().date(), events)

    def words(self) -> str:
        """The expression in English."""
        return words.in_words(self.node)

    def misses(self, connection: Connection) -> list[str]:
        """What of it can be true of nobody as the list is now, each with what may have been meant."""
        return misses.misses(connection, self.node)

    def asks_events(self) -> bool:
        """Whether it asks what happened with messages."""
        return asks_events(self.node)

    def sought(self) -> list[str]:
        """The names of the fields by whose values it finds people, so that an index on them could help."""
        return list(dict.fromkeys(field.name for field in sought(self.node)))

    def excluding(self, *others: Segment) -> Segment:
        """The same without those who are in one of *others*."""
        if not others:
            return self
        node = AllOf((self.node, Not(AnyOf(tuple(other.node for other in others)))))
        source, whole = (
            f"({own}) and not ({' or '.join(f'({other})' for other in excluded)})"
            for own, excluded in (
                (self.source, [other.source for other in others]),
                (self.whole, [other.whole for other in others]),
            )
        )
        names = self.names.union(*(other.names for other in others))
        return Segment(source, node, whole=whole, names=names)


#: All subscribers.
EVERYONE = Segment("true", Always(value=True), whole="true")


def parse_segment(
    expression: str,
    attributes: Collection[str] | None = None,
    *,
    name: str = "",
    segments: Callable[[str], Reading] | None = None,
) -> Segment:
    """Read an expression such as ``country == "DE" and "builders" in tags``.

    Known are the fields email, first_name, last_name, name, locale, time_zone, status, joined, tags and
    topics, and the attributes; text, numbers, true, false, lists of them and ``days_ago(30)``; ``and``,
    ``or``, ``not``, parentheses; ``== != < <= > >=``, ``in``, ``is defined``, ``is none``,
    ``is startswith("…")``, ``is endswith("…")``; ``| lower``; ``received("SLUG")``, ``opened("SLUG")``,
    ``clicked("SLUG")``,
    ``opened_within(90)``, ``clicked_within(90)``; and ``segment("NAME")``.

    Args:
        expression: what the publication wrote, at most 10,000 characters.
        attributes: the attribute names that may be used, or None for any.
        name: the name under which it is saved, if it is.
        segments: gives the segment of a name, or raises a FieldError; without it, none can be named.

    Raises:
        SegmentError: it cannot be understood; its ``line`` and ``column`` say where, its hint how to mend it.
    """
    return Segment.of(expression, parse(expression, attributes, segments), name)
