"""Answers a segment for one subscriber whose fields are at hand, with the same answer as SQL."""

from __future__ import annotations

import operator as operators
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from subscribers.segments.lowering import small
from subscribers.segments.nodes import (
    EVENTS,
    PERSONAL,
    Affix,
    AllOf,
    Always,
    AnyOf,
    Compare,
    Constant,
    Contains,
    Day,
    Engaged,
    Field,
    Kind,
    Known,
    Named,
    Node,
    Not,
    OneOf,
    Truthy,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from subscribers.engagement import Event

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operators.eq,
    "!=": operators.ne,
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
}


def holds(node: Node, fields: Mapping[str, object], today: date, events: Collection[Event] = ()) -> bool:
    """Whether *node* holds of a subscriber on *today*.

    Args:
        node: what is asked.
        fields: what is known; what is not in them is not known.
        today: the day in UTC.
        events: what happened with the subscriber's messages.
    """
    match node:
        case Always(value):
            return value
        case AllOf(parts):
            return all(holds(part, fields, today, events) for part in parts)
        case AnyOf(parts):
            return any(holds(part, fields, today, events) for part in parts)
        case Not(part):
            return not holds(part, fields, today, events)
        case Compare(field, "!=", constant):
            return not _stands(_value(fields, field), "==", constant, field.kind, today)
        case Compare(field, sign, constant):
            return _stands(_value(fields, field), sign, constant, field.kind, today)
        case OneOf(field, constants):
            known = _value(fields, field)
            return any(_stands(known, "==", constant, field.kind, today) for constant in constants)
        case Contains(field, text):
            known = _value(fields, field)
            return isinstance(known, str | list | tuple | set | frozenset) and text in known
        case Affix(field, text, at_end):
            known = _value(fields, field)
            return isinstance(known, str) and (known.endswith(text) if at_end else known.startswith(text))
        case Known(field):
            return field.kind is Kind.DAY or _value(fields, field) is not None
        case Truthy(field):
            return field.kind is Kind.DAY or bool(_value(fields, field))
        case Engaged():
            return any(_shows(event, node, today) for event in events)
        case Named(_, part):
            return holds(part, fields, today, events)


def _shows(event: Event, asked: Engaged, today: date) -> bool:
    if event.kind not in EVENTS[asked.deed] or (event.by_machine and asked.deed in PERSONAL):
        return False
    if asked.days is None:
        return event.issue == asked.issue
    return event.at.astimezone(UTC).date() >= today - timedelta(days=asked.days)


def _value(fields: Mapping[str, object], field: Field) -> object:
    value = fields.get(field.name)
    if isinstance(value, datetime):
        return value.date()
    if field.lower and isinstance(value, str):
        value = small(value)
    return None if value == "" or value == [] or value == () else value


def _stands(value: object, sign: str, constant: Constant, kind: Kind, today: date) -> bool:
    if isinstance(constant, Day):
        day = constant.on(today)
        constant_value: object = day if kind is Kind.DAY else day.isoformat()
    else:
        constant_value = constant
    return _type(value) == _type(constant_value) and _COMPARE[sign](value, constant_value)


def _type(value: object) -> str:
    """The type as SQL sees it: whole and broken numbers are one, true and false are none of them."""
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__
