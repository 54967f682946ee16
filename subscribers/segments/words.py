"""Says a segment in English, for people who check whom they are about to mail."""

from __future__ import annotations

from subscribers.segments.nodes import (
    Affix,
    AllOf,
    Always,
    AnyOf,
    Compare,
    Constant,
    Contains,
    Day,
    Deed,
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

_COMPARISONS = {
    "==": "is",
    "!=": "is not",
    "<": "is below",
    "<=": "is at most",
    ">": "is above",
    ">=": "is at least",
}
_DAYS = {
    "==": "joined on",
    "!=": "did not join on",
    "<": "joined before",
    "<=": "joined on or before",
    ">": "joined after",
    ">=": "joined on or after",
}
_DEEDS: dict[Deed, str] = {"received": "received", "opened": "opened", "clicked": "clicked a link in"}
_VERBS: dict[Deed, str] = {"received": "receive", "opened": "open", "clicked": "click a link in"}


def in_words(node: Node) -> str:
    """The expression as an English phrase: ``country is “DE” and has the tag “pro”``."""
    match node:
        case Always(value):
            return "everyone" if value else "nobody"
        case AllOf(parts):
            return " and ".join(_grouped(part, AnyOf) for part in parts)
        case AnyOf(parts):
            return " or ".join(_grouped(part, AllOf) for part in parts)
        case Not(part):
            return _negated(part)
        case Compare(field, operator, value):
            verb = _DAYS[operator] if field.kind is Kind.DAY else f"{_name(field)} {_COMPARISONS[operator]}"
            return f"{verb} {_constant(value)}"
        case OneOf(field, values):
            return f"{_name(field)} is {_listed(values, 'or')}"
        case Contains(field, text):
            return f"{_holds(field)} “{text}”"
        case Affix(field, text, at_end):
            return f"{_name(field)} {'ends' if at_end else 'begins'} with “{text}”"
        case Known(field):
            return f"{_name(field)} {_verb(field)} known"
        case Truthy(field):
            return f"{_name(field)} {_verb(field)} set"
        case Engaged(deed, issue, days):
            return f"{_DEEDS[deed]} {_message(issue, days, 'a message')}"
        case Named(name, part):
            return f"is in the segment “{name}” ({in_words(part)})"


def _negated(node: Node) -> str:
    match node:
        case Contains(Field("tags"), text):
            return f"does not have the tag “{text}”"
        case Contains(Field("topics"), text):
            return f"did not choose the topic “{text}”"
        case Contains(field, text):
            return f"{_name(field)} does not contain “{text}”"
        case OneOf(field, values):
            return f"{_name(field)} is neither {_listed(values, 'nor')}"
        case Affix(field, text, at_end):
            return f"{_name(field)} does not {'end' if at_end else 'begin'} with “{text}”"
        case Known(field):
            return f"{_name(field)} {_verb(field)} not known"
        case Truthy(field):
            return f"{_name(field)} {_verb(field)} not set"
        case Engaged(deed, None, days):
            return f"{_DEEDS[deed]} {_message(None, days, 'no message')}"
        case Engaged(deed, issue, days):
            return f"did not {_VERBS[deed]} {_message(issue, days, '')}"
        case Named(name, part):
            return f"is not in the segment “{name}” ({in_words(part)})"
    return f"not ({in_words(node)})"


def _grouped(node: Node, kind: type[AllOf | AnyOf]) -> str:
    return f"({in_words(node)})" if isinstance(node, kind) else in_words(node)


def _listed(values: tuple[Constant, ...], conjunction: str) -> str:
    shown = [_constant(value) for value in values]
    if len(shown) == 1:
        return shown[0]
    return f"{', '.join(shown[:-1])} {conjunction} {shown[-1]}"


def _message(issue: str | None, days: int | None, some: str) -> str:
    if issue is not None:
        return f"the issue “{issue}”"
    if not days:
        return f"{some} today"
    return f"{some} within the last {'day' if days == 1 else f'{days} days'}"


def _name(field: Field) -> str:
    name = field.name.replace("_", " ")
    return f"{name}, in small letters," if field.lower else name


def _verb(field: Field) -> str:
    return "are" if field.kind is Kind.WORDS else "is"


def _holds(field: Field) -> str:
    special = {"tags": "has the tag", "topics": "chose the topic"}
    return special.get(field.name, f"{_name(field)} contains")


def _constant(value: Constant) -> str:
    if isinstance(value, Day):
        return _day(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"“{value}”" if isinstance(value, str) else str(value)


def _day(day: Day) -> str:
    if day.fixed:
        return day.fixed.isoformat()
    if day.days_ago == 0:
        return "today"
    count = abs(day.days_ago)
    days = "1 day" if count == 1 else f"{count} days"
    return f"{days} ago" if day.days_ago > 0 else f"in {days}"
