"""Kinds of elements, which is what simple selectors can tell apart, and walking through HTML by them."""

from __future__ import annotations

import re
from functools import lru_cache
from html import unescape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Elements that have no content (HTML Living Standard, 13.1.2).
VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())  # noqa: SIM905
#: Deeper documents are left to whoever can say what is wrong with them.
DEEPEST = 60

_TAG = (
    r'<(?:([a-z][a-z0-9]*)((?:\s+[A-Za-z_:][\w:.-]*(?:="[^"]*")?)*)\s*(/?)>'
    r"|/([a-z][a-z0-9]*)\s*>|!--.*?-->|!doctype[^<>]*>|)"
)
_TAGS = re.compile(_TAG, re.DOTALL)
#: A place in which something is put later, whose kind is asked for.
HOLE = re.compile(r"LQ(\d+)z")
_TAGS_AND_HOLES = re.compile(f"{_TAG}|{HOLE.pattern}", re.DOTALL)
_ATTRIBUTE = re.compile(r'\s+([A-Za-z_:][\w:.-]*)(?:="([^"]*)")?')


class UnusualError(Exception):
    """The HTML is not as plain as walking needs it."""


class Kind:
    """An element by its name, its classes and its own style, within the kind of its parent.

    Two elements of one kind get the same style from rules whose selectors speak of names, classes and
    ancestors only.

    Attributes:
        own: the text of its own style attribute, or None.
        style: once ``known``, the attribute to be written instead of its own; None for no other.
    """

    __slots__ = ("below", "classes", "depth", "known", "name", "own", "parent", "style")

    def __init__(self, name: str, classes: str, own: str | None, parent: Kind | None) -> None:
        self.name, self.classes, self.own, self.parent = name, classes, own, parent
        self.depth: int = parent.depth + 1 if parent else 0
        self.below: dict[object, Kind] = {}
        self.known = parent is None
        self.style: str | None = None
        if self.depth > DEEPEST:
            raise UnusualError


#: Where in a text the style attribute of an element of some kind is to be written.
Place = tuple[int, int, Kind]


def walk(html: str, start: Kind, fresh: set[Kind], holes: dict[int, Kind] | None = None) -> list[Place]:
    """The places in *html* where a style has to be written, or may have to.

    Args:
        html: whole elements, as our compiler and our renderer write them: lower case, double quotes, all
            closed.
        start: the kind in which they stand.
        fresh: gets the kinds whose style is not known yet.
        holes: gets the kinds in which numbered holes stand, if they are wanted.

    Raises:
        UnusualError: the HTML is written in another way, or an element is not closed.
    """
    places: list[Place] = []
    kind = start
    for match in (_TAGS if holes is None else _TAGS_AND_HOLES).finditer(html):
        name, inside, empty, end = match.group(1, 2, 3, 4)
        if name is not None:
            begin = finish = match.end(2)
            classes, own, span = _signature(inside) if inside else _PLAIN
            if own is not None:
                begin, finish = match.start(2) + span[0], match.start(2) + span[1]
            key = (name, classes, own) if classes or own is not None else name
            child = kind.below.get(key)
            if child is None:
                child = kind.below.setdefault(key, Kind(name, classes, own, kind))
            if not child.known:
                fresh.add(child)
                places.append((begin, finish, child))
            elif child.style is not None:
                places.append((begin, finish, child))
            if name in VOID:
                continue
            if empty:
                raise UnusualError
            kind = child
        elif end is not None:
            if kind is start or kind.name != end or kind.parent is None:
                raise UnusualError
            kind = kind.parent
        elif holes is not None and match[0][0] != "<":
            holes[int(match[5])] = kind
        elif len(match[0]) == 1:
            raise UnusualError
    if kind is not start:
        raise UnusualError
    return places


def written(html: str, places: Iterable[Place]) -> str:
    """*html* with the styles of the kinds, which are known now, at their *places*."""
    parts: list[str] = []
    position = 0
    for begin, end, kind in places:
        if kind.style is not None:
            parts += (html[position:begin], kind.style)
            position = end
    parts.append(html[position:])
    return "".join(parts)


_Signature = tuple[str, str | None, tuple[int, int]]
_PLAIN: _Signature = ("", None, (0, 0))


def _signature(inside: str) -> _Signature:
    """The classes, the style and where it stands, of what follows a tag's name."""
    if inside.count('"') == 2 and "class=" not in inside and "style=" not in inside:
        return _PLAIN
    return _parsed(inside)


@lru_cache(maxsize=4096)
def _parsed(inside: str) -> _Signature:
    found: dict[str, re.Match[str]] = {}
    for match in _ATTRIBUTE.finditer(inside):
        if found.setdefault(match[1], match) is not match:
            raise UnusualError
    classes = found["class"][2] or "" if "class" in found else ""
    style = found.get("style")
    if style is None or style[2] is None:
        return (classes, None, (0, 0)) if classes else _PLAIN
    return classes, unescape(style[2]), style.span()
