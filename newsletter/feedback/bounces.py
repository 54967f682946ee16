"""Messages of the bounce mailbox taken in, one after the other, each in a transaction of its own and once."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from newsletter.feedback.occurrences import Occurrence
from newsletter.feedback.returned import Returned, What, read_returned
from newsletter.feedback.taking_in import take_in
from subscribers import AddressError, Bounce, EventKind, normalise, now
from subscribers.deadlocks import write_anew

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from typing import Literal

    from sqlalchemy import Engine

    from newsletter.feedback.consequences import Rules
    from newsletter.feedback.sources import Letter
    from newsletter.messages.return_path import ReturnPath
    from subscribers import Tokens

_log = logging.getLogger(__name__)

#: So many bytes of a message are looked at: a report comes before the message that it returns.
LOOKED_AT = 2_000_000
#: The provider of events that came as mail.
PROVIDER = "smtp"
_KINDS = {
    What.BOUNCED: EventKind.BOUNCED,
    What.DELAYED: EventKind.DEFERRED,
    What.DELIVERED: EventKind.DELIVERED,
    What.COMPLAINED: EventKind.COMPLAINED,
    What.LEFT: EventKind.UNSUBSCRIBED,
}


@dataclass
class Tally:
    """What a mailbox held: messages by what they say, bounces by what they mean, and what followed."""

    read: int = 0
    whats: Counter[str] = field(default_factory=Counter)
    bounces: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    known: int = 0
    unknown: int = 0
    settled: int = 0


@dataclass(frozen=True)
class Reader:
    """All that is needed to read bounces: the list, its rules, and what tells our own signs.

    ``return_path`` is None for a publication whose bounces go to an ordinary mailbox.
    """

    engine: Engine
    rules: Rules
    tokens: Tokens
    return_path: ReturnPath | None = None
    clock: Callable[[], datetime] = now

    def read(self, letters: Iterable[Letter], came_to: str = "") -> Tally:
        """Take in *letters*; each is put away when, and only when, what it says is kept durably.

        Killed at any point, it goes on with the next run: what was kept and not put away is known then.
        """
        tally = Tally()
        for letter in letters:
            self.take(letter.raw, tally, came_to)
            letter.put_away()
        return tally

    def take(self, raw: bytes, tally: Tally, came_to: str = "") -> None:
        """Take in one message."""
        raw = raw[:LOOKED_AT]
        returned = _read(raw, self.return_path, came_to)
        tally.read += 1
        tally.whats[returned.what.value] += 1
        occurrence = self._occurrence(returned, raw)
        if occurrence is None:
            return
        taken = write_anew(
            self.engine, lambda connection: take_in(connection, [occurrence], self.rules, self.clock())
        )
        tally.known += taken.known if occurrence.kind else 0
        tally.unknown += taken.unknown
        tally.settled += taken.settled
        tally.bounces.update(taken.bounces)
        tally.effects.update(taken.effects)

    def _occurrence(self, returned: Returned, raw: bytes) -> Occurrence | None:
        """What a message says of a delivery of ours; None if it is about none."""
        kind = _KINDS.get(returned.what)
        delivery, public_id = returned.signed or returned.named, ""
        if kind in (EventKind.COMPLAINED, EventKind.UNSUBSCRIBED) and returned.token:
            grant = self.tokens.grant("unsubscribe", returned.token)
            public_id = grant.public_id if grant else ""
        if not delivery and not public_id:
            return None
        present = self.clock()
        return Occurrence(
            PROVIDER,
            sha256(raw).hexdigest(),
            kind,
            delivery,
            min(returned.at or present, present),
            code=returned.code,
            bounce=self._weigh(returned),
            reason=returned.reason.encode("utf-8", "replace").decode("utf-8"),
            names=frozenset(map(_key, returned.names)),
            public_id=public_id,
        )

    def _weigh(self, returned: Returned) -> Bounce | Literal[""]:
        """What a bounce or a complaint says of the address, as far as it is proved.

        Who writes a message can write anything into it, also the Message-ID of one that was forwarded to
        them. So where bounces have signed addresses, one that came to another says nothing. Where there are
        none, our Message-ID is all there is, and a single message never suppresses.

        A report of a complaint is as easily forged (RFC 5965, section 8). One that only returns what anybody
        has who was forwarded the message, its Message-ID or its link, can do no more than that link: its
        reader leaves, and may come back.
        """
        if returned.what is What.COMPLAINED and not returned.signed:
            return Bounce.UNPROVED
        if not returned.bounce or returned.signed:
            return returned.bounce
        if self.return_path is not None:
            return Bounce.UNPROVED
        return Bounce.SOFT if returned.bounce is Bounce.HARD else returned.bounce


def _read(raw: bytes, return_path: ReturnPath | None, came_to: str) -> Returned:
    try:
        return read_returned(raw, return_path, came_to)
    except Exception as error:  # noqa: BLE001 - anybody can send anything to this mailbox
        _log.warning("a message cannot be read (%s): it says nothing", type(error).__name__)
        return Returned(What.UNKNOWN)


def _key(address: str) -> str:
    try:
        return normalise(address).key
    except AddressError:
        return address
