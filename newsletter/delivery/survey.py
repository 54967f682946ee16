"""A look ahead, before anything is planned: who would be skipped because a merge tag has no value."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

from newsletter.editions.merge import Evaluator, MissingValue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from newsletter.editions.edition import Edition
    from subscribers import SubscriberStore

#: What everybody has, whatever it is.
_ALWAYS = {"email": "reader@example.com", "tags": [], "topics": [], "joined": date(2026, 1, 1)}
_LINKS = dict.fromkeys(("unsubscribe", "preferences", "web"), "https://example.com/")


class Survey:
    """Counts, group by group of those who are meant, whom the ledger would record as skipped, by reason.

    Args:
        connection: to the database.
        store: the list.
        edition: what everybody would get.
    """

    def __init__(self, connection: Connection, store: SubscriberStore, edition: Edition) -> None:
        self._connection = connection
        self._store = store
        self._evaluator = Evaluator(edition)
        #: False if every merge tag can do with what everybody has, so that nobody has to be looked at.
        self._needed = self._evaluator.may_lack(_ALWAYS, _LINKS)
        self.skipped: Counter[str] = Counter()

    def look_at(self, ids: Sequence[int]) -> None:
        """Count those of *ids* who would be skipped."""
        if not self._needed:
            return
        for person in self._store.addressees(self._connection, ids).values():
            if reason := self._reason(person.fields):
                self.skipped[reason] += 1

    def _reason(self, fields: Mapping[str, object]) -> str | None:
        try:
            self._evaluator.values(fields, _LINKS)
        except MissingValue as missing:
            return missing.reason
        return None
