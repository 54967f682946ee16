"""Tags and topics: the words that subscribers bear or choose."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from subscribers.attributes import clean_text
from subscribers.columns import now
from subscribers.errors import FieldError
from subscribers.tables import among, given, insert, insert_many

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy import Connection, Select

    from subscribers.tables import Vocabulary

#: What separates words in a file; so no word can have it.
SEPARATORS = ",;|"
LONGEST_WORD = 100


def clean_words(words: Iterable[str]) -> list[str]:
    """The words as they are kept, each once, in order.

    Raises:
        FieldError: a word is too long or has a comma, semicolon or bar.
    """
    cleaned = [clean_text(word, "a tag or topic") for word in words]
    for word in cleaned:
        if len(word) > LONGEST_WORD or any(separator in word for separator in SEPARATORS):
            raise FieldError(
                f"`{word[:LONGEST_WORD]}` cannot be a tag or topic",
                hint=f"use at most {LONGEST_WORD} characters, and none of {SEPARATORS}",
            )
    return list(dict.fromkeys(word for word in cleaned if word))


def give_words(
    connection: Connection, vocabulary: Vocabulary, words: Collection[str], ids: Iterable[int]
) -> None:
    """Let each of the subscribers *ids* have all of the *words*, which are made if they are new."""
    numbers = word_ids(connection, vocabulary, words)
    give_pairs(connection, vocabulary, [(number, who) for number in numbers.values() for who in ids])


def word_ids(connection: Connection, vocabulary: Vocabulary, words: Collection[str]) -> dict[str, int]:
    """The id of each of the *words*, which are made if they are new."""
    if not words:
        return {}
    table, word = vocabulary.words, vocabulary.words.c[vocabulary.word]
    row = {"name": ""} if vocabulary.word != "name" else {}
    connection.execute(
        insert(connection, table).on_conflict_do_nothing(),
        [{**row, vocabulary.word: text} for text in sorted(words)],
    )
    rows = connection.execute(select(word, table.c.id).where(word.in_(words)))
    return {row[0]: row[1] for row in rows}


def give_pairs(connection: Connection, vocabulary: Vocabulary, pairs: Collection[tuple[int, int]]) -> None:
    """Record pairs of word and subscriber, each by its id; those already known stay as they are."""
    column, since = vocabulary.reference, now()
    more = {"since": since} if "since" in vocabulary.pairs.c else {}
    rows = [{column: word, "subscriber_id": who, **more} for word, who in sorted(pairs)]
    insert_many(connection, vocabulary.pairs, rows)


def take_words(
    connection: Connection, vocabulary: Vocabulary, subscriber_id: int, words: Collection[str] | None = None
) -> None:
    """Let a subscriber have none of the *words* any more, or no word at all."""
    pairs, table = vocabulary.pairs, vocabulary.words
    statement = delete(pairs).where(pairs.c.subscriber_id == subscriber_id)
    if words is not None:
        chosen = select(table.c.id).where(table.c[vocabulary.word].in_(words))
        statement = statement.where(pairs.c[vocabulary.reference].in_(chosen))
    connection.execute(statement)


def words_of(connection: Connection, vocabulary: Vocabulary, ids: Collection[int]) -> dict[int, list[str]]:
    """The words of each of the subscribers *ids*, sorted; who has none is not in the result."""
    dialect = connection.dialect.name
    rows = connection.execute(_words_among(dialect, vocabulary), given(dialect, ids))
    found: defaultdict[int, list[str]] = defaultdict(list)
    for who, text in rows:
        found[who].append(text)
    for texts in found.values():
        texts.sort()
    return found


@lru_cache(maxsize=8)
def _words_among(dialect: str, vocabulary: Vocabulary) -> Select[Any]:
    """Made once: for every thousand of a million recipients it would cost more than what it finds."""
    table, pairs, word = vocabulary.words, vocabulary.pairs, vocabulary.words.c[vocabulary.word]
    return (
        select(pairs.c.subscriber_id, word)
        .join(table, table.c.id == pairs.c[vocabulary.reference])
        .where(among(dialect, pairs.c.subscriber_id))
    )
