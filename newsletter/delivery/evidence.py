"""Evidence about recipients in doubt: what others wrote down of messages that certainly were taken.

Evidence only ever says that a message was taken. That nothing is said of one proves nothing, since a log may
be incomplete: such a recipient stays in doubt until a person decides.
"""

from __future__ import annotations

import gzip
import io
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from newsletter.errors import UsageError
from newsletter.providers.sendgrid_events import UnreadableError, read_event, read_objects

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What is known of messages that were taken: how, by delivery id or (folded) address.
Evidence = Mapping[str, str]

# postfix/cleanup[12]: 4ABC: message-id=<…>  and  postfix/smtp[12]: 4ABC: to=<…>, …, status=sent (250 …).
# Queue ids are of hexadecimal digits, or (enable_long_queue_ids) of digits and consonants: postconf(5).
_POSTFIX = re.compile(
    r"\bpostfix[\w./-]*/(?P<daemon>[\w-]+)\[\d+\]: (?P<queue>[0-9A-Za-z]{6,}): (?P<rest>.*)"
)
_MESSAGE_ID = re.compile(r"(?:resent-)?message-id=<([^<>@\s]+)@")
_STATUS = re.compile(r"\bstatus=(\w+) (\(.*\))")
_TAKEN = re.compile(r"\bstatus=|\(queue active\)")
_DELIVERY = re.compile(r"[a-z2-7]{24}")
# A line of a list: a delivery id, or something with an @.
_NAME = re.compile(rf"{_DELIVERY.pattern}|[^\s@]+@[^\s@]+", re.IGNORECASE)
#: By so many of its first lines a file is known.
_LOOKED_AT = 1000


def from_list(path: Path) -> Evidence:
    """A file with an address, a Message-ID or a delivery id on each line; ``#`` begins a comment.

    A log of Postfix and events of SendGrid are known by their first lines, and read as what they are.

    Raises:
        UsageError: the file cannot be read, or is none of these.
    """
    with _lines(path) as lines:
        first = list(islice(lines, _LOOKED_AT))
        every = chain(first, lines)
        if any(_POSTFIX.search(line) for line in first):
            return _read_postfix(every, path)
        if next((line for line in first if line.strip()), "").lstrip().startswith(("[", "{")):
            return _read_sendgrid(every, path)
        names = [name for line in every if (name := line.partition("#")[0].strip())]
    for name in names:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"`{name[:60]}` is no address and no Message-ID",
                where=str(path),
                hint="write one on each line; or give a log of Postfix or events of SendGrid",
            )
    return {_name(name): f"listed in {path.name}" for name in names}


def from_postfix(path: Path) -> Evidence:
    """A log of Postfix, plain or ``.gz``: messages that came into its queue, by their Message-ID.

    That cleanup(8) saw a Message-ID is not enough: it sees it before the message is complete.

    Raises:
        UsageError: the file cannot be read, or no line of it is Postfix's.
    """
    with _lines(path) as lines:
        return _read_postfix(lines, path)


def _read_postfix(lines: Iterable[str], path: Path) -> Evidence:
    message_in: dict[str, str] = {}
    taken: dict[str, str] = {}
    seen = False
    for line in lines:
        match = _POSTFIX.search(line)
        if match is None:
            continue
        seen = True
        queue, rest = match["queue"], match["rest"]
        if found := _MESSAGE_ID.match(rest):
            message_in[queue] = _name(found[1])  # a queue id may come again, for another message
        elif queue in message_in and _TAKEN.search(rest):
            status = _STATUS.search(rest)
            told = f"postfix: {status[1]} {status[2]}"[:300] if status else "postfix: queued"
            if status or message_in[queue] not in taken:
                taken[message_in[queue]] = told
    if not seen:
        raise UsageError(
            "no line of it is Postfix's", where=str(path), hint="as `/var/log/mail.log`; or use `--delivered`"
        )
    return {name: how for name, how in taken.items() if is_delivery(name)}  # the others are no mail of ours


def from_sendgrid(path: Path) -> Evidence:
    """Events of SendGrid's webhook: a JSON array, several one after the other, or an object on each line.

    Raises:
        UsageError: the file cannot be read, or is no such JSON.
    """
    with _lines(path) as lines:
        return _read_sendgrid(lines, path)


def _read_sendgrid(lines: Iterable[str], path: Path) -> Evidence:
    text = "".join(lines)
    found: dict[str, str] = {}
    try:
        for told in read_objects(text):
            with suppress(UnreadableError):
                event = read_event(told)
                if event is not None and event.delivery:
                    found[event.delivery] = f"sendgrid: {event.word} {event.words}".strip()[:300]
    except ValueError as error:
        raise UsageError(
            f"this is no JSON: {error}", where=str(path), hint="give the bodies that the webhook posted"
        ) from error
    return found


def settled_by(evidence: Evidence, names: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Those of *names* (address, delivery id) that there is evidence of: how it is known, by delivery id."""
    return {
        delivery_id: how
        for email, delivery_id in names
        if (how := next((evidence[key] for key in keys_of(email, delivery_id) if key in evidence), None))
    }


def keys_of(email: str, delivery_id: str) -> tuple[str, str]:
    """By what evidence may name one recipient of a dispatch."""
    return delivery_id, _name(email)


def is_delivery(name: str) -> bool:
    """Whether something that evidence names has the form of a delivery id; else it is an address."""
    return _DELIVERY.fullmatch(name) is not None


def _name(text: str) -> str:
    """A delivery id out of a Message-ID, or an address, in the form by which they are compared."""
    text = text.strip().strip("<>").casefold()
    local = text.partition("@")[0]
    return local if is_delivery(local) else text


@contextmanager
def _lines(path: Path) -> Iterator[IO[str]]:
    """The lines of a file, of standard input for ``-``, or of what is packed in a ``.gz``."""
    if str(path) == "-":
        yield sys.stdin
        return
    try:
        with path.open("rb") as raw:
            plain: Any = gzip.open(raw) if path.suffix == ".gz" else raw  # noqa: SIM115 - closed with raw
            with io.TextIOWrapper(plain, encoding="utf-8", errors="replace") as file:
                yield file
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"cannot be read: {reason}", where=str(path), hint="name a file that is there"
        ) from error
