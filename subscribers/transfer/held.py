"""What an export says of people beside their fields: since when they are gone, and what holds mail back."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import func, select, type_coerce
from sqlalchemy.types import NullType

from subscribers.consent import GONE
from subscribers.models import SuppressionReason
from subscribers.tables import CONSENT_EVENT, SUBSCRIBER, SUPPRESSION, among
from subscribers.transfer.restraints import suppression_word

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection


def moments(column: Sequence[str | datetime | None]) -> list[str]:
    """Moments as the driver gives them, in ISO 8601; none is an empty text."""
    shown = {moment: _moment(moment) for moment in set(column)}
    return [shown[moment] for moment in column]


@dataclass(frozen=True)
class Held:
    """Looks it up, page by page."""

    connection: Connection

    def left_at(self, ids: Sequence[int], statuses: Sequence[str]) -> Sequence[str | datetime | None]:
        """When each of those who are gone went, as far as the log tells: raw, as the driver gives it."""
        gone = [who for who, status in zip(ids, statuses, strict=True) if status in GONE]
        if not gone:
            return [None] * len(ids)
        log = CONSENT_EVENT.c
        last = type_coerce(func.max(log.at), NullType)
        query = select(log.subscriber_id, last).group_by(log.subscriber_id)
        query = query.where(among(self.connection, log.subscriber_id, gone), log.status.in_(GONE))
        found = {row[0]: row[1] for row in self.connection.execute(query)}
        return [found.get(who) for who in ids]

    def suppressions(self, ids: Sequence[int]) -> Sequence[str]:
        """The suppressions of each as a cell."""
        if not self._are_some:
            return [""] * len(ids)
        query = (
            select(SUBSCRIBER.c.id, SUPPRESSION.c.reason, SUPPRESSION.c.scope)
            .join(SUPPRESSION, SUPPRESSION.c.key == SUBSCRIBER.c.suppression_key)
            .where(SUBSCRIBER.c.id.between(ids[0], ids[-1]), SUPPRESSION.c.reason != SuppressionReason.ERASED)
        )
        words: defaultdict[int, list[str]] = defaultdict(list)
        for who, reason, scope in self.connection.execute(query):
            words[who].append(suppression_word(reason, scope))
        return [";".join(sorted(words[who])) if who in words else "" for who in ids]

    @cached_property
    def _are_some(self) -> bool:
        return self.connection.execute(select(SUPPRESSION.c.key).limit(1)).first() is not None


def _moment(moment: str | datetime | None) -> str:
    if moment is None:
        return ""
    if isinstance(moment, str):  # SQLite keeps it as text, in UTC
        return moment.replace(" ", "T", 1).removesuffix(".000000") + "+00:00"
    return moment.isoformat()
