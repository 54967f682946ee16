"""Reads a segment's expression: Jinja's grammar, as far as a database can answer it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from jinja2 import Environment, TemplateSyntaxError
from jinja2 import nodes as jinja
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from subscribers.attributes import ATTRIBUTE_NAME, LARGEST_NUMBER
from subscribers.errors import SegmentError, nearest
from subscribers.models import Status
from subscribers.segments.nodes import (
    FIELDS,
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

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

LONGEST_EXPRESSION = 10_000
LONGEST_LIST = 1_000
_FURTHEST_DAY = 36_500

_OPERATORS: dict[str, Operator] = {"eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">="}
_MIRRORED: dict[Operator, Operator] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_REFUSED: dict[type[jinja.Node], str] = {
    jinja.Filter: "filters are not known in a segment",
    jinja.Getattr: "a name has no parts here",
    jinja.Getitem: "a name has no parts here",
    jinja.CondExpr: "`if` is not known in a segment",
    jinja.Concat: "texts cannot be joined in a segment",
    jinja.Dict: "a segment has no use for braces",
    jinja.Neg: "only a number can be negative",
}
_WHAT_IS_KNOWN = 'a segment compares fields with values, such as `country == "DE" and "pro" in tags`'


def parse(expression: str, attributes: Collection[str] | None) -> Node:
    """Read an expression.

    Args:
        expression: what the publication wrote.
        attributes: the attribute names that may be used, or None for any.

    Raises:
        SegmentError: it cannot be understood; the error says in which line and column.
    """
    return _Reader(expression, attributes).read()


class _Reader:
    """Turns one expression into nodes.

    Jinja's parser notes of each node the line number of its token. This reader hands it tokens whose "line
    number" is the offset in the expression, so that every error can point at its column.
    """

    def __init__(self, expression: str, attributes: Collection[str] | None) -> None:
        self.source = expression.replace("\r\n", "\n").replace("\r", "\n").rstrip()
        self.attributes = attributes

    def read(self) -> Node:
        if not self.source.strip():
            raise self.error("the expression is empty", 0, hint=_WHAT_IS_KNOWN)
        if len(self.source) > LONGEST_EXPRESSION:
            raise self.error(f"the expression is longer than {LONGEST_EXPRESSION:,} characters", 0)
        try:
            return self.condition(self.syntax_tree())
        except TemplateSyntaxError as error:
            raise self.syntax_error(error) from error
        except RecursionError as error:
            raise self.error("the expression is nested too deeply", 0) from error

    def syntax_tree(self) -> jinja.Expr:
        environment = Environment(autoescape=True)
        parser = Parser(environment, "")
        parser.stream = TokenStream(environment.lexer.wrap(self.tokens(environment)), None, None)
        tree = parser.parse_expression()
        if not parser.stream.eos:
            parser.fail("`and`, `or` or the end was expected here", parser.stream.current.lineno)
        return tree

    def tokens(self, environment: Environment) -> Iterator[tuple[int, str, str]]:
        offset = 0
        try:
            for _, kind, text in environment.lexer.tokeniter(self.source, None, state="variable"):
                yield offset, kind, text
                offset += len(text)
        except TemplateSyntaxError as error:
            raise TemplateSyntaxError(error.message or "", offset) from error

    def error(self, what: str, offset: int, *, hint: str = "") -> SegmentError:
        before = self.source[:offset]
        line = before.count("\n") + 1
        return SegmentError(what, line=line, column=offset - before.rfind("\n"), hint=hint)

    def syntax_error(self, error: TemplateSyntaxError) -> SegmentError:
        """What Jinja says, in the words of somebody who writes no templates."""
        if self.source.lstrip().startswith("{"):
            return self.error("an expression is written without braces", 0, hint=_WHAT_IS_KNOWN)
        if "end of template" in (error.message or ""):
            return self.error("the expression ends too early", len(self.source), hint=_WHAT_IS_KNOWN)
        what = (error.message or "this cannot be read").split(" at ")[0].rstrip(".").replace("'", "`")
        return self.error(what, error.lineno, hint=_WHAT_IS_KNOWN)

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
            case jinja.Name():
                return Truthy(self.field(node))
            case jinja.Const(value=bool(value)):
                return Always(value)
        raise self.misplaced(node, "this is neither true nor false")

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
        if isinstance(left, jinja.Name) and not isinstance(right, jinja.Name):
            return self.compare(left, sign, right)
        if isinstance(right, jinja.Name) and not isinstance(left, jinja.Name):
            return self.compare(right, _MIRRORED.get(sign, sign), left)
        stray = right if isinstance(left, jinja.Name) else left
        raise self.misplaced(stray, "a comparison is of a field with a value")

    def membership(self, left: jinja.Node, right: jinja.Node) -> Node:
        if isinstance(right, jinja.List | jinja.Tuple):
            field = self.field(left)
            if field.kind not in (Kind.TEXT, Kind.ATTRIBUTE):
                raise self.error(
                    f"`{field.name}` cannot be looked up in a list", left.lineno, hint=_hint_for(field)
                )
            if len(right.items) > LONGEST_LIST:
                raise self.error(f"the list is longer than {LONGEST_LIST:,} values", right.lineno)
            values = tuple(self.value(item, field) for item in right.items)
            return OneOf(field, values) if values else Always(value=False)
        field = self.field(right)
        value = self.constant(left)
        if not isinstance(value, str) or field.kind is Kind.DAY:
            raise self.error("only text can be looked for with `in`", left.lineno, hint=_hint_for(field))
        return Contains(field, value)

    def test(self, node: jinja.Test) -> Node:
        if node.name not in ("defined", "undefined", "none") or node.args or node.kwargs:
            known = ("defined", "undefined", "none")
            raise self.error(
                f"the test `is {node.name}` is not known", node.lineno, hint=nearest(node.name, known)
            )
        known_value = Known(self.field(node.node))
        return known_value if node.name == "defined" else Not(known_value)

    def compare(self, name: jinja.Name, sign: Operator, value: jinja.Node) -> Node:
        field = self.field(name)
        if isinstance(value, jinja.Const) and value.value is None and sign in ("==", "!="):
            return Known(field) if sign == "!=" else Not(Known(field))
        if field.kind is Kind.WORDS:
            raise self.error(f"`{field.name}` cannot be compared", name.lineno, hint=_hint_for(field))
        constant = self.value(value, field)
        if isinstance(constant, bool) and sign not in ("==", "!="):
            raise self.error("true and false are neither more nor less", value.lineno)
        return Compare(field, sign, constant)

    # Fields and values.

    def field(self, node: jinja.Node) -> Field:
        if not isinstance(node, jinja.Name):
            raise self.misplaced(node, "a field is expected here")
        if field := FIELDS.get(node.name):
            return field
        allowed = self.attributes is None or node.name in self.attributes
        if not ATTRIBUTE_NAME.fullmatch(node.name) or not allowed:
            hint = nearest(node.name, {*FIELDS, *(self.attributes or ())})
            raise self.error(f"`{node.name}` is not known of subscribers", node.lineno, hint=hint)
        return Field(node.name, Kind.ATTRIBUTE)

    def value(self, node: jinja.Node, field: Field) -> Constant:
        """A constant that makes sense for the field."""
        value = self.constant(node)
        if field.kind is Kind.DAY and not isinstance(value, Day):
            day = _day(value)
            if day is None:
                raise self.error(f"`{field.name}` is compared with a day", node.lineno, hint=_hint_for(field))
            return day
        if field.name == "status" and value not in tuple(Status):
            raise self.error(f"there is no status {value!r}", node.lineno, hint=nearest(str(value), Status))
        return value

    def constant(self, node: jinja.Node) -> Constant:
        match node:
            case jinja.Const(value=bool(value)):
                return value
            case jinja.Const(value=str(text)):
                return self.text(text, node.lineno)
            case jinja.Const(value=int() | float() as number):
                return self.number(number, node.lineno)
            case jinja.Neg(node=jinja.Const(value=int() | float() as number)):
                return self.number(-number, node.lineno)
            case jinja.Call(node=jinja.Name(name="days_ago")):
                return self.days_ago(node)
        raise self.misplaced(node, "a value is expected here")

    def text(self, text: str, offset: int) -> str:
        if not text:
            raise self.error(
                "an empty text is never known", offset, hint="write `is defined`, or `is not defined`"
            )
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise self.error("this text has a character that no subscriber can have", offset)
        return text

    def number(self, number: float, offset: int) -> float:
        if not abs(number) <= LARGEST_NUMBER:
            raise self.error("this number is too large", offset)
        return number

    def days_ago(self, call: jinja.Call) -> Day:
        value = self.constant(call.args[0]) if len(call.args) == 1 and not call.kwargs else None
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _FURTHEST_DAY:
            raise self.error("`days_ago` needs a number of days", call.lineno, hint="write `days_ago(30)`")
        return Day(days_ago=value)

    def misplaced(self, node: jinja.Node, otherwise: str) -> SegmentError:
        """Say of a part that cannot stand where it stands why that is."""
        what = _REFUSED.get(type(node), otherwise)
        if isinstance(node, jinja.Call) and isinstance(node.node, jinja.Getattr):
            return self.misplaced(node.node, otherwise)
        if isinstance(node, jinja.Call):
            name = node.node.name if isinstance(node.node, jinja.Name) else ""
            what = f"the function `{name}` is not known" if name != "days_ago" else otherwise
        elif isinstance(node, jinja.BinExpr) and type(node) not in (jinja.And, jinja.Or):
            what = "a segment does not calculate"
        return self.error(what, node.lineno, hint=_WHAT_IS_KNOWN)


def _chain(node: jinja.Node, kind: type[jinja.BinExpr]) -> list[jinja.Node]:
    """The parts of ``a and b and c``, which Jinja nests to the left; without recursion, as it may be long."""
    parts: list[jinja.Node] = []
    while isinstance(node, kind):
        parts.append(node.right)
        node = node.left
    return [node, *reversed(parts)]


def _day(value: Constant) -> Day | None:
    try:
        return Day(fixed=date.fromisoformat(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def _hint_for(field: Field) -> str:
    if field.kind is Kind.WORDS:
        return f'write `"word" in {field.name}`'
    if field.kind is Kind.DAY:
        return f'write `{field.name} >= days_ago(30)` or `{field.name} < "2026-01-31"`'
    return f'write `"text" in {field.name}`'
