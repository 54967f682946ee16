"""Answers a segment for one subscriber whose fields are at hand, with the same answer as SQL."""

from __future__ import annotations

import operator as operators
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from subscribers.segments.nodes import (
    AllOf,
    Always,
    AnyOf,
    Compare,
    Constant,
    Contains,
    Day,
    Kind,
    Known,
    Node,
    Not,
    OneOf,
    Truthy,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operators.eq,
    "!=": operators.ne,
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
}


def holds(node: Node, fields: Mapping[str, object], today: date) -> bool:
    """Whether *node* holds of a subscriber with these fields on *today*; what is not in them is not known."""
    match node:
        case Always(value):
            return value
        case AllOf(parts):
            return all(holds(part, fields, today) for part in parts)
        case AnyOf(parts):
            return any(holds(part, fields, today) for part in parts)
        case Not(part):
            return not holds(part, fields, today)
        case Compare(field, "!=", constant):
            return not _stands(_value(fields, field.name), "==", constant, field.kind, today)
        case Compare(field, sign, constant):
            return _stands(_value(fields, field.name), sign, constant, field.kind, today)
        case OneOf(field, constants):
            known = _value(fields, field.name)
            return any(_stands(known, "==", constant, field.kind, today) for constant in constants)
        case Contains(field, text):
            known = _value(fields, field.name)
            return isinstance(known, str | list | tuple | set | frozenset) and text in known
        case Known(field):
            return field.kind is Kind.DAY or _value(fields, field.name) is not None
        case Truthy(field):
            return field.kind is Kind.DAY or bool(_value(fields, field.name))


def _value(fields: Mapping[str, object], name: str) -> object:
    value = fields.get(name)
    if isinstance(value, datetime):
        return value.date()
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
