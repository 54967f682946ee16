"""What happened to a message, in the words of this program, whoever told it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.providers.codes import About, read_refusal
from subscribers import Bounce, EventKind

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Literal

    from newsletter.providers.codes import Refusal
    from newsletter.providers.sendgrid_events import SendgridEvent

_KINDS = {
    "processed": EventKind.PROCESSED,
    "deferred": EventKind.DEFERRED,
    "delivered": EventKind.DELIVERED,
    "bounce": EventKind.BOUNCED,
    "dropped": EventKind.DROPPED,
    "open": EventKind.OPENED,
    "click": EventKind.CLICKED,
    "spamreport": EventKind.COMPLAINED,
    "unsubscribe": EventKind.UNSUBSCRIBED,
    "group_unsubscribe": EventKind.UNSUBSCRIBED,
}
#: Why SendGrid drops a message, in its words, where that tells something of the address
#: (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event#dropped).
BOUNCED_BEFORE, INVALID = "bounced address", "invalid"
UNSUBSCRIBED_THERE, COMPLAINED_THERE = "unsubscribed address", "spam reporting address"


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One thing that happened to a delivery. ``kind`` is None for what only proves that it was handed over.

    ``delivery_id`` is the name of the delivery; ``dispatch`` and ``batch`` help to find it while no outcome
    is recorded, and ``request`` names those that were handed over with it. ``names`` are the addresses that
    a bounce says it is about, if it says that; the other fields are those of `subscribers.Event`.
    """

    provider: str
    event_id: str
    kind: EventKind | None
    delivery_id: str
    at: datetime
    dispatch: str = ""
    batch: int = 0
    request: str = ""
    url: str = ""
    by_machine: bool = False
    code: str = ""
    bounce: Bounce | Literal[""] = ""
    reason: str = ""
    names: frozenset[str] = frozenset()
    #: Whom it is about, by public id, which counts where the delivery is not known.
    public_id: str = ""

    @property
    def how(self) -> str:
        """How it is known that the delivery was handed over, in a few words."""
        return f"{self.provider}: {self.kind or 'known'} {self.reason}".strip()[:300]


def bounce_of(refusal: Refusal) -> Bounce:
    """What a refusal says of the reader: nothing, where it is about us or about what we send."""
    if refusal.gone:
        return Bounce.HARD
    return Bounce.POLICY if refusal.of_us or refusal.about is About.CONTENT else Bounce.SOFT


def of_sendgrid(event: SendgridEvent) -> Occurrence | None:
    """What an event of SendGrid says; None if it names no delivery of ours."""
    if not event.delivery or event.at is None:
        return None
    kind = _KINDS.get(event.word)
    code = ""
    bounce: Bounce | Literal[""] = ""
    if kind in (EventKind.BOUNCED, EventKind.DEFERRED):
        refusal = read_refusal(event.words, event.status)
        code = refusal.code
        if kind is EventKind.BOUNCED:
            # SendGrid goes on mailing what was `blocked`, since that is not about the mailbox.
            blocked = event.type == "blocked" and refusal.gone
            bounce = Bounce.SOFT if blocked else bounce_of(refusal)
    elif kind is EventKind.DROPPED:
        bounce = _dropped(event.words)
    return Occurrence(
        "sendgrid",
        event.event_id or _own_name(event),
        kind,
        event.delivery,
        event.at,
        event.dispatch,
        event.batch,
        event.request,
        event.url if kind is EventKind.CLICKED else "",
        event.by_machine,
        code,
        bounce,
        event.words,
    )


def _dropped(words: str) -> Bounce | Literal[""]:
    said = words.casefold().strip()
    if said.startswith(BOUNCED_BEFORE) or said == INVALID:
        return Bounce.HARD
    if said.startswith((UNSUBSCRIBED_THERE, COMPLAINED_THERE)):
        return ""
    return Bounce.POLICY


def _own_name(event: SendgridEvent) -> str:
    """A name for an event that has none: the same whenever the same thing is told."""
    moment = event.at.isoformat() if event.at else ""
    return f"{event.delivery} {event.word} {moment} {event.url}"
