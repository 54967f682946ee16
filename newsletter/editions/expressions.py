"""The expressions of merge tags: Jinja's, in a sandbox that can only look up, compare and format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from newsletter.errors import NewsletterError, did_you_mean
from subscribers import SegmentError, parse_segment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from jinja2.runtime import Context

    from subscribers import Segment

#: Every value that a Jinja filter may make of another here ends quickly and needs little memory.
FILTERS = frozenset(
    "abs capitalize count d default first float int join last length list lower max min replace"  # noqa: SIM905
    " reverse round sort string sum title trim truncate unique upper urlencode".split()
)

#: What a condition may call, as a segment may; nothing else can be called.
DAYS_AGO = "days_ago"

#: What an expression may do wrong with values of an unexpected type.
_EVALUATION_ERRORS = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError)


class ExpressionError(NewsletterError):
    """An expression that can never work; whoever knows its file adds the place."""

    exit_code = 4


class Missing(StrictUndefined):
    """What a field without a value is: false, equal to nothing, and an error where its text is needed."""

    def _false(self, *_: object) -> bool:
        return False

    def _true(self, *_: object) -> bool:
        return True

    __bool__ = __contains__ = __eq__ = __lt__ = __le__ = __gt__ = __ge__ = _false  # type: ignore[assignment]
    __ne__ = _true  # type: ignore[assignment]
    __hash__ = object.__hash__  # type: ignore[assignment]


def _begins(value: object, text: str) -> bool:
    return isinstance(value, str) and value.startswith(text)


def _ends(value: object, text: str) -> bool:
    return isinstance(value, str) and value.endswith(text)


class _Sandbox(ImmutableSandboxedEnvironment):
    """No attributes but keys of mappings, no calls, no globals, and no products of unbounded size."""

    def __init__(self) -> None:
        super().__init__(undefined=Missing)
        self.intercepted_binops = frozenset({"*", "**", "%"})
        self.globals.clear()
        # Jinja has no such tests; the language of segments does.
        self.tests.update(startswith=_begins, endswith=_ends)
        self.filters = {name: filter_ for name, filter_ in self.filters.items() if name in FILTERS}

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - Jinja's signature
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:  # noqa: ANN401 - Jinja's signature
        try:
            return obj[argument]
        except (LookupError, TypeError, AttributeError):
            return self.undefined(obj=obj, name=argument)

    def is_safe_callable(self, obj: Any) -> bool:  # noqa: ANN401, ARG002 - Jinja's signature
        return False

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" or not numbers:
            raise SecurityError(f"`{operator}` is for numbers only")
        return super().call_binop(context, operator, left, right)


_ENVIRONMENT = _Sandbox()


@lru_cache(maxsize=1024)
def compiled(expression: str) -> Callable[..., Any]:
    """*expression* as a function of one mapping, which has ``subscriber`` and ``links``, both mappings.

    The function gives a `Missing` where a field has no value, and raises what evaluating raises.
    """
    if DAYS_AGO in expression and _segment(expression) is not None:
        return condition_of(expression)
    direct = _direct(parse(expression))
    return direct or _ENVIRONMENT.compile_expression(expression, undefined_to_none=False)


@lru_cache(maxsize=1024)
def condition_of(expression: str) -> Callable[..., Any]:
    """*expression* as `compiled` gives it, for where only its truth counts.

    What a segment can ask is answered as a segment answers it, so that a reader who is in the segment gets
    what stands under the same condition in an issue. All else is Jinja's.
    """
    segment = _segment(expression)
    if segment is None:
        return compiled(expression)

    return lambda roots: segment.matches(roots["subscriber"])


def _segment(expression: str) -> Segment | None:
    """The expression as a segment, if it is one that needs nothing but the fields of the subscriber."""
    if any(name not in ("subscriber", DAYS_AGO) for name in _names(expression)):
        return None
    try:
        segment = parse_segment(expression)
    except SegmentError:
        return None
    return None if segment.asks_events() else segment


def _names(expression: str) -> set[str]:
    try:
        return {
            node.name for node in _every(nodes.Output([parse(expression)])) if isinstance(node, nodes.Name)
        }
    except ExpressionError:
        return {""}


@lru_cache(maxsize=1024)
def parse(expression: str) -> nodes.Expr:
    """The syntax tree of *expression*, which nobody may change.

    Raises:
        ExpressionError: it is none.
    """
    try:
        parser = Parser(_ENVIRONMENT, expression, state="variable")
        tree = parser.parse_expression()
    except (TemplateError, RecursionError) as error:
        raise ExpressionError(f"`{expression}` is no expression: {error}", hint=_SYNTAX) from error
    if not parser.stream.eos:
        raise ExpressionError(f"`{expression}` is no expression", hint=_SYNTAX)
    return tree


_SYNTAX = 'write a field, or a field with a default: `subscriber.first_name | default("there")`'


def references(tree: nodes.Expr) -> list[tuple[str, str]]:
    """The fields that an expression looks up, as pairs such as ``("subscriber", "first_name")``."""
    found = []
    for node in _every(tree):
        name = _looked_up(node)
        if name and isinstance(node, nodes.Getattr | nodes.Getitem) and isinstance(node.node, nodes.Name):
            found.append((node.node.name, name))
    return found


def check(expression: str, known: Mapping[str, Callable[[str], str | None]]) -> None:
    """See that *expression* can be evaluated, and that it looks up nothing unknown.

    Args:
        expression: as it stands between the braces.
        known: for each root, what tells the hint for a name that it does not have (None for one it has).

    Raises:
        ExpressionError: with a hint.
    """
    tree = parse(expression)
    dated = DAYS_AGO in expression and _segment(expression) is not None
    for node in _every(nodes.Output([tree])):
        if not (dated and isinstance(node, nodes.Call)):
            _check_node(node, expression, tuple(known))
    for root, name in references(tree):
        hint = known[root](name)
        if hint is not None:
            raise ExpressionError(f"`{root}.{name}` is not known", hint=hint)
    try:
        compiled(expression)
    except (TemplateError, RecursionError, SyntaxError) as error:
        raise ExpressionError(f"`{expression}` is no expression: {error}", hint=_SYNTAX) from error


def is_constant(expression: str) -> bool:
    """Whether *expression* gives the same for every recipient."""
    return not {root for root, _ in references(parse(expression))} - {"issue", "publication"}


def evaluate(function: Callable[..., Any], **roots: Mapping[str, object]) -> object:
    """What a `compiled` expression gives; a `Missing` if it fails on values of an unexpected type."""
    try:
        return function(roots)
    except _EVALUATION_ERRORS:
        return Missing()


def fold(expression: str, constants: Mapping[str, Mapping[str, object]]) -> str:
    """*expression* with what is the same for every recipient written out as literals.

    Args:
        expression: such as ``subscriber.city | default(publication.name)``.
        constants: the values of each constant root.
    """
    parts = [value for _, _, value in _ENVIRONMENT.lexer.tokeniter(expression, None, state="variable")]
    solid = [index for index, part in enumerate(parts) if part.strip()]
    for here, (first, dot, name) in enumerate(zip(solid, solid[1:], solid[2:], strict=False)):
        values = constants.get(parts[first])
        follows_dot = here > 0 and parts[solid[here - 1]] == "."
        if values is not None and parts[dot] == "." and parts[name] in values and not follows_dot:
            parts[first : name + 1] = [literal(values[parts[name]]), *[""] * (name - first)]
    return "".join(parts)


def literal(value: object) -> str:
    """*value* as a literal of the expression language."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) or (isinstance(value, float) and value - value == 0):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(item)}" for key, item in value.items()) + "}"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n")
    return f'"{text}"'


