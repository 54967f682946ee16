"""Names that cannot be mistaken: of a delivery, everywhere and for ever, and of a worker, while it lives."""

from __future__ import annotations

import os
import socket
import time
from binascii import hexlify
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from subscribers.columns import now

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Letters for the digits of a number: no address of a mail or name of a file minds them.
_LETTERS = bytes.maketrans(b"0123456789abcdef", b"abcdefghijklmnop")

#: Workers of this process that ended before they could give back what they held.
_retired: set[str] = set()

PROCESSES = Path("/proc")
MACHINE = Path("/etc/machine-id")
#: When a process began of which the system does not tell.
UNKNOWN = "?"

# Of the letters of a delivery's name, so many are the recipient's own.
_OWN = 18


def delivery_id(secret: bytes, subscriber_id: int) -> str:
    """The opaque name of one recipient's delivery: 24 letters, the same on every run.

    Being the same, a message that is composed twice has one Message-ID (RFC 5322, 3.6.4); being made with
    the dispatch's *secret*, it tells nobody who the recipient is.

    The first six letters are those of a block of 1,024 subscribers, so that the names of one batch stand side
    by side in the database's index: names without any order would write all over it with every batch. The
    other eighteen, 72 bits, are the recipient's own.
    """
    return delivery_ids(secret, (subscriber_id,))[0]


def delivery_ids(secret: bytes, ids: Sequence[int]) -> list[str]:
    """The names of many deliveries, as by `delivery_id`."""
    keyed = blake2b(key=secret, digest_size=9)  # half of the work is in the key, and done once
    digests = bytearray()
    for who in ids:
        own = keyed.copy()
        own.update(who.to_bytes(8, "big"))
        digests += own.digest()
    letters = hexlify(digests).translate(_LETTERS).decode("ascii")
    starts = range(0, len(letters), _OWN)
    return [
        _block_name(secret, who >> 10) + letters[start : start + _OWN]
        for who, start in zip(ids, starts, strict=True)
    ]


@lru_cache(maxsize=256)
def _block_name(secret: bytes, block: int) -> str:
    digest = blake2b(block.to_bytes(8, "big"), key=secret, digest_size=3, person=b"block").digest()
    return hexlify(digest).translate(_LETTERS).decode("ascii")


def worker_name() -> str:
    """A new name for a worker in this process: host, process, when the process began, and a random part."""
    return f"{_host()}:{os.getpid()}:{_began(os.getpid())}:{token_hex(4)}"


def process_began() -> datetime:
    """When this process began; the present moment where the system does not tell."""
    ticks = _began(os.getpid())
    if ticks is None or not ticks.isdigit():
        return now()
    # proc(5): the start time is counted in clock ticks since the system was booted.
    ago = time.clock_gettime(time.CLOCK_BOOTTIME) - int(ticks) / os.sysconf("SC_CLK_TCK")
    return now() - timedelta(seconds=ago)


def retire(workers: Iterable[str]) -> None:
    """Note that these names are nobody's any more, though this process goes on."""
    _retired.update(workers)


def is_gone(worker: str) -> bool:
    """True when the worker has certainly ended; False when its process runs, or runs elsewhere, or may."""
    if worker in _retired:
        return True
    host, *rest = worker.rsplit(":", 3)
    if host != _host() or len(rest) != 3:
        return False
    pid, began, _ = rest
    now_running = _began(int(pid))
    return now_running is None or now_running not in (began, UNKNOWN)


def _host() -> str:
    """The machine, also if another has its name; within a container that shares both, the container."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(str((PROCESSES / "self/ns/pid").readlink()))
    with suppress(OSError):
        # machine-id(5): it is not to be shown as it is.
        machine = MACHINE.read_bytes().strip()
        parts.append(blake2b(machine, key=b"newsletter worker", digest_size=4).hexdigest())
    return "/".join(parts)


def _began(pid: int) -> str | None:
    """When the process began, or None if there is none; `UNKNOWN` where the system does not tell."""
    stat = PROCESSES / f"{pid}/stat"
    try:
        # proc(5): field 22 is the start time; field 2 is a name in brackets that may hold anything.
        state, *fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        # With hidepid (proc(5)), those of other users are not shown; they can be asked for all the same.
        return UNKNOWN if _answers(pid) else None
    return None if state in "ZX" else fields[18]


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
