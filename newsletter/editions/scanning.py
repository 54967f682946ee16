"""MJML read as tags, text and comments, each with its place; nothing is judged but whether it can be read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Elements of HTML that have no end tag (HTML Living Standard, 13.1.2).
VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())  # noqa: SIM905

_NAME = r"[^\W\d][\w.-]*(?::[^\W\d][\w.-]*)?"
_CONDITION = r"<!--\[if\ [^\]>]+\]>"
_TOKEN = re.compile(
    rf"""
      (?P<text>(?:[^<]+|<(?!(?:[^\W\d]|[/!?])))+)
    | <(?P<open>{_NAME})(?P<inside>(?:"[^"]*"|'[^']*'|[^<>"'])*+)>
    | </(?P<close>{_NAME})\s*>
    | (?P<condition>{_CONDITION})(?:
          (?P<shown><!(?:--\s*)?-->)
        | (?P<hidden>(?:(?!-->).)*?)<!\[endif\]-->
      )
    | (?P<end><!--\s*<!\[endif\]\s*-->)
    | (?P<comment><!--(?!\s*\[if\b).*?-->)
    """,
    re.VERBOSE | re.DOTALL,
)
_ATTRIBUTE = re.compile(rf"\s+({_NAME})(?:\s*=\s*(\"[^\"]*\"|'[^']*'))?")

_NONCHARACTERS = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_ILLEGAL = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_NONCHARACTERS}]")

#: What is unprintable to Python and common in texts: line ends, blanks that do not break, joiners, marks.
_LEGAL_UNPRINTABLE = "\n\t\r\xa0\xad\u200b\u200c\u200d\u200e\u200f\u202f\u2060\u3000"

_HIDDEN = "write `<!--[if mso]> … <![endif]-->`, or `<!--[if !mso]><!--> … <!--<![endif]-->`"
#: What begins like this and is no token: what to say of it, and the hint.
_COMPLAINTS = (
    (r"<!--\s*\[if", "a conditional comment is malformed", _HIDDEN),
    (r"<!--", "a comment is malformed or never ends", "end it with `-->`"),
    (r"<!\[(?i:cdata)", "MJML has no CDATA sections", "write the text, with `&lt;` for `<`"),
    (r"<!\[", "a comment is malformed or never ends", _HIDDEN),
    (r"<[!?]", "MJML has no declarations", "begin with <mjml>"),
    (rf"</?{_NAME}", "a tag never ends", "close it with `>`, and each value in it with its quote"),
    (r"", "this cannot be read", "write `&lt;` for a `<` that begins no tag"),
)


class MalformedError(Exception):
    """The source cannot be read further than *offset*.

    Attributes:
        offset: in characters from the beginning.
        what: one sentence without full stop.
        hint: how to mend it.
    """

    def __init__(self, offset: int, what: str, hint: str) -> None:
        super().__init__(what)
        self.offset, self.what, self.hint = offset, what, hint


@dataclass(frozen=True, slots=True)
class Attribute:
    """``name="value"`` in a tag, *offset* characters from its beginning; *value* as it is written, if any."""

    offset: int
    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Tag:
    """A start or end tag; *empty* if nothing follows that an end tag would close."""

    offset: int
    source: str
    name: str
    attributes: tuple[Attribute, ...] = ()
    closing: bool = False
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """What stands between two tags; a `<` that begins none is text, too (HTML Living Standard, 13.2.5.6)."""

    offset: int
    source: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment; *condition* is what opens it if it is a conditional one, and *inside* what it hides.

    A condition whose content everybody but Outlook sees has one comment before and one after its content.
    """

    offset: int
    source: str
    condition: str = ""
    inside: tuple[Token, ...] | None = None


Token: TypeAlias = Tag | Text | Comment


def cleaned(source: str) -> str:
    """*source* without the characters that XML forbids or discourages (XML 1.0, 2.2)."""
    # All of them are unprintable, and asking for that is twenty times faster than looking for each.
    plain = source
    for character in _LEGAL_UNPRINTABLE:
        plain = plain.replace(character, "")
    if plain.isprintable():
        return source
    return _ILLEGAL.sub("", source)


def scan(source: str, base: int = 0) -> Iterator[Token]:
    """The tokens of *source* one after the other; their sources joined are *source*.

    Args:
        source: MJML, or HTML as XML writes it: attributes quoted, every element closed.
        base: is added to each offset.

    Raises:
        MalformedError: at the first place that is no token.
    """
    position = 0
    for match in _TOKEN.finditer(source):
        if match.start() != position:
            break
        yield _token(match, base)
        position = match.end()
    if position < len(source):
        raise _complaint(source, position, base)


def _token(match: re.Match[str], base: int) -> Token:
    offset, source, kind = base + match.start(), match[0], match.lastgroup
    if kind == "text":
        return Text(offset, source)
    if kind == "inside":
        attributes, empty = _parsed(match["open"], match["inside"])
        if isinstance(attributes, int):
            hint = 'write `name="value"`, each after a space'
            raise MalformedError(offset + attributes, "an attribute is malformed", hint)
        return Tag(offset, source, match["open"], attributes, empty=empty)
    if kind == "close":
        return Tag(offset, source, match["close"], closing=True)
    hidden = match["hidden"]
    inner = None if hidden is None else tuple(scan(hidden, base + match.start("hidden")))
    return Comment(offset, source, match["condition"] or match["end"] or "", inner)


@lru_cache(maxsize=4096)
def _parsed(name: str, inside: str) -> tuple[tuple[Attribute, ...] | int, bool]:
    """The attributes and emptiness of a start tag, or where in the tag an attribute is malformed."""
    listed = inside.removesuffix("/").rstrip()
    attributes = []
    position, base = 0, len(name) + 1
    while position < len(listed):
        match = _ATTRIBUTE.match(listed, position)
        if match is None or listed[match.end() : match.end() + 1] == "=":
            rest = listed[position:]
            return base + position + len(rest) - len(rest.lstrip()), False
        value = match[2]
        attributes.append(Attribute(base + match.start(1), match[1], None if value is None else value[1:-1]))
        position = match.end()
    return tuple(attributes), inside.endswith("/") or name.lower() in VOID


def _complaint(source: str, position: int, base: int) -> MalformedError:
    for beginning, what, hint in _COMPLAINTS:
        if re.compile(beginning).match(source, position):
            return MalformedError(base + position, what, hint)
    raise AssertionError  # the last one always matches