def _every(tree: nodes.Node) -> Iterable[nodes.Node]:
    yield tree
    yield from tree.find_all(nodes.Node)


def _looked_up(node: nodes.Node) -> str | None:
    if isinstance(node, nodes.Getattr):
        return node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return node.arg.value if isinstance(node.arg.value, str) else None
    return None


def _check_node(node: nodes.Node, expression: str, roots: Collection[str]) -> None:
    if isinstance(node, nodes.Call):
        _refuse(f"`{expression}` calls something", f"use a filter: {', '.join(sorted(FILTERS))}")
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        _refuse(f"there is no filter `{node.name}`", did_you_mean(node.name, FILTERS))
    for name in node.iter_child_nodes():
        if isinstance(name, nodes.Name) and name.name not in roots:
            _refuse(f"`{name.name}` is not known", f"begin with {', '.join(f'`{root}.`' for root in roots)}")
        if isinstance(name, nodes.Name) and _looked_up(node) is None:
            _refuse(f"`{expression}` names no field", "write `subscriber.first_name`, for instance")


def _refuse(what: str, hint: str) -> NoReturn:
    raise ExpressionError(what, hint=hint)


#: What an expression is for the roots ``subscriber`` and ``links``.
Function = Callable[[Mapping[str, Mapping[str, Any]]], Any]


def _direct(tree: nodes.Node) -> Function | None:
    """For the commonest forms a function that needs no template, which would take twenty times as long."""
    if isinstance(tree, nodes.Filter) and tree.name in ("default", "d") and tree.node is not None:
        if len(tree.args) != 1 or tree.kwargs or not isinstance(tree.args[0], nodes.Const):
            return None
        return _field(tree.node, tree.args[0].value)
    if isinstance(tree, nodes.Compare) and len(tree.ops) == 1:
        return _comparison(tree.expr, tree.ops[0].op, tree.ops[0].expr)
    return _field(tree)


def _field(tree: nodes.Node, fallback: object = None) -> Function | None:
    """A field, with what stands for it where it has no value."""
    if not (isinstance(tree, nodes.Getattr) and isinstance(tree.node, nodes.Name)):
        return None
    root, name = tree.node.name, tree.attr
    absent = Missing(name=name) if fallback is None else fallback
    return lambda roots: roots[root].get(name, absent)


def _comparison(left: nodes.Node, operator: str, right: nodes.Node) -> Function | None:
    """A literal sought in a field, or a field that equals a literal."""
    if operator == "in" and isinstance(left, nodes.Const):
        sought, within = left.value, _field(right)
        return None if within is None else lambda roots: sought in within(roots)
    if operator == "eq" and isinstance(right, nodes.Const):
        value, field = right.value, _field(left)
        return None if field is None else lambda roots: field(roots) == value
    return None
