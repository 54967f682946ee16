"""A process that works on the dispatch ``issue-1`` over SMTP, and may kill itself at a chosen moment.

Usage: sender.py DATABASE-URL PORT MOMENT COUNT

MOMENT is where the process dies, without a chance to clean up, when it comes there for the COUNT-th time:
``claimed``, ``authorised``, ``handed-over`` (the server's reply was read) or ``recorded``; ``never`` works to
the end, or until SIGTERM.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from threading import Event

from fakes.editions import ENVELOPE

from newsletter.config import SmtpSettings
from newsletter.delivery import Means, run_dispatch
from newsletter.providers.smtp import SmtpProvider
from subscribers import SubscriberStore, Tokens, open_engine

URL, PORT, MOMENT, COUNT = sys.argv[1:]
left = int(COUNT)


def reached(moment: str) -> None:
    global left
    if moment == MOMENT:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Store(SubscriberStore):
    """The list; it is read right after a batch was claimed."""

    def addressees(self, connection, ids, **about):
        reached("claimed")
        return super().addressees(connection, ids, **about)


class Provider(SmtpProvider):
    """SMTP, with small windows."""

    window = 5
    batch_size = 20

    @contextmanager
    def connect(self, dispatch="test"):
        with super().connect(dispatch) as connection:
            yield Watched(connection)


class Watched:
    """A connection that is watched from outside."""

    def __init__(self, connection):
        self._connection = connection

    def send(self, messages):
        reached("authorised")
        for outcome in self._connection.send(messages):
            reached("handed-over")
            yield outcome


def main() -> None:
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    engine = open_engine(URL)
    settings = SmtpSettings(host="127.0.0.1", port=int(PORT), connections=1)
    means = Means(
        engine=engine,
        store=Store(engine),
        tokens=Tokens([b"a key"]),
        provider=Provider(settings, sender="news@example.com"),
        envelope=ENVELOPE,
        url="https://news.example.com",
    )

    def recorded(progress):
        if progress.done:
            reached("recorded")

    run_dispatch(means, "issue-1", stop=stop, progress=recorded)
    engine.dispose()


main()
