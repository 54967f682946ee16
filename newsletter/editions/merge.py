"""Merge tags at run time: the values of one recipient's slots, and the texts cut at the slots."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from newsletter.editions.expressions import Missing, compiled, condition_of, evaluate
from newsletter.editions.language import long_date
from newsletter.errors import IssueError, NewsletterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from newsletter.editions.edition import Edition, Slot

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_WEB = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)


class MissingValue(NewsletterError):  # noqa: N818 - the word that DESIGN.md and the ledger use
    """A recipient has no value for a merge tag that has no default."""

    exit_code = 4

    def __init__(self, expression: str, source: str, line: int | None) -> None:
        super().__init__(
            f"`{source}` has no value for this subscriber",
            where=f"line {line}" if line else "",
            hint=f'give it a default: `{{{{ {expression} | default("…") }}}}`',
        )
        self.expression = expression
        self.source = source
        self.line = line

    @property
    def reason(self) -> str:
        """Why the recipient is skipped, as the ledger says it."""
        return f"missing value: {self.source}"


class Context(StrEnum):
    """Where a value stands, which decides how it is written there."""

    #: In plain text: as it is.
    TEXT = "text"
    #: In the text or in an attribute of HTML: escaped.
    HTML = "html"
    #: A whole URL, or its beginning: escaped, and nothing but a web or mail address.
    URL = "url"
    #: Further on in a URL: percent-encoded (RFC 3986, section 2.1).
    URL_PART = "url_part"
    #: In a header field: on one line; encoding it is up to who writes the header.
    HEADER = "header"
    #: Where only letters, digits, `-` and `_` come to stand, few of them: they need no writing anywhere.
    OPAQUE = "opaque"

    def write(self, value: str) -> str:
        """*value* as it must be written in this context; it can never leave the context."""
        return _WRITERS[self](value)

    @property
    def writer(self) -> Callable[[str], str]:
        """What `write` does, for who writes many values."""
        return _WRITERS[self]


def _whole_url(value: str) -> str:
    return escape(value) if _WEB.match(value) else "#"


_WRITERS: dict[Context, Callable[[str], str]] = {
    Context.TEXT: str,
    Context.HTML: escape,
    Context.URL: _whole_url,
    Context.URL_PART: lambda value: quote(value, safe=""),
    Context.HEADER: str,
    Context.OPAQUE: str,
}


@dataclass(frozen=True)
class Literal:
    """Text that is the same for everybody."""

    text: str


@dataclass(frozen=True)
class Value:
    """Where the value of a slot stands."""

    token: str
    context: Context


@dataclass(frozen=True)
class Choice:
    """A conditional: the pieces of the first branch whose condition holds; a None condition always holds."""

    branches: tuple[tuple[str | None, tuple[Piece, ...]], ...]


Piece = Literal | Value | Choice


def split(text: str, edition: Edition, context: Context = Context.TEXT) -> tuple[Piece, ...]:
    """Cut one text of an edition at its slots.

    Args:
        text: the HTML, plain text, subject or preheader.
        edition: whose slots they are.
        context: what *text* is: ``HTML``, ``TEXT`` or ``HEADER``. In HTML a slot takes that of its place.

    Raises:
        IssueError: a merge tag in a style, or conditions that do not close.
    """
    kinds = {slot.token: slot for slot in edition.slots}
    return _Tree(iter(scan(text, kinds, context)), kinds).pieces()


def render(pieces: Sequence[Piece], values: Mapping[str, str | bool]) -> str:
    """The text for one recipient, with *values* as `Evaluator.values` gives them."""
    return "".join(_rendered(pieces, values))


def _rendered(pieces: Sequence[Piece], values: Mapping[str, str | bool]) -> Iterator[str]:
    for piece in pieces:
        if isinstance(piece, Literal):
            yield piece.text
        elif isinstance(piece, Value):
            yield piece.context.write(str(values[piece.token]))
        else:
            yield from _rendered(chosen(piece, values), values)


def chosen(choice: Choice, values: Mapping[str, str | bool]) -> tuple[Piece, ...]:
    """The pieces of the branch that is taken with *values*; none if no condition holds."""
    for condition, pieces in choice.branches:
        if condition is None or values[condition]:
            return pieces
    return ()


class Evaluator:
    """What the slots of an edition are for one recipient after another."""

    def __init__(self, edition: Edition) -> None:
        self._edition = edition
        self._slots = [
            (slot, compiled(slot.expression), True)
            if slot.kind == "value"
            else (slot, condition_of(slot.expression), False)
            for slot in edition.slots
            if slot.expression
        ]

    def values(
        self, fields: Mapping[str, object], links: Mapping[str, str], *, missing: str | None = None
    ) -> dict[str, str | bool]:
        """The text of each value and the truth of each condition, by token.

        Args:
            fields: what is known of the subscriber; None and the empty string count as not known.
            links: the subscriber's own links.
            missing: what to write for a value that is missing and has no default.

        Raises:
            MissingValue: there is such a value, in a text that the recipient gets, and *missing* is None.
        """
        if not self._slots:
            return {}
        known = {name: value for name, value in fields.items() if value is not None and value != ""}
        values: dict[str, str | bool] = {}
        lacking = []
        for slot, function, is_value in self._slots:
            result = evaluate(function, subscriber=known, links=links)
            if not is_value:
                values[slot.token] = not isinstance(result, Missing) and bool(result)
            elif result is None or isinstance(result, Missing):
                values[slot.token] = missing or ""
                lacking.append(slot)
            else:
                values[slot.token] = written(result, self._edition.language)
        if lacking and missing is None:
            self._complain(lacking, values)
        return values

    def _complain(self, lacking: list[Slot], values: Mapping[str, str | bool]) -> None:
        """Raise for the first missing value that is not within a branch that the recipient does not get."""
        used = {token for pieces in self._texts for token in _live(pieces, values)}
        for slot in lacking:
            if slot.token in used:
                raise MissingValue(slot.expression, slot.source, slot.line)

    @cached_property
    def _texts(self) -> tuple[tuple[Piece, ...], ...]:
        edition = self._edition
        texts = (
            (edition.html, Context.HTML),
            (edition.text, Context.TEXT),
            (edition.subject, Context.HEADER),
        )
        return tuple(split(text, edition, context) for text, context in texts)


def written(value: object, language: str) -> str:
    """*value* as text on one line; the items of a list with commas between them, a date as in *language*."""
    if isinstance(value, str) and value.isprintable():  # so it has no control characters
        return value.strip()
    if isinstance(value, date):
        return long_date(value, language)
    if isinstance(value, set | frozenset):
        value = sorted(map(str, value))
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return _CONTROL.sub(" ", text).strip()


def _live(pieces: Sequence[Piece], values: Mapping[str, str | bool]) -> Iterator[str]:
    for piece in pieces:
        if isinstance(piece, Value):
            yield piece.token
        elif isinstance(piece, Choice):
            yield from _live(chosen(piece, values), values)


# --- cutting -----------------------------------------------------------------------------------------

_TAG = re.compile(
    r"<style\b.*?</style>|<[A-Za-z](?:\"[^\"]*\"|'[^']*'|[^<>\"'])*>", re.DOTALL | re.IGNORECASE
)
_ATTRIBUTE = re.compile(r"([^\s\"'<>/=]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_URLS = frozenset({"href", "src", "background", "action", "cite", "poster"})


#: How a token ends: by its number, so that those of one edition differ in few beginnings.
_END = re.compile(r"[0-9]+z\Z")


def scan(text: str, slots: Mapping[str, Slot], context: Context) -> list[str | Value | Slot]:
    """*text* as literal strings, values with the context of their place, and the slots of conditionals."""
    if not slots:
        return [text]
    token = _shape(slots)
    if context is Context.HTML:
        pattern = re.compile(token)
        places = _places(text, pattern, slots)
        return _cut(text, pattern, slots, lambda start: places.get(start, Context.HTML))
    if context is Context.TEXT and any(slot.kind != "value" for slot in slots.values()):
        # A control token takes its line with it, so that a branch left out leaves no blank line.
        token = rf"^[ \t>]*(?P<control>{token})[ \t]*(?:\n|\Z)|{token}"
    return _cut(text, re.compile(token, re.MULTILINE), slots, lambda _: context)


def _shape(tokens: Iterable[str]) -> str:
    """A pattern for *tokens*, and for others that differ in their numbers.

    One that names each would be tried from the first to the last at every place: with thousands of merge
    tags that took longer than all else.
    """
    shapes = set()
    for token in tokens:
        end = _END.search(token)
        shapes.add(f"{re.escape(token[: end.start()])}[0-9]+z" if end else re.escape(token))
    return f"(?:{'|'.join(sorted(shapes))})"


def _cut(
    text: str, pattern: re.Pattern[str], slots: Mapping[str, Slot], context: Callable[[int], Context]
) -> list[str | Value | Slot]:
    parts: list[str | Value | Slot] = []
    end = 0
    for match in pattern.finditer(text):
        lined = "control" if pattern.groups and match["control"] else 0
        slot = slots.get(match[lined])
        if slot is None:
            continue
        start, stop = match.span(0 if slot.kind != "value" else lined)
        parts.append(text[end:start])
        parts.append(Value(slot.token, context(start)) if slot.kind == "value" else slot)
        end = stop
    return [part for part in (*parts, text[end:]) if part != ""]


def _places(html: str, tokens: re.Pattern[str], slots: Mapping[str, Slot]) -> dict[int, Context]:
    """The context of each token that stands within a tag, by its offset."""
    places: dict[int, Context] = {}
    for tag in _TAG.finditer(html):
        if not any(token in slots for token in tokens.findall(tag[0])):
            continue
        if tag[0][:6].lower() == "<style":
            raise _in_style()
        for attribute in _ATTRIBUTE.finditer(html, tag.start(), tag.end()):
            value = 2 if attribute[2] is not None else 3
            for found in tokens.finditer(html, attribute.start(value), attribute.end(value)):
                if found[0] in slots:
                    places[found.start()] = _in_attribute(
                        attribute[1].lower(), found.start() == attribute.start(value)
                    )
    return places


def _in_attribute(name: str, first: bool) -> Context:
    if name == "style" or name.startswith("on"):
        raise _in_style()
    if name not in _URLS:
        return Context.HTML
    return Context.URL if first else Context.URL_PART


def _in_style() -> IssueError:
    return IssueError(
        "a merge tag cannot stand within a style", hint="use `{% if … %}` around the whole block"
    )


class _Tree:
    """Makes pieces of scanned parts: ``if`` to ``endif`` becomes a `Choice`."""

    def __init__(self, parts: Iterator[str | Value | Slot], slots: Mapping[str, Slot]) -> None:
        self._parts = parts
        self._slots = slots

    def pieces(self) -> tuple[Piece, ...]:
        pieces, stop = self._until_control()
        if stop is not None:
            raise IssueError(f"`{stop.source}` has no `{{% if … %}}` before it")
        return pieces

    def _until_control(self) -> tuple[tuple[Piece, ...], Slot | None]:
        pieces: list[Piece] = []
        for part in self._parts:
            if isinstance(part, str):
                pieces.append(Literal(part))
            elif isinstance(part, Value):
                pieces.append(part)
            elif part.kind == "if":
                pieces.append(self._choice(part))
            else:
                return tuple(pieces), part
        return tuple(pieces), None

    def _choice(self, opening: Slot) -> Choice:
        branches: list[tuple[str | None, tuple[Piece, ...]]] = []
        condition: str | None = opening.token
        while True:
            pieces, stop = self._until_control()
            branches.append((condition, pieces))
            if stop is None:
                raise IssueError(f"`{opening.source}` is never closed", hint="add `{% endif %}`")
            if stop.kind == "endif":
                return Choice(tuple(branches))
            condition = None if stop.kind == "else" else stop.token
