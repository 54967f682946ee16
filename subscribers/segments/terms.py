"""The terms of an expression: fields, values, and what is said of whatever can be neither."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, get_args

from jinja2 import nodes as jinja

from subscribers.attributes import ATTRIBUTE_NAME
from subscribers.errors import nearest
from subscribers.models import Status
from subscribers.segments.lowering import small
from subscribers.segments.nodes import FIELDS, Constant, Day, Deed, Field, Kind
from subscribers.segments.source import WHAT_IS_KNOWN, Source

if TYPE_CHECKING:
    from collections.abc import Collection

    from subscribers.errors import SegmentError

_FURTHEST_DAY = 36_500
#: What can be called, and what is meant by it.
DEEDS: dict[str, Deed] = {str(deed): deed for deed in get_args(Deed)}
WITHIN: dict[str, Deed] = {"opened_within": "opened", "clicked_within": "clicked"}
FUNCTIONS = ("segment", "days_ago", *DEEDS, *WITHIN)
_REFUSED: dict[type[jinja.Node], str] = {
    jinja.Filter: "of filters, a segment knows only `lower`",
    jinja.Getattr: "a name has no parts here",
    jinja.Getitem: "a name has no parts here",
    jinja.CondExpr: "`if` is not known in a segment",
    jinja.Concat: "texts cannot be joined in a segment",
    jinja.Dict: "a segment has no use for braces",
    jinja.Neg: "only a number can be negative",
}


class Terms:
    """Reads the terms of one expression, whose attributes are among these, or any."""

    def __init__(self, source: Source, attributes: Collection[str] | None) -> None:
        self.source = source
        self.attributes = attributes

    def field(self, node: jinja.Node) -> Field:
        """A field, by its name or as an issue has it (``subscriber.country``); or its small letters."""
        match node:
            case jinja.Name(name=name):
                return self.field_named(name, node)
            case jinja.Getattr(node=jinja.Name(name="subscriber"), attr=name):
                return self.field_named(name, node)
            case jinja.Filter(name="lower", node=jinja.Node() as inner, args=[], kwargs=[]):
                field = self.field(inner)
                if field.kind not in (Kind.TEXT, Kind.ATTRIBUTE):
                    raise self.source.error(f"`{field.name}` is no text", inner.lineno, hint=hint_for(field))
                return replace(field, lower=True)
        raise self.misplaced(node, "a field is expected here")

    def field_named(self, name: str, node: jinja.Node) -> Field:
        """The field of that name, which stands at *node*."""
        if field := FIELDS.get(name):
            return field
        allowed = self.attributes is None or name in self.attributes
        if not ATTRIBUTE_NAME.fullmatch(name) or not allowed:
            hint = nearest(name, {*FIELDS, *(self.attributes or ())})
            raise self.source.error(f"`{name}` is not known of subscribers", node.lineno, hint=hint)
        return Field(name, Kind.ATTRIBUTE)

    def value(self, node: jinja.Node, field: Field) -> Constant:
        """A constant that makes sense for the field."""
        value = self.constant(node)
        if field.kind is Kind.DAY and not isinstance(value, Day):
            day = _day(value)
            if day is None:
                raise self.source.error(
                    f"`{field.name}` is compared with a day", node.lineno, hint=hint_for(field)
                )
            return day
        if field.name == "status" and value not in tuple(Status):
            hint = nearest(str(value), Status)
            if value == "paused":
                hint = "who pauses stays `active`, and gets no mail while the pause lasts"
            raise self.source.error(f"there is no status {value!r}", node.lineno, hint=hint)
        return self.lowered(value, field, node) if isinstance(value, str) else value

    def lowered(self, text: str, field: Field, node: jinja.Node) -> str:
        """*text*, if the field can have it."""
        if field.lower and small(text) != text:
            hint = f'write "{small(text)}"'
            raise self.source.error("a text in small letters has no capitals", node.lineno, hint=hint)
        return text

    def constant(self, node: jinja.Node) -> Constant:
        """A value that is written out."""
        match node:
            case jinja.Const(value=bool(value)):
                return value
            case jinja.Const(value=str(text)):
                return self.source.text_at(text, node.lineno)
            case jinja.Const(value=int() | float() as number):
                return self.source.number_at(number, node.lineno)
            case jinja.Neg(node=jinja.Const(value=int() | float() as number)):
                return self.source.number_at(-number, node.lineno)
            case jinja.Call(node=jinja.Name(name="days_ago")):
                return Day(days_ago=self.days(node, "days_ago", fewest=-_FURTHEST_DAY))
        raise self.misplaced(node, "a value is expected here")

    def days(self, call: jinja.Call, name: str, *, fewest: int) -> int:
        """The one argument of a call: a number of days."""
        value = self.constant(call.args[0]) if len(call.args) == 1 and not call.kwargs else None
        if not isinstance(value, int) or isinstance(value, bool) or not fewest <= value <= _FURTHEST_DAY:
            raise self.source.error(
                f"`{name}` needs a number of days", call.lineno, hint=f"write `{name}(30)`"
            )
        return value

    def misplaced(self, node: jinja.Node, otherwise: str) -> SegmentError:
        """Say of a part that cannot stand where it stands why that is."""
        what = _REFUSED.get(type(node), otherwise)
        hint = WHAT_IS_KNOWN
        if isinstance(node, jinja.Call) and isinstance(node.node, jinja.Getattr):
            if node.node.attr in ("startswith", "endswith"):
                hint = f'write `email is {node.node.attr}("text")`'
            return self.source.error(_REFUSED[jinja.Getattr], node.node.lineno, hint=hint)
        if isinstance(node, jinja.Call):
            name = node.node.name if isinstance(node.node, jinja.Name) else ""
            if name not in FUNCTIONS:
                what, hint = f"the function `{name}` is not known", nearest(name, FUNCTIONS)
        elif isinstance(node, jinja.Filter) and node.name == "lower":
            what, hint = "small letters are compared with a text", 'write `country | lower == "de"`'
        elif isinstance(node, jinja.BinExpr) and type(node) not in (jinja.And, jinja.Or):
            what = "a segment does not calculate"
        return self.source.error(what, node.lineno, hint=hint)


def is_field(node: jinja.Node) -> bool:
    """Whether this names a field, or would, if there were such."""
    return isinstance(node, jinja.Name | jinja.Filter) or (
        isinstance(node, jinja.Getattr)
        and isinstance(node.node, jinja.Name)
        and node.node.name == "subscriber"
    )


def _day(value: Constant) -> Day | None:
    try:
        return Day(fixed=date.fromisoformat(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def hint_for(field: Field) -> str:
    """How to ask something of a field of this kind."""
    if field.kind is Kind.WORDS:
        return f'write `"word" in {field.name}`'
    if field.kind is Kind.DAY:
        return f'write `{field.name} >= days_ago(30)` or `{field.name} < "2026-01-31"`'
    return f'write `"text" in {field.name}`'
