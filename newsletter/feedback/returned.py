"""What a message in the bounce mailbox says: a bounce, a delay, a complaint, an answer, or nothing.

What it is about is found by our own signs only: the signed return path that it came to, and the names of
ours in the message that it returns. The address that it names proves nothing, since anybody can write one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.utils import getaddresses, parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from newsletter.feedback.guessing import guess
from newsletter.feedback.occurrences import bounce_of
from newsletter.feedback.parts import Parts
from newsletter.providers.codes import code_of, read_refusal
from newsletter.providers.smtp_replies import one_line
from subscribers import Bounce

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from email.message import Message
    from typing import Literal

    from newsletter.messages.return_path import ReturnPath


class What(StrEnum):
    """What a message says of a delivery."""

    BOUNCED = "bounced"
    #: Not taken yet; whoever tries goes on.
    DELAYED = "delayed"
    DELIVERED = "delivered"
    COMPLAINED = "complained"
    #: The reader's wish to leave, as their mail service passes it on.
    LEFT = "left"
    #: An answering machine, or somebody who writes.
    ANSWERED = "answered"
    #: Nothing that is understood.
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Returned:
    """What a message says.

    ``signed`` is the delivery whose signed return path it came to, ``named`` the one that is named in what it
    returns; ``token`` is the secret part of an unsubscribe link of ours in that. ``names`` are the addresses
    that it is about as far as it says, in lower case.
    """

    what: What
    at: datetime | None = None
    signed: str = ""
    named: str = ""
    token: str = ""
    code: str = ""
    bounce: Bounce | Literal[""] = ""
    reason: str = ""
    names: frozenset[str] = field(default_factory=frozenset)


#: Where servers write down which address a message came to.
_CAME_TO = (
    "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To", "To", "Cc",
)  # fmt: skip
#: RFC 5965, 7.3, and RFC 6591: of these only the first three are a reader's complaint.
_COMPLAINTS = {"abuse": What.COMPLAINED, "fraud": What.COMPLAINED, "opt-out": What.LEFT}
#: RFC 3464, 2.3.3.
_ACTIONS = {"failed": What.BOUNCED, "delayed": What.DELAYED, "delivered": What.DELIVERED}
_NAMED = re.compile(r"<([a-p]{24})@[^<>@\s]+>")
_TOKEN = re.compile(r"/unsubscribe/([A-Za-z0-9_.-]{16,400})")
#: What answering machines write into the header beside RFC 3834's field.
_MACHINES = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Vacation")
#: Who returns mail by program (RFC 5321, 4.5.5: from the null path; and as servers call themselves).
_BY_PROGRAM = re.compile(r"mailer-?daemon|postmaster|mail delivery|bounce|^\s*<>\s*$", re.IGNORECASE)


def read_returned(raw: bytes, return_path: ReturnPath | None, came_to: str = "") -> Returned:
    """What a message says, whatever it consists of; nothing in it is believed but our own signs.

    Args:
        raw: the message.
        return_path: what wrote the addresses that bounces go to; None if there are none of our own.
        came_to: the envelope's recipient, if it is known beside the message.
    """
    message = message_from_bytes(raw, policy=policy.compat32)
    parts = Parts(message)
    signed = _signed(message, return_path, came_to)
    about = (_moment(message), signed, *_named(parts))
    if parts.feedback is not None:
        return _complaint(parts.feedback, parts, about, return_path)
    if parts.status is not None:
        return _status(parts.status, about)
    return _other(message, parts, about)


_About = tuple["datetime | None", str, str, str]


def _complaint(
    report: Mapping[str, str], parts: Parts, about: _About, return_path: ReturnPath | None
) -> Returned:
    """A complaint that a mail service passes on (ARF, RFC 5965)."""
    at, signed, named, token = about
    kind = report.get("feedback-type", "").strip().casefold()
    if return_path is not None and not signed:
        path = report.get("original-mail-from", "") or parts.original.get("return-path", "")
        signed = next((name for each in _addresses([path]) if (name := return_path.read(each))), "")
    what = _COMPLAINTS.get(kind, What.UNKNOWN)
    return Returned(what, at, signed, named, token, reason=one_line(f"{kind} {report.get('user-agent', '')}"))


def _status(recipients: Iterable[Mapping[str, str]], about: _About) -> Returned:
    """A report on what became of a message (RFC 3464); of several recipients, the worst."""
    found = [(what, each) for each in recipients if (what := _ACTIONS.get(_action(each)))]
    for wanted in (What.BOUNCED, What.DELAYED, What.DELIVERED):
        each = next((fields for what, fields in found if what is wanted), None)
        if each is None:
            continue
        words = one_line(each.get("diagnostic-code", "").partition(";")[2] or each.get("diagnostic-code", ""))
        refusal = read_refusal(words, each.get("status", ""))
        names = frozenset(
            address
            for what, fields in found
            if what is wanted
            for key in ("original-recipient", "final-recipient")
            for address in _addresses([fields.get(key, "").rpartition(";")[2]])
        )
        bounce: Bounce | Literal[""] = bounce_of(refusal) if wanted is What.BOUNCED else ""
        return Returned(
            wanted, *about, refusal.code, bounce, words or one_line(each.get("status", "")), names
        )
    return Returned(What.UNKNOWN, *about)


def _action(fields: Mapping[str, str]) -> str:
    """What was done (RFC 3464, 2.3.3); some leave the field out, though they must not."""
    action = fields.get("action", "").partition("(")[0].strip().casefold()
    if not action and fields.get("status", "").strip().startswith("5."):
        return "failed"
    return action


def _other(message: Message, parts: Parts, about: _About) -> Returned:
    """A message without a report: a bounce in words, an answering machine, or somebody who writes."""
    if not _by_program(message):
        return Returned(What.ANSWERED, *about)
    guessed = guess(message)
    if guessed is None:
        answered = str(message.get("Auto-Submitted", "no")).casefold().startswith("auto-replied")
        return Returned(What.ANSWERED if answered else What.UNKNOWN, *about)
    if guessed.warning:
        return Returned(What.DELAYED, *about, names=guessed.names)
    words = one_line(_reason(parts.text, guessed.names))
    refusal = read_refusal(words)
    return Returned(What.BOUNCED, *about, refusal.code, bounce_of(refusal), words, guessed.names)


def _by_program(message: Message) -> bool:
    """Whether a mail server wrote a message, not a person and not a person's answering machine (RFC 3834)."""
    senders = [str(message.get(name, "")) for name in ("Return-Path", "From", "Sender")]
    machine = any(name in message for name in _MACHINES)
    bulk = str(message.get("Precedence", "")).strip().casefold() == "auto_reply"
    return not machine and not bulk and any(_BY_PROGRAM.search(sender) for sender in senders)


