"""What SQLite and PostgreSQL write differently: attributes, their types, the order and the parts of texts.

The name of an attribute is part of the statement, never a bound value: only so can an index on the attribute
be used, under PostgreSQL's generic plans too. `ATTRIBUTE_NAME` is what makes that safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, ColumnElement, Double, Text, literal, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from subscribers.attributes import ATTRIBUTE_NAME
from subscribers.segments.lowering import capitals
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler


def attribute_text(name: str, of: ColumnElement[Any] = SUBSCRIBER.c.attributes) -> ColumnElement[str]:
    """The value of an attribute as the database writes it as text; NULL when there is none."""
    return AttributeText(of, _literal(name))


def attribute_number(name: str, of: ColumnElement[Any] = SUBSCRIBER.c.attributes) -> ColumnElement[float]:
    """The value of an attribute that is a number, to be compared with a `number`; NULL when there is none."""
    return AttributeNumber(of, _literal(name))


def number(value: float) -> ColumnElement[float]:
    """A number as `attribute_number` is compared with.

    PostgreSQL compares them as JSON, by decimal digits: of two floats, Python's shortest digits (`repr`) are
    equal or in order exactly when the floats are. To make floats of them first would take longer.
    """
    return Number(literal(float(value), Double), literal(repr(float(value)), Text))


def attribute_is(
    name: str, kind: str, of: ColumnElement[Any] = SUBSCRIBER.c.attributes
) -> ColumnElement[bool]:
    """Whether an attribute is ``text``, a ``number``, ``true`` or ``false``; never NULL."""
    return AttributeIs(of, _literal(name), literal_column(kind))


def by_code_point(text: ColumnElement[str]) -> ColumnElement[str]:
    """A text that is ordered as Python orders texts, whatever the language of the database."""
    return ByCodePoint(text)


def lowered(text: ColumnElement[str], letters: str) -> ColumnElement[str]:
    """A text whose capitals are small letters, as far as these are among *letters*.

    No database lowers beyond ASCII as Python does; but to compare with a known text, only its letters matter.
    """
    large, low = capitals(letters)
    beyond = [pair for pair in zip(large, low, strict=True) if not pair[0].isascii()]
    pairs = [literal(letter, Text) for pair in beyond for letter in pair]
    return Lowered(text, literal(large, Text), literal(low, Text), *pairs)


def _literal(name: str) -> ColumnElement[Any]:
    if not ATTRIBUTE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no attribute name")
    return literal_column(name)


class AttributeText(FunctionElement[str]):
    """See `attribute_text`."""

    type = Text()
    inherit_cache = True


class AttributeNumber(FunctionElement[float]):
    """See `attribute_number`."""

    type = Double()
    inherit_cache = True


class Number(FunctionElement[float]):
    """See `number`: as a float, and as digits."""

    type = Double()
    inherit_cache = True


class AttributeIs(FunctionElement[bool]):
    """See `attribute_is`."""

    type = Boolean()
    inherit_cache = True


class Position(FunctionElement[int]):
    """Where one text begins in another, from 1, with regard to case; 0 if nowhere."""

    inherit_cache = True


class Ending(FunctionElement[str]):
    """The last so many characters of a text."""

    type = Text()
    inherit_cache = True


class ByCodePoint(FunctionElement[str]):
    """See `by_code_point`."""

    type = Text()
    inherit_cache = True


class Lowered(FunctionElement[str]):
    """A text, the capitals to replace, their small letters; then those beyond ASCII again, pair by pair."""

    type = Text()
    inherit_cache = True


def _parts(element: FunctionElement[Any], compiler: SQLCompiler) -> list[str]:
    return [compiler.process(part) for part in element.clauses]


@compiles(AttributeText, "sqlite")
@compiles(AttributeNumber, "sqlite")
def _value_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    column, name = _parts(element, compiler)
    return f"json_extract({column}, '$.{name}')"


@compiles(AttributeText, "postgresql")
def _text_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    # By code point for all comparisons, not only those of order: so that one index serves all.
    column, name = _parts(element, compiler)
    return f"""(({column} ->> '{name}') COLLATE "C")"""


@compiles(AttributeNumber, "postgresql")
def _number_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    column, name = _parts(element, compiler)
    return f"({column} -> '{name}')"


@compiles(Number, "sqlite")
def _float_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    number, _digits = element.clauses
    return compiler.process(number)


@compiles(Number, "postgresql")
def _json_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    _number, digits = element.clauses
    return f"CAST({compiler.process(digits)} AS JSONB)"


_SQLITE_TYPES = {
    "text": "('text')",
    "number": "('integer', 'real')",
    "true": "('true')",
    "false": "('false')",
}


@compiles(AttributeIs, "sqlite")
def _is_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    column, name, kind = _parts(element, compiler)
    return f"coalesce(json_type({column}, '$.{name}'), '') IN {_SQLITE_TYPES[kind]}"


@compiles(AttributeIs, "postgresql")
def _is_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    column, name, kind = _parts(element, compiler)
    if kind in ("true", "false"):
        return f"coalesce({column} -> '{name}' = '{kind}'::jsonb, false)"
    return f"coalesce(jsonb_typeof({column} -> '{name}'), '') = '{'string' if kind == 'text' else kind}'"


@compiles(Position, "sqlite")
def _position_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    return f"instr({', '.join(_parts(element, compiler))})"


@compiles(Position, "postgresql")
def _position_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    return f"strpos({', '.join(_parts(element, compiler))})"


@compiles(Ending, "sqlite")
def _ending_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    text, length = _parts(element, compiler)
    return f"substr({text}, -{length})"


@compiles(Ending, "postgresql")
def _ending_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    return f"right({', '.join(_parts(element, compiler))})"


@compiles(ByCodePoint, "sqlite")
def _order_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    return _parts(element, compiler)[0]


@compiles(ByCodePoint, "postgresql")
def _order_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    return f'({_parts(element, compiler)[0]} COLLATE "C")'


@compiles(Lowered, "sqlite")
def _lowered_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    text, _large, _low, *pairs = element.clauses
    sql = f"lower({compiler.process(text)})"
    for capital, low in zip(pairs[::2], pairs[1::2], strict=True):
        sql = f"replace({sql}, {compiler.process(capital)}, {compiler.process(low)})"
    return sql


@compiles(Lowered, "postgresql")
def _lowered_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **_: object) -> str:
    text, large, low, *_pairs = element.clauses
    return f"translate({', '.join(compiler.process(part) for part in (text, large, low))})"
