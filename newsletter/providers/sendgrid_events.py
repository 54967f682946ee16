"""What SendGrid tells of messages that it took: its events, each read as far as it can be."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from newsletter.providers.sendgrid_columns import DELIVERY_ARGUMENT
from newsletter.providers.sendgrid_payload import BATCH_ARGUMENT, DISPATCH_ARGUMENT, REQUEST_ARGUMENT
from newsletter.providers.smtp_replies import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Events of a message: SendGrid took each of these messages, whatever it did with it then
#: (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event).
OF_A_MESSAGE = frozenset(
    {
        "processed", "deferred", "delivered", "bounce", "dropped", "open", "click", "spamreport",
        "unsubscribe", "group_unsubscribe", "group_resubscribe",
    }
)  # fmt: skip
#: The most characters of a link that are kept.
LONGEST_URL = 2_000
_DELIVERY = re.compile(r"[a-z2-7]{24}")
#: From 2001 to 2100: any other number of seconds is no moment of an event.
_MOMENTS = range(978_307_200, 4_102_444_800)


class UnreadableError(ValueError):
    """What was told is no event of a message; the text says why, without telling of whom."""


@dataclass(frozen=True, slots=True)
class SendgridEvent:
    """One event. ``word`` is SendGrid's name for its kind, and ``words`` what it or the other server said.

    ``delivery``, ``dispatch``, ``batch`` and ``request`` are the custom arguments of the request, empty (0)
    where they did not come back. ``at`` is None where no moment is told. ``status`` is the enhanced status
    code of a bounce and ``type`` tells a ``bounce`` from what was ``blocked``.
    """

    word: str
    event_id: str
    at: datetime | None
    delivery: str = ""
    dispatch: str = ""
    batch: int = 0
    request: str = ""
    url: str = ""
    by_machine: bool = False
    status: str = ""
    type: str = ""
    words: str = ""


def read_event(told: object) -> SendgridEvent | None:
    """One element of the array that the webhook posts; None if it is about no message.

    Raises:
        UnreadableError: it is no object, or names no event.
    """
    if not isinstance(told, dict):
        raise UnreadableError("no object")
    word = told.get("event")
    if not isinstance(word, str):
        raise UnreadableError("no event is named")
    if word not in OF_A_MESSAGE:
        return None
    return SendgridEvent(
        word,
        _text(told, "sg_event_id"),
        _moment(told.get("timestamp")),
        _delivery(told),
        _text(told, DISPATCH_ARGUMENT),
        _number(_text(told, BATCH_ARGUMENT)),
        _text(told, REQUEST_ARGUMENT),
        _clean(told["url"])[:LONGEST_URL] if isinstance(told.get("url"), str) else "",
        told.get("sg_machine_open") is True,
        _text(told, "status"),
        _text(told, "type"),
        _text(told, "reason") or _text(told, "response"),
    )


def read_objects(text: str) -> Iterator[object]:
    """What stands in *text*: JSON arrays one after the other, of which each element is one, or objects.

    Raises:
        ValueError: it is no JSON, or nested too deeply.
    """
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        if text[at].isspace() or text[at] == ",":
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        yield from value if isinstance(value, list) else [value]


def _text(told: Mapping[str, Any], key: str) -> str:
    value = told.get(key)
    if not isinstance(value, str):
        return ""
    if value.isascii() and value.isprintable():
        return value.strip()[:300]  # nearly all; what follows takes ten times as long
    return one_line(_clean(value))


def _clean(text: str) -> str:
    """Text that every database takes: no zero, and no half of a surrogate pair, which JSON may name."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def _delivery(told: Mapping[str, Any]) -> str:
    """Our name of the delivery: a custom argument, or what stands before the ``@`` of its Message-ID."""
    for key in (DELIVERY_ARGUMENT, "smtp-id"):
        value = told.get(key)
        if isinstance(value, str):
            name = value.strip().strip("<>").partition("@")[0].casefold()
            if _DELIVERY.fullmatch(name):
                return name
    return ""


def _moment(value: object) -> datetime | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 12:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value not in _MOMENTS:
        return None
    return datetime.fromtimestamp(value, UTC)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
