"""What holds mail back from somebody and is no status: topics that were left, pauses, suppressions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, select, update

from subscribers.consent import Consent, consent_row
from subscribers.errors import FieldError
from subscribers.models import ConsentKind, SubscriptionState, SuppressionReason
from subscribers.suppression import is_graver, scope_of, suppress_many
from subscribers.tables import CONSENT_EVENT, SUBSCRIBER, SUPPRESSION, TOPICS, among, insert_many
from subscribers.transfer.cells import ANSWERS, read_each, read_words
from subscribers.transfer.dates import read_moment
from subscribers.words import word_ids

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Connection

    from subscribers.transfer.cells import Fail
    from subscribers.transfer.fields import Column

_PAIRS = TOPICS.pairs


class Restraints(NamedTuple):
    """What one row says of them; ``suppressed`` are reasons, each with the only topic it is about, if one."""

    left: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    paused: datetime | None = None
    suppressed: tuple[tuple[SuppressionReason, str], ...] = ()


def read_restraints(
    of_field: Mapping[str, tuple[Column, list[str]]], count: int, fail: Fail
) -> list[Restraints | None]:
    """What the columns about it say, row by row; None of those of whom they say nothing."""
    if not of_field.keys() & {"left_topics", "pending_topics", "paused_until", "suppressed"}:
        return [None] * count
    none: list[str] = [""] * count

    def cells(field: str) -> list[str]:
        return of_field[field][1] if field in of_field else none

    order = of_field["paused_until"][0].order if "paused_until" in of_field else ""
    nothing: tuple[str, ...] = ()
    unsuppressed: tuple[tuple[SuppressionReason, str], ...] = ()
    columns = (
        read_each(cells("left_topics"), read_words, nothing, fail),
        read_each(cells("pending_topics"), read_words, nothing, fail),
        read_each(cells("paused_until"), lambda cell: read_moment(cell, order), None, fail),
        read_each(cells("suppressed"), _suppressions, unsuppressed, fail),
    )
    return [Restraints(*told) if any(told) else None for told in zip(*columns, strict=True)]


def restrained(told: Restraints | None, left: tuple[str, ...], pending: tuple[str, ...]) -> Restraints | None:
    """What a row says, and more topics that were left or are pending."""
    if not left and not pending:
        return told
    known = told or Restraints()
    return known._replace(left=known.left + left, pending=known.pending + pending)


def suppression_word(reason: str, scope: str) -> str:
    """A suppression as a word of a file: ``manual``, or ``manual:web`` if it is about one topic."""
    return reason + scope.removeprefix("topic") if scope.startswith("topic:") else reason


def _suppressions(cell: str) -> tuple[tuple[SuppressionReason, str], ...]:
    """The suppressions in a cell: `suppression_word`'s, or a yes or no."""
    answer = ANSWERS.get(cell.casefold())
    if answer is not None:
        return ((SuppressionReason.MANUAL, ""),) if answer else ()
    found = []
    for word in read_words(cell):
        reason, _, topic = word.partition(":")
        if reason not in _REASONS:
            raise FieldError(f"`{cell[:40]}` is no suppression such as `manual` or `manual:TOPIC`")
        found.append((SuppressionReason(reason), topic))
    return tuple(found)


_REASONS = frozenset(SuppressionReason) - {SuppressionReason.ERASED}


