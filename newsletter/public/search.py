"""Search in the archive: which issues say all the words that are asked for, best first, and where."""

from __future__ import annotations

import logging
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, literal, select, union_all
from sqlalchemy.exc import SQLAlchemyError

from newsletter.delivery.archive_tables import ISSUE_TEXT, ISSUE_WORD
from newsletter.public.words import RULES, asked, begins, means, words_of
from subscribers.database import writing
from subscribers.tables import insert

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import ColumnElement, Connection, Engine, Select

    from newsletter.public.shelf import Shelf

_log = logging.getLogger(__name__)

#: The longest query that is looked at, in characters, and the most words of it.
LONGEST_QUERY = 100
MOST_WORDS = 8
#: A word in the title says more of an issue than one in its text; many times say no more than a few.
TITLE_WEIGHT = 20
PREHEADER_WEIGHT = 5
MOST_COUNTED = 5
#: How much of an issue is indexed, in characters.
LONGEST_TEXT = 200_000
#: How much of the text is shown around what was found, in characters.
SNIPPET = 180
#: So many places in an issue are looked at for the best one.
MOST_PLACES = 60
#: Addresses and rules of the plain text are nothing that readers look for.
_NO_WORDS = re.compile(r"https?://\S+|^[ \t]*[-=*_]{3,}[ \t]*$", re.MULTILINE)
# Marks of direction and joiners, which stand around rules and addresses in texts from right to left.
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u2060-\u2069\u202a-\u202e\ufeff]")
_MASTHEAD = re.compile(r"^={3,}\s*$", re.MULTILINE)
_FOOTER = re.compile(r"^-{60,}\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Hit:
    """An issue that says what was asked for; its snippet in pieces, each with whether it was found."""

    dispatch: int
    snippet: tuple[tuple[str, bool], ...]


class Search:
    """The search of one archive, over an index in its database.

    The index is made of what the frozen editions say, when a search first meets an issue that is not in it.
    """

    def __init__(self, engine: Engine, shelf: Shelf) -> None:
        self._engine = engine
        self._shelf = shelf

    def find(self, query: str, dispatches: Sequence[int]) -> list[int]:
        """Which of *dispatches* say all words of *query*: the best first, of equals in the given order."""
        words = asked(query[:LONGEST_QUERY], MOST_WORDS)
        if not words or not dispatches:
            return []
        self._catch_up(dispatches)
        with self._engine.connect() as connection:
            weights = {each.dispatch_id: int(each.weight) for each in connection.execute(_matching(words))}
        order = {dispatch: place for place, dispatch in enumerate(dispatches)}
        return sorted(order.keys() & weights.keys(), key=lambda each: (-weights[each], order[each]))

    def hits(self, query: str, dispatches: Sequence[int]) -> list[Hit]:
        """The hits of *dispatches*, which `find` found, with the place that says most."""
        words = asked(query[:LONGEST_QUERY], MOST_WORDS)
        chosen = select(ISSUE_TEXT.c.dispatch_id, ISSUE_TEXT.c.text)
        with self._engine.connect() as connection:
            rows = connection.execute(chosen.where(ISSUE_TEXT.c.dispatch_id.in_(dispatches)))
            texts = {row.dispatch_id: row.text for row in rows}
        return [Hit(each, snippet(texts.get(each, ""), words)) for each in dispatches]

    def _catch_up(self, dispatches: Collection[int]) -> None:
        """Index what is not indexed yet, or was by other rules; if it cannot be done now, later."""
        known = select(ISSUE_TEXT.c.dispatch_id).where(ISSUE_TEXT.c.rules == RULES)
        with self._engine.connect() as connection:
            missing = set(dispatches) - set(connection.scalars(known))
        try:
            for dispatch in sorted(missing):
                version = self._shelf.version(dispatch)
                with writing(self._engine) as connection:
                    index(connection, dispatch, version.title, version.preheader, version.text)
        except SQLAlchemyError as error:
            _log.warning("the archive's index could not be written: %s", type(error).__name__)


def index(connection: Connection, dispatch: int, title: str, preheader: str, text: str) -> None:
    """Put an issue into the index, in place of what was there of it."""
    connection.execute(ISSUE_TEXT.delete().where(ISSUE_TEXT.c.dispatch_id == dispatch))
    connection.execute(ISSUE_WORD.delete().where(ISSUE_WORD.c.dispatch_id == dispatch))
    kept = readable(text)
    weights = Counter({word: min(count, MOST_COUNTED) for word, count in _counted(kept).items()})
    for word in _counted(title):
        weights[word] += TITLE_WEIGHT
    for word in _counted(preheader):
        weights[word] += PREHEADER_WEIGHT
    row = {"dispatch_id": dispatch, "rules": RULES, "text": kept}
    connection.execute(insert(connection, ISSUE_TEXT).on_conflict_do_nothing(), row)
    rows = [
        {"word": word.encode(), "dispatch_id": dispatch, "weight": weight}
        for word, weight in sorted(weights.items())
    ]
    if rows:
        connection.execute(insert(connection, ISSUE_WORD).on_conflict_do_nothing(), rows)


def readable(text: str) -> str:
    """What the plain text of an issue says, on one line, without masthead, addresses, rules and footer."""
    body = _FOOTER.split(_MASTHEAD.split(_INVISIBLE.sub("", text), maxsplit=1)[-1])
    whole = "\n".join(body[:-1]) if len(body) > 1 else body[0]
    return " ".join(_NO_WORDS.sub(" ", whole).replace("\x00", "").split())[:LONGEST_TEXT]


def _counted(text: str) -> Counter[str]:
    return Counter(word.text for word in words_of(text))


def _matching(words: Iterable[str]) -> Select[Any]:
    """The dispatches that have all of *words*, with the sum of what these say of them."""
    columns = ISSUE_WORD.c
    parts = [
        select(columns.dispatch_id, literal(number).label("asked"), columns.weight).where(_range(word))
        for number, word in enumerate(words)
    ]
    found = union_all(*parts).subquery()
    return (
        select(found.c.dispatch_id, func.sum(found.c.weight).label("weight"))
        .group_by(found.c.dispatch_id)
        .having(func.count(found.c.asked.distinct()) == len(parts))
    )


def _range(word: str) -> ColumnElement[bool]:
    key, column = word.encode(), ISSUE_WORD.c.word
    # No byte of UTF-8 is 0xff, so this is behind all that begins with the word.
    return and_(column >= key, column < key + b"\xff") if begins(word) else column == key


def snippet(text: str, words: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    """The part of *text* that says most of *words*, in pieces; none if only the title has them."""
    beginnings = tuple(word for word in words if begins(word))
    exactly = set(words)
    found = (
        (each.begin, each.end, next(word for word in words if means(word, each.text)))
        for each in words_of(text)
        if each.text in exactly or each.text.startswith(beginnings)
    )
    places = list(islice(found, MOST_PLACES))
    if not places:
        return ()
    begin = _densest(places)
    start = _edge(text, begin - SNIPPET // 4) if begin > SNIPPET // 2 else 0
    end = _edge(text, start + SNIPPET, forward=True)
    pieces: list[tuple[str, bool]] = []
    last = start
    for first, behind, _ in places:
        if behind <= last or first < start or behind > end:
            continue
        first = max(first, last)
        if first > last:
            pieces.append((text[last:first], False))
        pieces.append((text[first:behind], True))
        last = behind
    pieces.append((text[last:end], False))
    dots = [("… ", False)] if start else []
    return (*dots, *(piece for piece in pieces if piece[0]), *([(" …", False)] if end < len(text) else []))


def _densest(places: Sequence[tuple[int, int, str]]) -> int:
    """Where a snippet should begin that has the most different words in it."""
    best, most = 0, 0
    for number, (begin, _, _) in enumerate(places):
        near = {word for first, _, word in places[number : number + 40] if first < begin + SNIPPET * 3 // 4}
        if len(near) > most:
            best, most = begin, len(near)
    return best


def _edge(text: str, place: int, *, forward: bool = False) -> int:
    """The nearest blank at *place*, before or behind it, a few characters on at most."""
    place = min(max(place, 0), len(text))
    if forward:
        blank = f"{text} ".find(" ", place, place + 20)
        return blank if blank >= 0 else place
    return max(text.rfind(" ", max(place - 20, 0), place) + 1, 0) or place
