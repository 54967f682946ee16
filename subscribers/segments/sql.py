"""Answers a segment in SQL: one condition on subscriber rows, the same on SQLite and PostgreSQL.

A condition never gives NULL, so that ``NOT`` of it is its exact opposite: each question about an attribute
is joined with the question of its type, which is asked in a form that is false, not unknown, without a value.

The name of an attribute is part of the statement, never a bound value: only so can an index on the
attribute be used, under PostgreSQL's generic plans too. `ATTRIBUTE_NAME` is what makes that safe.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Double,
    Text,
    and_,
    bindparam,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from subscribers.attributes import ATTRIBUTE_NAME
from subscribers.segments.nodes import (
    AllOf,
    Always,
    AnyOf,
    Compare,
    Constant,
    Contains,
    Day,
    Field,
    Kind,
    Known,
    Node,
    Not,
    OneOf,
    Operator,
    Truthy,
)
from subscribers.tables import SUBSCRIBER, TAGS, TOPICS

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler


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
        case Known(field):
            return _known(field)
        case Truthy(field):
            return _truthy(field)


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
    if field.kind is Kind.ATTRIBUTE:
        return _compare_attribute(field.name, operator, value)
    if not isinstance(value, str):
        return false()
    text = _text(field.name)
    if operator == "==":
        return text == value
    return and_(_relate(_by_code_point(text), operator, value), text != "")


def _compare_attribute(name: str, operator: Operator, value: str | float | bool) -> ColumnElement[bool]:
    if isinstance(value, bool):
        return _attribute_is(name, "true" if value else "false")
    if not isinstance(value, str):
        return and_(_relate(_attribute_number(name), operator, float(value)), _attribute_is(name, "number"))
    text = _attribute_text(name)
    ordered = text if operator == "==" else _by_code_point(text)
    return and_(_relate(ordered, operator, value), _attribute_is(name, "text"))


def _compare_days(operator: Operator, day: date) -> ColumnElement[bool]:
    """Compare the day of joining, in UTC, as moments: so an index on the moment can be used."""
    joined: ColumnElement[datetime] = SUBSCRIBER.c.created_at
    begin = datetime.combine(day, time.min, UTC)
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


def _relate(left: ColumnElement[Any], operator: Operator, right: _Value) -> ColumnElement[bool]:
    return left.op(operator.replace("==", "="), is_comparison=True, return_type=Boolean())(right)


def _one_of(field: Field, values: list[_Value]) -> ColumnElement[bool]:
    texts = [value for value in values if isinstance(value, str)]
    if field.kind is not Kind.ATTRIBUTE:
        return _text(field.name).in_(texts) if texts else false()
    numbers = [
        float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    parts = [_compare_attribute(field.name, "==", value) for value in values if isinstance(value, bool)]
    if texts:
        parts.append(and_(_attribute_text(field.name).in_(texts), _attribute_is(field.name, "text")))
    if numbers:
        parts.append(and_(_attribute_number(field.name).in_(numbers), _attribute_is(field.name, "number")))
    return or_(*parts)


def _contains(field: Field, text: str) -> ColumnElement[bool]:
    if field.kind is Kind.WORDS:
        return _bears(field.name, text)
    needle = bindparam(None, text, Text)
    if field.kind is Kind.ATTRIBUTE:
        found: ColumnElement[bool] = _Position(_attribute_text(field.name), needle) > 0
        return and_(found, _attribute_is(field.name, "text"))
    return _Position(_text(field.name), needle) > 0


def _bears(field: str, word: str) -> ColumnElement[bool]:
    # IN, not EXISTS: SQLite asks an EXISTS anew for each row, which took four times as long.
    vocabulary = TAGS if field == "tags" else TOPICS
    words, pairs = vocabulary.words, vocabulary.pairs
    chosen = select(words.c.id).where(words.c[vocabulary.word] == word)
    bearers = select(pairs.c.subscriber_id).where(pairs.c[vocabulary.reference].in_(chosen), vocabulary.held)
    return SUBSCRIBER.c.id.in_(bearers)


def _known(field: Field) -> ColumnElement[bool]:
    if field.kind is Kind.DAY:
        return true()
    if field.kind is Kind.ATTRIBUTE:
        return _attribute_text(field.name).is_not(None)
    if field.kind is Kind.WORDS:
        vocabulary = TAGS if field.name == "tags" else TOPICS
        return SUBSCRIBER.c.id.in_(select(vocabulary.pairs.c.subscriber_id).where(vocabulary.held))
    return _text(field.name) != ""


def _truthy(field: Field) -> ColumnElement[bool]:
    if field.kind is not Kind.ATTRIBUTE:
        return _known(field)
    zero = and_(func.coalesce(_attribute_number(field.name), 1.0) == 0.0, _attribute_is(field.name, "number"))
    return and_(_known(field), not_(_attribute_is(field.name, "false")), not_(zero.self_group()))


def _text(name: str) -> ColumnElement[str]:
    if name == "name":
        full: ColumnElement[str] = func.trim(
            SUBSCRIBER.c.first_name + " " + SUBSCRIBER.c.last_name, type_=Text()
        )
        return full
    column: ColumnElement[str] = SUBSCRIBER.c[name]
    return column


def _attribute_text(name: str) -> ColumnElement[str]:
    return _AttributeText(SUBSCRIBER.c.attributes, _literal(name))


def _attribute_number(name: str) -> ColumnElement[float]:
    return _AttributeNumber(SUBSCRIBER.c.attributes, _literal(name))


def _attribute_is(name: str, kind: str) -> ColumnElement[bool]:
    return _AttributeIs(SUBSCRIBER.c.attributes, _literal(name), literal_column(kind))


def _literal(name: str) -> ColumnElement[Any]:
    if not ATTRIBUTE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no attribute name")
    return literal_column(name)


def _by_code_point(text: ColumnElement[str]) -> ColumnElement[str]:
    return _ByCodePoint(text)


class _AttributeText(FunctionElement[str]):
    """The value of an attribute as the database writes it as text; NULL when there is none."""

    type = Text()
    inherit_cache = True


class _AttributeNumber(FunctionElement[float]):
    """The value of an attribute that is a number; of any other, NULL or nonsense."""

    type = Double()
    inherit_cache = True


class _AttributeIs(FunctionElement[bool]):
    """Whether an attribute is ``text``, a ``number``, ``true`` or ``false``; never NULL."""

    type = Boolean()
    inherit_cache = True


class _Position(FunctionElement[int]):
    """Where one text begins in another, from 1, with regard to case; 0 if nowhere."""

    inherit_cache = True


class _ByCodePoint(FunctionElement[str]):
    """A text that is ordered as Python orders texts, whatever the language of the database."""

    type = Text()
    inherit_cache = True


def _parts(element: FunctionElement[Any], compiler: SQLCompiler) -> list[str]:
    return [compiler.process(part) for part in element.clauses]


@compiles(_AttributeText, "sqlite")
@compiles(_AttributeNumber, "sqlite")
def _value_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    column, name = _parts(element, compiler)
    return f"json_extract({column}, '$.{name}')"


@compiles(_AttributeText, "postgresql")
def _text_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    column, name = _parts(element, compiler)
    return f"({column} ->> '{name}')"


@compiles(_AttributeNumber, "postgresql")
def _number_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    # CASE, since PostgreSQL may cast before it has looked at the type in another condition.
    column, name = _parts(element, compiler)
    number = f"({column} ->> '{name}')::double precision"
    return f"CASE WHEN jsonb_typeof({column} -> '{name}') = 'number' THEN {number} END"


_SQLITE_TYPES = {
    "text": "('text')",
    "number": "('integer', 'real')",
    "true": "('true')",
    "false": "('false')",
}


@compiles(_AttributeIs, "sqlite")
def _is_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    column, name, kind = _parts(element, compiler)
    return f"coalesce(json_type({column}, '$.{name}'), '') IN {_SQLITE_TYPES[kind]}"


@compiles(_AttributeIs, "postgresql")
def _is_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    column, name, kind = _parts(element, compiler)
    if kind in ("true", "false"):
        return f"coalesce({column} -> '{name}' = '{kind}'::jsonb, false)"
    return f"coalesce(jsonb_typeof({column} -> '{name}'), '') = '{'string' if kind == 'text' else kind}'"


@compiles(_Position, "sqlite")
def _position_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    return f"instr({', '.join(_parts(element, compiler))})"


@compiles(_Position, "postgresql")
def _position_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    return f"strpos({', '.join(_parts(element, compiler))})"


@compiles(_ByCodePoint, "sqlite")
def _order_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    return _parts(element, compiler)[0]


@compiles(_ByCodePoint, "postgresql")
def _order_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    return f'({_parts(element, compiler)[0]} COLLATE "C")'
