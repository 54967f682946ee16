"""`newsletter serve --workers N`: who answers, who carries notices to the provider, and what they share."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from select import select
from typing import TYPE_CHECKING

from newsletter.cli import output
from newsletter.cli.serving import GRACE, log_as, patience_of
from newsletter.config import load_publication
from newsletter.errors import UsageError
from newsletter.migrations import open_database
from newsletter.notices.handing_over import Desk
from newsletter.notices.postman import postman
from newsletter.public import create_app
from newsletter.web.serving import listen, serve_shared, url_of
from newsletter.web.tally import Tally

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from types import FrameType

    from newsletter.cli.session import Session
    from newsletter.config import Publication
    from newsletter.errors import NewsletterError
    from newsletter.web.supervising import Shift, Work

#: For so many seconds at least who carries notices may give no sign of life, or for so many times `timeout`:
#: connecting, a login and each line of a dialogue may take it once, and the connection may be another twice.
SILENCE, STEPS = 600.0, 20


def serve_by_many(
    session: Session, host: str, port: int, workers: int, on_ready: Callable[[str], None]
) -> None:
    """Serve readers by so many processes, and notices by one more, until told to stop.

    Args:
        session: the command's; its settings are read again at SIGHUP.
        host: the address to listen on.
        port: the port; 0 takes any free one.
        workers: how many processes answer.
        on_ready: called with the service's URL once all of them do.

    Raises:
        UsageError: the system cannot fork.
        NewsletterError: it cannot be listened there, or the workers die as they begin.
    """
    if not hasattr(os, "fork"):
        raise UsageError("this system runs one worker only", where="--workers", hint="leave it out")
    from newsletter.web.supervising import Supervisor

    session.engine.dispose()  # it was brought up to date; a connection must not be in two processes
    listener = listen(host, port)
    url = url_of(listener, host)
    force = Workforce(session, host, workers, listener, Bell())
    try:
        Supervisor(
            force.plan,
            GRACE,
            on_ready=partial(on_ready, url),
            on_stop=listener.close,
            on_trouble=_say_trouble,
        ).run()
    finally:
        listener.close()


class Bell:
    """What workers ring when a notice was written, and who carries notices waits for."""

    def __init__(self) -> None:
        self.ear, self._rope = os.pipe()
        os.set_blocking(self.ear, False)
        os.set_blocking(self._rope, False)

    def ring(self) -> None:
        """Call; at once, even if nobody has answered thousands of calls before."""
        with suppress(BlockingIOError):
            os.write(self._rope, b"!")

    def hush(self) -> None:
        """Answer all calls until now."""
        with suppress(BlockingIOError):
            os.read(self.ear, 65536)


@dataclass
class Workforce:
    """Those who answer, on one socket, and the one who carries notices; each a process."""

    session: Session
    host: str
    workers: int
    listener: socket.socket
    bell: Bell
    tally: Tally | None = None

    def plan(self) -> list[Work]:
        """What each process does, by the settings as they are now.

        Raises:
            NewsletterError: they cannot be read.
        """
        from newsletter.web.supervising import Work

        first, session = self.tally is None, self.session
        publication = session.publication if first else load_publication(session.directory, session.overrides)
        web = publication.settings.web
        log_as(web.log)
        self.tally = Tally.of(web, workers=self.workers, before=self.tally)
        if not first:
            output.say("settings were read again; workers are renewed one after the other")
        answering = [
            Work(f"worker {seat + 1}", partial(self.answer, publication, self.tally, seat))
            for seat in range(self.workers)
        ]
        carry = partial(self.carry, publication)
        return [*answering, Work("postman", carry, answers=False, silence=_silence(publication))]

    def answer(self, publication: Publication, tally: Tally, seat: int, shift: Shift) -> None:
        """Answer readers until told to stop."""
        engine = open_database(publication)
        tally.sit(seat)
        app = create_app(publication, engine, hosts=[self.host], call_postman=self.bell.ring, tally=tally)
        patience = patience_of(publication.settings.web, tally)
        try:
            serve_shared(app, self.listener, patience, shift.ready, shift.lifeline, shift.beat)
        finally:
            engine.dispose()

    def carry(self, publication: Publication, shift: Shift) -> None:
        """Hand notices over when the bell rings, and now and then, until told to stop."""
        self.listener.close()
        signal.signal(signal.SIGTERM, _leave)
        engine = open_database(publication)
        try:
            with postman(Desk(publication, engine, beat=shift.beat)) as call:
                shift.ready()
                while shift.lifeline not in select([self.bell.ear, shift.lifeline], [], [])[0]:
                    self.bell.hush()
                    call()
        finally:
            engine.dispose()


def _silence(publication: Publication) -> float:
    """For how many seconds one notice may keep who carries them: a server may be slow at each step of it."""
    settings = publication.settings
    return max(SILENCE, STEPS * max(settings.smtp.timeout, settings.sendgrid.timeout))


def _leave(_: int, __: FrameType | None) -> None:
    """End what is waited for, and nothing of what is done then: a second signal may come."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(0)


def _say_trouble(error: NewsletterError) -> None:
    output.error(error.what, where=error.where, hint=error.hint)
    output.warn("the settings stay as they were")
