"""Tags and topics: the words that subscribers bear or choose."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, true

from subscribers.attributes import clean_text
from subscribers.columns import now
from subscribers.errors import FieldError
from subscribers.prepared import Prepared
from subscribers.tables import among_given, are_dense, given, insert, insert_many

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Connection

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
    columns = pair_columns(vocabulary, sorted(pairs))
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    insert_many(connection, vocabulary.pairs, rows)


def pair_columns(vocabulary: Vocabulary, pairs: Sequence[tuple[int, int]]) -> dict[str, Sequence[Any]]:
    """Pairs of word and subscriber as the columns of their table."""
    columns: dict[str, Sequence[Any]] = {
        vocabulary.reference: [word for word, _ in pairs],
        "subscriber_id": [who for _, who in pairs],
    }
    if "since" in vocabulary.pairs.c:
        columns["since"] = [now()] * len(pairs)
    return columns


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


def words_of(
    connection: Connection, vocabulary: Vocabulary, ids: Collection[int], *, left: bool = False
) -> dict[int, list[str]]:
    """The words of each of the subscribers *ids*, sorted; who has none is not in the result.

    Topics that were left are among them only if *left* says so.
    """
    if not ids:
        return {}
    dialect, dense, wanted = connection.dialect.name, are_dense(ids), set(ids)
    statement = _words_among(dialect, vocabulary, left=left, dense=dense)
    found: defaultdict[int, list[str]] = defaultdict(list)
    for who, text in statement.run(connection, given(dialect, ids, dense=dense)):
        if who in wanted:
            found[who].append(text)
    for texts in found.values():
        texts.sort()
    return found


@lru_cache(maxsize=16)
def _words_among(dialect: str, vocabulary: Vocabulary, *, left: bool, dense: bool) -> Prepared:
    table, pairs, word = vocabulary.words, vocabulary.pairs, vocabulary.words.c[vocabulary.word]
    return Prepared(
        select(pairs.c.subscriber_id, word)
        .join(table, table.c.id == pairs.c[vocabulary.reference])
        .where(among_given(dialect, pairs.c.subscriber_id, dense=dense), true() if left else vocabulary.held)
    )