def _reason(text: str, names: frozenset[str]) -> str:
    """The line in which a server says why: the first with a code, after the address that it is about."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    begin = next(
        (place for place, line in enumerate(lines) if any(name in line.casefold() for name in names)), 0
    )
    near = lines[begin : begin + 8]
    return next((line for line in near if code_of("", line)), " ".join(near[:3]))


def _signed(message: Message, return_path: ReturnPath | None, came_to: str) -> str:
    """The delivery whose return path a message came to, if we gave that to one."""
    if return_path is None:
        return ""
    given = [str(value) for name in _CAME_TO for value in message.get_all(name, [])[:20]]
    for address in _addresses([came_to, *given]):
        if name := return_path.read(address):
            return name
    return ""


def _named(parts: Parts) -> tuple[str, str]:
    """Our name of the delivery, and the token of its link, in the message that comes back."""
    name = _NAMED.search(parts.original.get("message-id", ""))
    token = _TOKEN.search(parts.original.get("list-unsubscribe", ""))
    return (name[1] if name else "", token[1] if token else "")


def _addresses(texts: Iterable[str]) -> list[str]:
    try:
        found = getaddresses([text[:2_000] for text in texts if text])
    except (ValueError, IndexError, RecursionError):
        return []
    return [address.strip().casefold() for _, address in found if "@" in address]


def _moment(message: Message) -> datetime | None:
    try:
        moment = parsedate_to_datetime(str(message.get("Date", "")))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
