"""Segments: one expression over subscribers, in Jinja's language, answered in SQL, in memory and in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from subscribers.columns import now
from subscribers.segments import memory, sql, words
from subscribers.segments.nodes import FIELDS, AllOf, Always, AnyOf, Not
from subscribers.segments.parsing import parse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from sqlalchemy import ColumnElement

    from subscribers.segments.nodes import Node

__all__ = ["EVERYONE", "FIELD_NAMES", "Segment", "parse_segment"]

#: The names that a segment always knows; others are attributes, which can therefore not have them.
FIELD_NAMES = frozenset(FIELDS)


@dataclass(frozen=True)
class Segment:
    """An expression over subscribers that was understood.

    ``source`` is the expression as it was written; ``name`` is empty unless it was saved.

    *today*, where it is asked for, is a day in UTC and by default the present one.
    """

    source: str
    node: Node = field(repr=False)
    name: str = ""

    def clause(self, today: date | None = None) -> ColumnElement[bool]:
        """The condition on the subscriber table; never NULL."""
        return sql.condition(self.node, today or now().date())

    def matches(self, fields: Mapping[str, object], today: date | None = None) -> bool:
        """Whether it holds of the subscriber with these fields, as `Addressee.fields` has them."""
        return memory.holds(self.node, fields, today or now().date())

    def words(self) -> str:
        """The expression in English."""
        return words.in_words(self.node)

    def excluding(self, *others: Segment) -> Segment:
        """The same without those who are in one of *others*."""
        if not others:
            return self
        excluded = " or ".join(f"({other.source})" for other in others)
        node = AllOf((self.node, Not(AnyOf(tuple(other.node for other in others)))))
        return Segment(f"({self.source}) and not ({excluded})", node)


#: All subscribers.
EVERYONE = Segment("true", Always(value=True))


def parse_segment(expression: str, attributes: Collection[str] | None = None, *, name: str = "") -> Segment:
    """Read an expression such as ``country == "DE" and "builders" in tags``.

    Known are the fields email, first_name, last_name, name, locale, status, joined, tags and topics, and the
    attributes; text, numbers, true, false, lists of them and ``days_ago(30)``; ``and``, ``or``, ``not``,
    parentheses; ``== != < <= > >=``, ``in``, ``is defined`` and ``is none``.

    Args:
        expression: what the publication wrote, at most 10,000 characters.
        attributes: the attribute names that may be used, or None for any.
        name: the name under which it is saved, if it is.

    Raises:
        SegmentError: it cannot be understood; its ``line`` and ``column`` say where, its hint how to mend it.
    """
    return Segment(expression, parse(expression, attributes), name)
