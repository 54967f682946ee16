"""Why a segment means nobody: words that nobody has, and values of a type or spelling that nobody's are."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from sqlalchemy import select

from subscribers.segments.elements import attribute_is, attribute_text
from subscribers.segments.nodes import AllOf, AnyOf, Compare, Contains, Field, Kind, Named, Not, OneOf
from subscribers.tables import SUBSCRIBER, TAGS, TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Connection

    from subscribers.segments.nodes import Constant, Node

#: So many different values of an attribute are looked at for one that is like what was asked.
_MOST_VALUES = 500


def misses(connection: Connection, node: Node) -> list[str]:
    """What of an expression can be true of nobody as the list is now, each with what may have been meant."""
    return list(dict.fromkeys(_misses(connection, node)))


def _misses(connection: Connection, node: Node) -> Iterator[str]:
    match node:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _misses(connection, part)
        case Not(part) | Named(_, part):
            yield from _misses(connection, part)
        case Contains(Field(kind=Kind.WORDS) as field, word):
            yield from _unknown_word(connection, field, word)
        case Compare(field, _, value):
            yield from _other_kind(connection, field, (value,))
        case OneOf(field, values):
            yield from _other_kind(connection, field, values)


def _unknown_word(connection: Connection, field: Field, word: str) -> Iterator[str]:
    vocabulary = TAGS if field.name == "tags" else TOPICS
    known = list(connection.scalars(select(vocabulary.words.c[vocabulary.word])))
    if word not in known:
        yield f"nobody has the {field.name.removesuffix('s')} `{word}`{_meant(word, known)}"


def _other_kind(connection: Connection, field: Field, values: tuple[Constant, ...]) -> Iterator[str]:
    """Values that are text where the attribute is a number, or the other way round; or that nobody has."""
    plain = [value for value in values if isinstance(value, str | int | float)]
    if field.kind is Kind.TEXT:
        for number in (value for value in plain if not isinstance(value, str)):
            yield f'`{field.name}` is text, and {number} a number; write "{number}"'
    if field.kind is not Kind.ATTRIBUTE:
        return
    texts = [value for value in plain if isinstance(value, str)]
    numbers = [value for value in plain if not isinstance(value, str | bool)]
    if texts and not _any(connection, attribute_is(field.name, "text")):
        if _any(connection, attribute_is(field.name, "number")):
            yield f'`{field.name}` is a number, and "{texts[0]}" text; write it without quotes'
        elif _any(connection, attribute_is(field.name, "true") | attribute_is(field.name, "false")):
            yield f'`{field.name}` is true or false, and "{texts[0]}" text; write `{field.name} == true`'
    elif texts:
        yield from _unknown_values(connection, field, texts)
    kinds = ("number", "text") if numbers else ()
    if [_any(connection, attribute_is(field.name, kind)) for kind in kinds] == [False, True]:
        yield f'`{field.name}` is text, and {numbers[0]} a number; write "{numbers[0]}"'


def _unknown_values(connection: Connection, field: Field, texts: list[str]) -> Iterator[str]:
    if field.lower:
        return
    value = attribute_text(field.name)
    query = select(value).where(attribute_is(field.name, "text")).distinct().limit(_MOST_VALUES)
    known = list(connection.scalars(query))
    for text in texts:
        if text not in known and (meant := _meant(text, known)):
            yield f'nobody\'s `{field.name}` is "{text}"{meant}'


def _any(connection: Connection, condition: ColumnElement[bool]) -> bool:
    return connection.execute(select(SUBSCRIBER.c.id).where(condition).limit(1)).first() is not None


def _meant(word: str, known: list[str]) -> str:
    """A known word that is like *word*, whatever the case; empty if none is."""
    folded = {each.casefold(): each for each in known}
    near = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f"; did you mean `{folded[near[0]]}`?" if near else ""
