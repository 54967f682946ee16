"""What an Edition is: an Issue compiled once, frozen, with a slot for all that differs per recipient."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Literal


@dataclass(frozen=True)
class Slot:
    """A place in the texts of an Edition that is decided per recipient.

    ``token`` stands in the subject, preheader, HTML and text. A ``value`` is replaced by what *expression*
    gives; ``if``, ``elif``, ``else`` and ``endif`` keep or drop what stands between them. ``source`` is the
    tag as the editor wrote it and ``line`` where, or None for a slot that the theme made.
    """

    token: str
    kind: Literal["value", "if", "elif", "else", "endif"]
    expression: str
    source: str
    line: int | None = None


@dataclass(frozen=True)
class Attachment:
    """An image that goes with the message: the HTML shows it as ``cid:`` and its *content_id* (RFC 2392).

    ``name`` is its published name, which is made of its content, and ``size`` the number of its bytes.
    """

    name: str
    media_type: str
    content_id: str
    size: int

    @property
    def encoded_size(self) -> int:
        """How many bytes it has in a message: base64, in lines of 76 characters (RFC 2045, 6.8)."""
        return -(-self.size // 3) * 4 + -(-self.size // 57) * 2


@dataclass(frozen=True)
class Edition:
    """An Issue compiled: what every recipient gets, except for the slots.

    ``attachments`` are the images that go with each message; others are where the HTML says.
    """

    slug: str
    title: str
    subject: str
    preheader: str
    html: str
    text: str
    language: str
    direction: str
    date: str | None
    nonce: str
    slots: tuple[Slot, ...]
    attachments: tuple[Attachment, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of all that the edition says, in hexadecimal: the same for the same content everywhere."""
        return sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """The edition as one canonical JSON text, from which `from_json` makes it again."""
        values = asdict(self)
        if not self.attachments:
            del values["attachments"]  # editions frozen before there were any keep their digest
        return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Edition:
        """The edition that `to_json` wrote."""
        values = json.loads(text)
        slots = tuple(Slot(**slot) for slot in values.pop("slots"))
        attachments = tuple(Attachment(**each) for each in values.pop("attachments", ()))
        return cls(**values, slots=slots, attachments=attachments)
