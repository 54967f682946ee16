"""Turns a segment into a condition on subscriber rows, the same on SQLite and PostgreSQL.

A condition never gives NULL, so that ``NOT`` of it is its exact opposite: each question about an attribute
is joined with the question of its type, which is asked in a form that is false, not unknown, without a value.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Text,
    and_,
    bindparam,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)

from subscribers.engagement import EVENT
from subscribers.segments.elements import (
    Ending,
    Position,
    attribute_is,
    attribute_number,
    attribute_text,
    by_code_point,
    lowered,
    number,
)
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
    Operator,
    Truthy,
)
from subscribers.tables import SUBSCRIBER, TAGS, TOPICS


def condition(node: Node, today: date) -> ColumnElement[bool]:
    """The SQL condition on subscriber rows that is true exactly for those of whom *node* holds on *today*."""
    match node:
        case Always(value):
            return true() if value else false()
        case AllOf(parts):
            return and_(*(condition(part, today) for part in parts))
        case AnyOf(parts):
            return or_(*(condition(part, today) for part in parts))
        case Not(part):
            return not_(condition(part, today).self_group())
        case Compare(field, "!=", value):
            return not_(_compare(field, "==", _at(value, today, field)).self_group())
        case Compare(field, operator, value):
            return _compare(field, operator, _at(value, today, field))
        case OneOf(field, values):
            return _one_of(field, [_at(value, today, field) for value in values])
        case Contains(field, text):
            return _contains(field, text)
        case Affix(field, text, at_end):
            return _affix(field, text, at_end=at_end)
        case Known(field):
            return _known(field)
        case Truthy(field):
            return _truthy(field)
        case Engaged():
            return _engaged(node, today)
        case Named(_, part):
            return condition(part, today)


# A day stays one for a field of days, and is written as text for all others.
_Value = str | float | bool | date


def _at(value: Constant, today: date, field: Field) -> _Value:
    if not isinstance(value, Day):
        return value
    day = value.on(today)
    return day if field.kind is Kind.DAY else day.isoformat()


def _compare(field: Field, operator: Operator, value: _Value) -> ColumnElement[bool]:
    if isinstance(value, date):
        return _compare_days(operator, value)
    if field.kind is Kind.ATTRIBUTE and not (field.lower and isinstance(value, str)):
        return _compare_attribute(field.name, operator, value)
    if not isinstance(value, str):
        return false()
    if field.lower:
        return _where_text(field, _text_of(field, value) == value)
    text = _text(field.name)
    if operator == "==":
        return text == value
    return and_(_relate(by_code_point(text), operator, value), text != "")


def _compare_attribute(name: str, operator: Operator, value: str | float | bool) -> ColumnElement[bool]:
    if isinstance(value, bool):
        return attribute_is(name, "true" if value else "false")
    if not isinstance(value, str):
        return and_(_relate(attribute_number(name), operator, number(value)), attribute_is(name, "number"))
    text = attribute_text(name)
    return and_(_relate(text, operator, value), attribute_is(name, "text"))


def _compare_days(operator: Operator, day: date) -> ColumnElement[bool]:
    """Compare the day of joining, in UTC, as moments: so an index on the moment can be used."""
    joined: ColumnElement[datetime] = SUBSCRIBER.c.created_at
    begin = _midnight(day)
    end = begin + timedelta(days=1)
    match operator:
        case "<":
            return joined < begin
        case "<=":
            return joined < end
        case ">":
            return joined >= end
        case ">=":
            return joined >= begin
    return and_(joined >= begin, joined < end)


def _relate(
    left: ColumnElement[Any], operator: Operator, right: _Value | ColumnElement[Any]
) -> ColumnElement[bool]:
    return left.op(operator.replace("==", "="), is_comparison=True, return_type=Boolean())(right)


def _one_of(field: Field, values: list[_Value]) -> ColumnElement[bool]:
    texts = [value for value in values if isinstance(value, str)]
    parts = []
    if texts:
        parts.append(_where_text(field, _text_of(field, "".join(texts)).in_(texts)))
    if field.kind is Kind.ATTRIBUTE:
        parts += [_compare_attribute(field.name, "==", value) for value in values if isinstance(value, bool)]
        numbers = [
            number(value)
            for value in values
            if isinstance(value, int | float) and not isinstance(value, bool)
        ]
        if numbers:
            is_one = attribute_number(field.name).in_(numbers)
            parts.append(and_(is_one, attribute_is(field.name, "number")))
    return or_(false(), *parts)


def _contains(field: Field, text: str) -> ColumnElement[bool]:
    if field.kind is Kind.WORDS:
        return _bears(field.name, text)
    needle = bindparam(None, text, Text)
    return _where_text(field, Position(_text_of(field, text), needle) > 0)


def _affix(field: Field, text: str, *, at_end: bool) -> ColumnElement[bool]:
    whole = _text_of(field, text)
    part = Ending(whole, literal(len(text))) if at_end else func.substr(whole, 1, len(text))
    return _where_text(field, part == text)


def _where_text(field: Field, asked: ColumnElement[bool]) -> ColumnElement[bool]:
    """What is asked of a field's text, and false of an attribute that is none."""
    return and_(asked, attribute_is(field.name, "text")) if field.kind is Kind.ATTRIBUTE else asked


