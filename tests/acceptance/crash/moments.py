"""The moments at which a process kills itself, without a chance to clean up: named points of a dispatch."""

from __future__ import annotations

import os
import signal
import socket
from functools import wraps
from threading import Lock

from sqlalchemy.engine.default import DefaultDialect

from newsletter.delivery import ledger

#: Each named moment and how often, at most, a test lets it pass before the process dies there.
MOMENTS = {
    "before claim": 5,
    "after claim": 4,
    "before calling": 8,
    "after calling": 8,
    "after bytes left": 40,
    "after a reply": 40,
    "before record": 8,
    "after record": 8,
    "before commit": 24,
    "after commit": 24,
    "before the end": 1,
}
_lock = Lock()


def arm(moment: str, count: int) -> None:
    """Let this process die when it comes to *moment* for the *count*-th time, in whatever thread.

    The ledger's functions and the driver's commit are wrapped, and the sockets: whatever a provider does,
    its bytes go through them.
    """
    left = [count]

    def reached() -> None:
        with _lock:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    where, _, what = moment.partition(" ")
    if what == "bytes left":
        for name in ("send", "sendall", "sendmsg"):
            _wrap(socket.socket, name, where, reached)
    elif what == "a reply":
        for name in ("recv", "recv_into"):
            _wrap(socket.socket, name, where, reached)
    elif what == "commit":
        _wrap(DefaultDialect, "do_commit", where, reached)
    else:
        _wrap(ledger, {"calling": "authorise", "the end": "finish"}.get(what, what), where, reached)


def _wrap(owner: object, name: str, where: str, reached: object) -> None:
    original = getattr(owner, name)

    @wraps(original)
    def wrapped(*args: object, **options: object) -> object:
        if where == "before":
            reached()
        result = original(*args, **options)
        if where == "after":
            reached()
        return result

    setattr(owner, name, wrapped)