@dataclass(frozen=True)
class Restrainer:
    """Writes what rows say of restraints, in the transaction of *connection*; each is told in the log."""

    connection: Connection
    consent: Consent
    at: datetime

    def write(self, told: Sequence[tuple[str, Restraints]]) -> set[str]:
        """Restrain people who are on the list, by their keys; the keys of those whom that changed.

        A topic that somebody left is left, whoever gives it to them; one that is pending stays what it is if
        they have or left it. A pause that is over is none.
        """
        columns = SUBSCRIBER.c
        query = select(columns.id, columns.email_key, columns.suppression_key, columns.paused_until)
        rows = self.connection.execute(
            query.where(among(self.connection, columns.email_key, sorted({key for key, _ in told})))
        ).all()
        who = {row.email_key: row for row in rows}
        pairs = [(who[key], restraints) for key, restraints in told if key in who]
        changed = self._leave([(row.id, slug) for row, each in pairs for slug in each.left])
        changed |= self._await([(row.id, slug) for row, each in pairs for slug in each.pending])
        changed |= self._pause({row: each.paused for row, each in pairs if each.paused})
        changed |= self._suppress([(row, *word) for row, each in pairs for word in each.suppressed])
        return {row.email_key for row in rows if row.id in changed}

    def _states(self, pairs: Collection[tuple[int, str]]) -> dict[tuple[int, str], str]:
        """How people stand to topics, all of which are made if they are new."""
        topic, ids = TOPICS.words.c, sorted({who for who, _ in pairs})
        query = select(_PAIRS.c.subscriber_id, topic.slug, _PAIRS.c.state).join(
            TOPICS.words, topic.id == _PAIRS.c.topic_id
        )
        rows = self.connection.execute(query.where(among(self.connection, _PAIRS.c.subscriber_id, ids)))
        return {(row[0], row[1]): row[2] for row in rows}

    def _leave(self, pairs: Collection[tuple[int, str]]) -> set[int]:
        left, states = SubscriptionState.LEFT, self._states(pairs) if pairs else {}
        new = [pair for pair in dict.fromkeys(pairs) if states.get(pair) != left]
        self._insert([pair for pair in new if pair not in states], left)
        numbers = word_ids(self.connection, TOPICS, {slug for _, slug in new})
        if known := [{"topic": numbers[slug], "who": who} for who, slug in new if (who, slug) in states]:
            statement = update(_PAIRS).where(
                _PAIRS.c.topic_id == bindparam("topic"), _PAIRS.c.subscriber_id == bindparam("who")
            )
            self.connection.execute(statement.values(state=left.value, since=self.at), known)
        self._log([(who, ConsentKind.OPTED_OUT, self.consent.text, slug) for who, slug in new])
        return {who for who, _ in new}

    def _await(self, pairs: Collection[tuple[int, str]]) -> set[int]:
        states = self._states(pairs) if pairs else {}
        new = [pair for pair in dict.fromkeys(pairs) if pair not in states]
        self._insert(new, SubscriptionState.PENDING)
        return {who for who, _ in new}

    def _insert(self, pairs: Sequence[tuple[int, str]], state: SubscriptionState) -> None:
        numbers = word_ids(self.connection, TOPICS, {slug for _, slug in pairs})
        rows = [
            {"topic_id": numbers[slug], "subscriber_id": who, "state": state.value, "since": self.at}
            for who, slug in pairs
        ]
        insert_many(self.connection, _PAIRS, rows)

    def _pause(self, pauses: Mapping[Any, datetime]) -> set[int]:
        new = {
            row.id: until for row, until in pauses.items() if until > self.at and until != row.paused_until
        }
        if new:
            statement = update(SUBSCRIBER).where(SUBSCRIBER.c.id == bindparam("who"))
            self.connection.execute(
                statement.values(paused_until=bindparam("until"), updated_at=self.at),
                [{"who": who, "until": until} for who, until in new.items()],
            )
            said = {who: f"until {until:%Y-%m-%d %H:%M} UTC" for who, until in new.items()}
            self._log([(who, ConsentKind.PAUSED, text, "") for who, text in said.items()])
        return set(new)

    def _suppress(self, told: Collection[tuple[Any, SuppressionReason, str]]) -> set[int]:
        if not told:
            return set()
        keys = list({bytes(row.suppression_key) for row, _, _ in told})
        rows = self.connection.execute(
            select(SUPPRESSION.c.key, SUPPRESSION.c.scope, SUPPRESSION.c.reason).where(
                SUPPRESSION.c.key.in_(keys)
            )
        )
        known = {(bytes(row[0]), row[1]): SuppressionReason(row[2]) for row in rows}
        # Several rows of a file may say it of one person: it is told once.
        once = {(row.id, reason, topic): row for row, reason, topic in told}
        new = [
            (row, reason, topic)
            for (_, reason, topic), row in once.items()
            if is_graver(reason, known.get((bytes(row.suppression_key), scope_of(topic))))
        ]
        for reason in {reason for _, reason, _ in new}:
            those = [
                (bytes(row.suppression_key), scope_of(topic)) for row, why, topic in new if why is reason
            ]
            suppress_many(self.connection, those, reason, self.at)
        manual = [(row, topic) for row, reason, topic in new if reason is SuppressionReason.MANUAL]
        self._log([(row.id, ConsentKind.SUPPRESSED, self.consent.text, topic) for row, topic in manual])
        return {row.id for row, _, _ in new}

    def _log(self, lines: Sequence[tuple[int, ConsentKind, str, str]]) -> None:
        said = self.consent
        insert_many(
            self.connection,
            CONSENT_EVENT,
            [
                consent_row(who, replace(said, kind=kind, text=text, topic=topic), self.at)
                for who, kind, text, topic in lines
            ],
        )
