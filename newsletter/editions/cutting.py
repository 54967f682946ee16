"""The texts of an edition cut at its slots: what is the same for everybody, values, and choices."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from newsletter.errors import IssueError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from newsletter.editions.edition import Edition, Slot

_WEB = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
_TAG = re.compile(
    r"<style\b.*?</style>|<[A-Za-z](?:\"[^\"]*\"|'[^']*'|[^<>\"'])*>", re.DOTALL | re.IGNORECASE
)
_ATTRIBUTE = re.compile(r"([^\s\"'<>/=]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_URLS = frozenset({"href", "src", "background", "action", "cite", "poster"})
#: How a token ends: by its number, so that those of one edition differ in few beginnings.
_END = re.compile(r"[0-9]+z\Z")


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
