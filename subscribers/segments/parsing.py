"""Reads a segment's expression: Jinja's grammar, as far as a database can answer it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import nodes as jinja

from subscribers.errors import FieldError, SegmentError, nearest
from subscribers.segments.nodes import (
    Affix,
    AllOf,
    Always,
    AnyOf,
    Compare,
    Contains,
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
    extent,
)
from subscribers.segments.source import Source
from subscribers.segments.terms import DEEDS, FUNCTIONS, WITHIN, Terms, hint_for, is_field

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

LONGEST_LIST = 1_000
#: So long may an expression be in which the segments that it names are written out.
LONGEST_WHOLE = 50_000
#: SQLite takes expressions of a depth of 1,000 (https://www.sqlite.org/limits.html), of which each question
#: costs one, and more, when many are joined.
MOST_QUESTIONS = 400
DEEPEST = 40

_OPERATORS: dict[str, Operator] = {"eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">="}
_MIRRORED: dict[Operator, Operator] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_TESTS = ("defined", "undefined", "none", "startswith", "endswith")


@dataclass(frozen=True)
class Reading:
    """What was read: the tree, the whole with the segments that it names written out, and their names."""

    node: Node
    whole: str
    names: frozenset[str]


def parse(
    expression: str,
    attributes: Collection[str] | None,
    segments: Callable[[str], Reading] | None = None,
) -> Reading:
    """Read an expression.

    Args:
        expression: what the publication wrote.
        attributes: the attribute names that may be used, or None for any.
        segments: gives the segment of a name, or raises a FieldError or SegmentError; without it, none can be
            named.

    Raises:
        SegmentError: it cannot be understood; the error says in which line and column.
    """
    return _Reader(expression, attributes, segments).read()


class _Reader:
    """Turns one expression into nodes."""

    def __init__(
        self,
        expression: str,
        attributes: Collection[str] | None,
        segments: Callable[[str], Reading] | None,
    ) -> None:
        self.source = Source(expression)
        self.terms = Terms(self.source, attributes)
        self.segments = segments
        self.names: set[str] = set()

    def read(self) -> Reading:
        try:
            node = self.condition(self.source.syntax_tree())
        except RecursionError as error:
            raise self.source.error("the expression is nested too deeply", 0) from error
        whole = self.source.replaced if self.names else self.source.text
        self.check_extent(node, whole)
        return Reading(node, whole, frozenset(self.names))

    def check_extent(self, node: Node, whole: str) -> None:
        """Refuse what would take a database too long, or could not be said to it at all."""
        also = ", with the segments that it names," if self.names else ""
        if len(whole) > LONGEST_WHOLE:
            raise self.source.error(f"the expression{also} is longer than {LONGEST_WHOLE:,} characters", 0)
        depth, questions = extent(node)
        if depth > DEEPEST:
            raise self.source.error(f"the expression{also} is nested too deeply", 0)
        if questions > MOST_QUESTIONS:
            raise self.source.error(
                f"the expression{also} asks {questions:,} questions; the most are {MOST_QUESTIONS}",
                0,
                hint='ask whether a field is one of a list: `country in ["DE", "AT"]`',
            )

    # Conditions: what is true or false of a subscriber.

    def condition(self, node: jinja.Node) -> Node:
        match node:
            case jinja.And():
                return AllOf(tuple(self.condition(part) for part in _chain(node, jinja.And)))
            case jinja.Or():
                return AnyOf(tuple(self.condition(part) for part in _chain(node, jinja.Or)))
            case jinja.Not():
                return Not(self.condition(node.node))
            case jinja.Compare():
                return self.comparison(node)
            case jinja.Test():
                return self.test(node)
            case jinja.Name() | jinja.Getattr(node=jinja.Name(name="subscriber")):
                return Truthy(self.terms.field(node))
            case jinja.Const(value=bool(value)):
                return Always(value)
            case jinja.Call(node=jinja.Name(name=name)) if name in FUNCTIONS and name != "days_ago":
                return self.call(node, name)
        raise self.terms.misplaced(node, "this is neither true nor false")

    def comparison(self, node: jinja.Compare) -> Node:
        parts: list[Node] = []
        left: jinja.Node = node.expr
        for operand in node.ops:
            parts.append(self.relation(left, operand.op, operand.expr))
            left = operand.expr
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def relation(self, left: jinja.Node, operator: str, right: jinja.Node) -> Node:
        if operator == "notin":
            return Not(self.relation(left, "in", right))
        if operator == "in":
            return self.membership(left, right)
        sign = _OPERATORS[operator]
        if is_field(left) and not is_field(right):
            return self.compare(left, sign, right)
        if is_field(right) and not is_field(left):
            return self.compare(right, _MIRRORED.get(sign, sign), left)
        stray = right if is_field(left) else left
        raise self.terms.misplaced(stray, "a comparison is of a field with a value")

    def membership(self, left: jinja.Node, right: jinja.Node) -> Node:
        if isinstance(right, jinja.List | jinja.Tuple):
            field = self.terms.field(left)
            if field.kind not in (Kind.TEXT, Kind.ATTRIBUTE):
                raise self.source.error(
                    f"`{field.name}` cannot be looked up in a list", left.lineno, hint=hint_for(field)
                )
            if len(right.items) > LONGEST_LIST:
                raise self.source.error(f"the list is longer than {LONGEST_LIST:,} values", right.lineno)
            values = tuple(self.terms.value(item, field) for item in right.items)
            return OneOf(field, values) if values else Always(value=False)
        field = self.terms.field(right)
        value = self.terms.constant(left)
        if not isinstance(value, str) or field.kind is Kind.DAY:
            raise self.source.error(
                "only text can be looked for with `in`", left.lineno, hint=hint_for(field)
            )
        return Contains(field, self.terms.lowered(value, field, left))

    def test(self, node: jinja.Test) -> Node:
        if node.name not in _TESTS:
            raise self.source.error(
                f"the test `is {node.name}` is not known", node.lineno, hint=nearest(node.name, _TESTS)
            )
        field = self.terms.field(node.node)
        if node.name in ("startswith", "endswith"):
            return self.affix(node, field)
        if node.args or node.kwargs or field.lower:
            raise self.source.error(f"the test `is {node.name}` is of a field alone", node.lineno)
        return Known(field) if node.name == "defined" else Not(Known(field))

    def affix(self, node: jinja.Test, field: Field) -> Node:
        given = node.args or []
        if len(given) != 1 or node.kwargs or field.kind not in (Kind.TEXT, Kind.ATTRIBUTE):
            hint = f'write `email is {node.name}("text")`'
            raise self.source.error(f"`is {node.name}` is of a field and one text", node.lineno, hint=hint)
        value = self.terms.constant(given[0])
        if not isinstance(value, str):
            raise self.source.error(f"`is {node.name}` needs a text", given[0].lineno)
        return Affix(field, self.terms.lowered(value, field, given[0]), node.name == "endswith")

    # Calls: other segments, and what happened with messages.

    def call(self, call: jinja.Call, name: str) -> Node:
        if name in WITHIN:
            return Engaged(WITHIN[name], days=self.terms.days(call, name, fewest=0))
        argument = self.terms.constant(call.args[0]) if len(call.args) == 1 and not call.kwargs else None
        if not isinstance(argument, str):
            what, example = ("name of a segment", "builders") if name == "segment" else ("slug", "2026-04-11")
            raise self.source.error(
                f"`{name}` needs the {what}", call.lineno, hint=f'write `{name}("{example}")`'
            )
        return self.named(call, argument) if name == "segment" else Engaged(DEEDS[name], issue=argument)

    def named(self, call: jinja.Call, name: str) -> Node:
        if self.segments is None:
            raise self.source.error("no other segment can be named here", call.node.lineno)
        try:
            other = self.segments(name)
        except (FieldError, SegmentError) as error:
            raise self.source.error(error.what, call.args[0].lineno, hint=error.hint) from error
        self.names.add(name)
        self.source.replace_call(call.node.lineno, f"({other.whole})")
        return Named(name, other.node)

    def compare(self, name: jinja.Node, sign: Operator, value: jinja.Node) -> Node:
        field = self.terms.field(name)
        if field.lower and sign not in ("==", "!="):
            raise self.source.error("small letters are neither more nor less", name.lineno)
        if isinstance(value, jinja.Const) and value.value is None and sign in ("==", "!="):
            return Known(field) if sign == "!=" else Not(Known(field))
        if field.kind is Kind.WORDS:
            raise self.source.error(f"`{field.name}` cannot be compared", name.lineno, hint=hint_for(field))
        constant = self.terms.value(value, field)
        if isinstance(constant, bool) and sign not in ("==", "!="):
            raise self.source.error("true and false are neither more nor less", value.lineno)
        return Compare(field, sign, constant)


def _chain(node: jinja.Node, kind: type[jinja.BinExpr]) -> list[jinja.Node]:
    """The parts of ``a and b and c``, which Jinja nests to the left; without recursion, as it may be long."""
    parts: list[jinja.Node] = []
    while isinstance(node, kind):
        parts.append(node.right)
        node = node.left
    return [node, *reversed(parts)]
