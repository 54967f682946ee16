"""Who was rejected for a fault that was ours or the relay's, and may be tried again when it is mended.

A rejection says that the message was not taken: to try again mails nobody twice. But an address that takes no
mail is left alone, and so is whoever may not be mailed any more.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from newsletter.delivery.chosen import chosen
from newsletter.delivery.models import DeliveryState
from newsletter.delivery.report import find
from newsletter.providers.codes import About, read_refusal

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Engine

    from subscribers import SubscriberStore

# What begins a server's reply: its code and, mostly, an enhanced one (RFC 5321, 4.2; RFC 3463, 2).
_CODE = re.compile(r"[45]\d\d(?:[ -]+[45]\.\d{1,3}\.\d{1,3})?")
_AT_A_TIME = 1_000


@dataclass(frozen=True)
class Rejected:
    """Who was rejected and may be tried again, and of how many others that is not so.

    ``ids`` are subscribers; ``hard`` were rejected for their address, ``barred`` may not be mailed any more.
    ``reasons`` are those of ``ids``: the reply of one, and how many had the same code.
    """

    ids: tuple[int, ...] = ()
    hard: int = 0
    barred: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def rejected(
    engine: Engine,
    store: SubscriberStore,
    name: str,
    who: Collection[str] | None = None,
) -> Rejected:
    """Those rejected of a dispatch, by whether they may be tried again.

    Args:
        engine: the database.
        store: the list, which says who may be mailed.
        name: the dispatch.
        who: addresses or delivery ids; None means everybody.

    Raises:
        UsageError: somebody in *who* was not rejected.
        DeliveryError: there is no such dispatch.
    """
    with engine.connect() as connection:
        dispatch = find(connection, name)
        rows = chosen(connection, dispatch, [DeliveryState.REJECTED], who)
        soft = [row for row in rows if not _is_hard(row.reason)]
        mailable: set[int] = set()
        for start in range(0, len(soft), _AT_A_TIME):
            some = [row.subscriber_id for row in soft[start : start + _AT_A_TIME]]
            people = store.addressees(connection, some, topic=dispatch.topic)
            mailable |= {each for each, person in people.items() if person.barrier is None}
    again = [row for row in soft if row.subscriber_id in mailable]
    said: dict[str, str] = {}
    reasons: Counter[str] = Counter()
    for row in again:
        code = _CODE.match(row.reason)
        reasons[said.setdefault(code[0] if code else row.reason, row.reason)] += 1
    ids = tuple(row.subscriber_id for row in again)
    return Rejected(ids, len(rows) - len(soft), len(soft) - len(again), reasons)


def _is_hard(reason: str) -> bool:
    """Whether to try again is of no use: the address will never take mail, or is wrong otherwise (5.1.x)."""
    refusal = read_refusal(reason)
    return refusal.gone or (refusal.about is About.ADDRESS and refusal.code.startswith("5.1."))
