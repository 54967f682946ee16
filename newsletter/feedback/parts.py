"""The parts of a message that matter in a mailbox for bounces: reports, what is returned, and plain words."""

from __future__ import annotations

from email.errors import MessageError
from email.message import Message
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: No honest report has more parts, or more text that matters.
MOST_PARTS = 200
LONGEST_TEXT = 100_000
_RETURNED = {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global"}


class Parts:
    """A message taken apart, without an error whatever it consists of."""

    def __init__(self, message: Message) -> None:
        self._parts = list(_walk(message))

    @cached_property
    def feedback(self) -> Mapping[str, str] | None:
        """The fields of a complaint (RFC 5965, 3), if there is one."""
        found = self._first("message/feedback-report")
        if found is None:
            return None
        return next(iter(fields_of(found)), {})

    @cached_property
    def status(self) -> list[Mapping[str, str]] | None:
        """The fields about each recipient in a delivery report (RFC 3464, 2.3), if there is one."""
        found = self._first("message/delivery-status") or self._first("message/global-delivery-status")
        if found is None:
            return None
        return [
            fields for fields in fields_of(found) if {"action", "status", "final-recipient"} & fields.keys()
        ]

    @cached_property
    def original(self) -> Mapping[str, str]:
        """The header of the message that comes back, as far as it does."""
        for part in self._parts:
            if part.get_content_type() in _RETURNED:
                blocks = fields_of(part)
                return blocks[0] if blocks else {}
        # Older servers return it behind their own words.
        marks = ("message-id", "list-unsubscribe", "return-path")
        return next((block for block in _blocks(self.text) if any(mark in block for mark in marks)), {})

    @cached_property
    def text(self) -> str:
        """The words of the first part that has any."""
        for part in self._parts:
            if part.get_content_type() == "text/plain":
                return text_of(part)
        return ""

    def _first(self, kind: str) -> Message | None:
        return next((part for part in self._parts if part.get_content_type() == kind), None)


def fields_of(part: Message) -> list[Mapping[str, str]]:
    """The blocks of fields in a part, names in lower case: parsed as messages already, or still text."""
    payload = part.get_payload()
    if isinstance(payload, list):
        return [_fields(block) for block in payload[:MOST_PARTS] if isinstance(block, Message)]
    return _blocks(text_of(part))


def text_of(part: Message) -> str:
    """The text of a part, as far as it can be read."""
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, AssertionError, MessageError):
        return ""
    if not isinstance(payload, bytes):
        return ""
    return payload[:LONGEST_TEXT].decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def _walk(message: Message) -> Iterator[Message]:
    """The parts of a message, but nothing of messages within it; never more than `MOST_PARTS`."""
    waiting, seen = [message], 0
    while waiting and seen < MOST_PARTS:
        part = waiting.pop(0)
        seen += 1
        yield part
        payload = part.get_payload()
        if isinstance(payload, list) and part.get_content_maintype() == "multipart":
            waiting[:0] = [each for each in payload[:MOST_PARTS] if isinstance(each, Message)]


def _fields(block: Message) -> dict[str, str]:
    return {
        name.casefold(): " ".join(str(value).split())[:2_000] for name, value in block.items()[:MOST_PARTS]
    }


def _blocks(text: str) -> list[Mapping[str, str]]:
    """Blocks of ``Name: value`` lines, with folded lines joined (RFC 5322, 2.2.3)."""
    blocks: list[Mapping[str, str]] = []
    for chunk in text.split("\n\n")[:MOST_PARTS]:
        fields: dict[str, str] = {}
        last = ""
        for line in chunk.splitlines():
            if line[:1] in " \t" and last:
                fields[last] = f"{fields[last]} {line.strip()}"[:2_000]
                continue
            name, colon, value = line.partition(":")
            last = name.strip().casefold() if colon and name.strip() and " " not in name.strip() else ""
            if last:
                fields.setdefault(last, value.strip()[:2_000])
        if fields:
            blocks.append(fields)
    return blocks