def _text_of(field: Field, letters: str) -> ColumnElement[str]:
    """The field's text, fit for questions about these *letters*."""
    text = attribute_text(field.name) if field.kind is Kind.ATTRIBUTE else _text(field.name)
    return lowered(text, letters) if field.lower else text


def _bears(field: str, word: str) -> ColumnElement[bool]:
    # IN, not EXISTS: SQLite asks an EXISTS anew for each row, which took four times as long.
    vocabulary = TAGS if field == "tags" else TOPICS
    words, pairs = vocabulary.words, vocabulary.pairs
    chosen = select(words.c.id).where(words.c[vocabulary.word] == word)
    bearers = select(pairs.c.subscriber_id).where(pairs.c[vocabulary.reference].in_(chosen), vocabulary.held)
    return SUBSCRIBER.c.id.in_(bearers)


def _engaged(asked: Engaged, today: date) -> ColumnElement[bool]:
    """IN, as of words; every condition on the events is answered by one of their indexes."""
    columns = EVENT.c
    doers = select(columns.subscriber_id).where(columns.kind.in_(EVENTS[asked.deed]))
    if asked.deed in PERSONAL:
        doers = doers.where(columns.by_machine == false())
    if asked.days is None:
        doers = doers.where(columns.issue == asked.issue)
    else:
        doers = doers.where(columns.at >= _midnight(today - timedelta(days=asked.days)))
    return SUBSCRIBER.c.id.in_(doers)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _known(field: Field) -> ColumnElement[bool]:
    if field.kind is Kind.DAY:
        return true()
    if field.kind is Kind.ATTRIBUTE:
        return attribute_text(field.name).is_not(None)
    if field.kind is Kind.WORDS:
        vocabulary = TAGS if field.name == "tags" else TOPICS
        return SUBSCRIBER.c.id.in_(select(vocabulary.pairs.c.subscriber_id).where(vocabulary.held))
    return _text(field.name) != ""


def _truthy(field: Field) -> ColumnElement[bool]:
    if field.kind is not Kind.ATTRIBUTE:
        return _known(field)
    zero = _compare_attribute(field.name, "==", 0)
    return and_(_known(field), not_(attribute_is(field.name, "false")), not_(zero.self_group()))


def _text(name: str) -> ColumnElement[str]:
    if name == "name":
        full: ColumnElement[str] = func.trim(
            SUBSCRIBER.c.first_name + " " + SUBSCRIBER.c.last_name, type_=Text()
        )
        return full
    column: ColumnElement[str] = SUBSCRIBER.c[name]
    return column
