"""Bounces that only say so in words: recognised by flufl.bounce, whose opinion on their gravity is not asked.

It calls nearly all that it recognises permanent, also full mailboxes; so all that is believed is that a
message is a bounce, and the addresses that it names. Its errors over strange messages are no bounces.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flufl.bounce import all_failures

if TYPE_CHECKING:
    from email.message import Message

# It logs each of its errors with a traceback, and then raises it.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Guess:
    """A bounce that was recognised: whom it is about, in lower case, and whether it only tells of a delay."""

    names: frozenset[str]
    warning: bool


def guess(message: Message) -> Guess | None:
    """What is recognised in a message; None if it is no bounce of a form that is known."""
    try:
        temporary, permanent = all_failures(message)
    except Exception:  # noqa: BLE001 - written for mail as it should be; what it cannot read is no bounce
        return None
    found = permanent or temporary
    if not found:
        return None
    names = frozenset(name.decode("utf-8", "replace").strip().casefold() for name in found)
    return Guess(names, warning=not permanent)
