"""Merge tags at run time: the values of one recipient's slots, and the text that comes of them."""

from __future__ import annotations

import re
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from newsletter.editions.cutting import Choice, Context, Literal, Piece, Value, split
from newsletter.editions.expressions import Missing, compiled, condition_of, evaluate
from newsletter.editions.language import long_date
from newsletter.errors import NewsletterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from newsletter.editions.edition import Edition, Slot

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


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
