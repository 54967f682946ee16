"""Who looks after the processes of a service: starts them, replaces those that die, renews and stops them."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from time import monotonic
from typing import TYPE_CHECKING

from newsletter.errors import NewsletterError
from newsletter.web.sharing import shared_memory
from newsletter.web.watchdog import Watchdog
from subscribers import SubscribersError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.context import ForkProcess

_log = logging.getLogger(__name__)

#: How long to wait before a process that died is replaced, in seconds: doubled from death to death, at most.
_FIRST, _LONGEST = 0.1, 30.0
#: Who lived so long was well: the next death is the first one.
_STEADY = 10.0
#: So many deaths of one place before it was ready, and nobody else there: there is no use in going on.
MOST_FAILURES = 5
#: What a process has beside its grace to come to its end, in seconds.
_SLACK = 5.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Shift:
    """What a process is told: to call ``ready`` once it works; ``lifeline`` can be read when it is alone.

    Who calls ``beat`` has to go on with that, again and again: it is how one that hangs is known.
    """

    ready: Callable[[], None]
    lifeline: int
    beat: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Work:
    """What a process does until SIGTERM: its *name* for people, and whether readers wait for it.

    ``silence`` is for how many seconds it may give no sign of life; 0: as long as the others.
    """

    name: str
    run: Callable[[Shift], None]
    answers: bool = True
    silence: float = 0.0


@dataclass
class _Place:
    """The place of one process: who has it, and how it went."""

    work: Work
    process: ForkProcess | None = None
    told: connection.Connection | None = None
    since: float = 0.0
    ready: bool = False
    leaving: bool = False
    failures: int = 0
    again_at: float = 0.0
    #: In memory that it shares with the process: when that gave its last sign of life; 0 for never.
    beaten: memoryview[float] = field(default_factory=lambda: memoryview(shared_memory(8)).cast("d"))

    def beat(self) -> None:
        """Give a sign of life, from the process."""
        self.beaten[0] = monotonic()

    def hangs(self, silence: float) -> bool:
        """Whether it is at work, gave signs of life, and none for so many seconds."""
        at_work = self.process is not None and self.ready and not self.leaving
        return at_work and 0 < self.beaten[0] < monotonic() - (self.work.silence or silence)


@dataclass
class Supervisor:
    """Keeps one process for each work, until SIGTERM or SIGINT; a second one ends them at once.

    SIGHUP renews them one after the other, with what *plan* says then; on a terminal, which sends it when it
    is closed, it stops them.

    Args:
        plan: the works, always as many; what it raises at SIGHUP is told, and all stays as it is.
        grace: how long a process may take to finish what it does, in seconds.
        on_ready: called once all are.
        on_stop: called as soon as it is to stop, before the processes are told.
        on_trouble: told what *plan* raised.
        silence: who gave signs of life, and none for so long, is killed, and replaced; in seconds.
        watchdog: who looks after us.
    """

    plan: Callable[[], Sequence[Work]]
    grace: float
    on_ready: Callable[[], None] = lambda: None
    on_stop: Callable[[], None] = lambda: None
    on_trouble: Callable[[NewsletterError], None] = lambda _: None
    silence: float = 60.0
    watchdog: Watchdog = field(default_factory=Watchdog)
    _places: list[_Place] = field(default_factory=list)
    _to_renew: list[tuple[_Place, Work]] = field(default_factory=list)
    _signals: list[int] = field(default_factory=list)
    _end_at: float | None = None
    _looked: float = field(default_factory=monotonic)
    _ear: socket.socket = field(init=False)
    _lifeline: int = field(init=False)
    _hand: int = field(init=False)

    def run(self) -> None:
        """Work until told to stop.

        Raises:
            NewsletterError: the processes die before they are ready, again and again.
        """
        self._places = [_Place(work) for work in self.plan()]
        self._lifeline, self._hand = os.pipe()
        told = False
        with self._listening():
            try:
                while self._end_at is None or self._alive():
                    self._start()
                    self._wait()
                    self._obey()
                    self._renew()
                    self._kill_those_that_hang()
                    self._check()
                    self.watchdog.beat()
                    if not told and self._end_at is None and all(place.ready for place in self._places):
                        told = True
                        self.watchdog.ready()
                        self.on_ready()
            finally:
                self._kill()
                os.close(self._hand)
                os.close(self._lifeline)

    def _start(self) -> None:
        """Give each place without a process a new one, if its time has come."""
        if self._end_at is None:
            for place in self._places:
                if place.process is None and place.again_at <= monotonic():
                    self._fork(place)

    def _fork(self, place: _Place) -> None:
        place.told, telling = connection.Pipe(duplex=False)
        place.process = get_context("fork").Process(target=self._enter, args=(place, telling))
        place.since, place.ready, place.leaving, place.beaten[0] = monotonic(), False, False, 0.0
        # A signal between the fork and the child's first line would be taken for one of ours.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        place.process.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        telling.close()

    def _enter(self, place: _Place, telling: connection.Connection) -> None:
        """What a new process does."""
        work = place.work
        signal.set_wakeup_fd(-1)
        for each in (signal.SIGINT, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os.close(self._hand)  # whose end is the sign that nobody looks after us
        try:
            work.run(Shift(lambda: telling.send_bytes(b"."), self._lifeline, place.beat))
        except (NewsletterError, SubscribersError) as error:
            _log.error("%s: %s", work.name, error)
            sys.exit(error.exit_code)
        except Exception as error:  # noqa: BLE001 - its text may hold addresses
            _log.error("%s: this is a fault of the program: %s", work.name, type(error).__name__)
            sys.exit(1)

    def _wait(self) -> None:
        """Until a signal, a death, or somebody ready; and not longer than until the next thing to do."""
        sentinels = [place.process.sentinel for place in self._places if place.process]
        telling = [place.told for place in self._places if place.told and not place.ready]
        moments = [place.again_at for place in self._places if not place.process and self._end_at is None]
        moments += [] if self._end_at is None else [self._end_at]
        moments += [monotonic() + self.silence / 4] if any(place.beaten[0] for place in self._places) else []
        moments += [monotonic() + self.watchdog.period] if self.watchdog.period else []
        patience = max(0.0, min(moments) - monotonic()) if moments else None
        ready = connection.wait([self._ear, *sentinels, *telling], patience)
        if self._ear in ready:
            self._signals += self._ear.recv(1024)
        for place in self._places:
            if place.told in ready and not place.ready:
                with suppress(EOFError):
                    place.told.recv_bytes()
                    place.ready = True
            if place.process and place.process.sentinel in ready:
                self._bury(place)

    def _bury(self, place: _Place) -> None:
        """Note how a process ended, and when there will be another."""
        assert place.process is not None  # noqa: S101 - for the type checker
        place.process.join()
        code, pid = place.process.exitcode or 0, place.process.pid
        if place.told is not None:
            place.told.close()
        place.process, place.told = None, None
        if place.leaving or self._end_at is not None:
            place.failures, place.again_at = 0, 0.0
            return
        steady = place.ready and monotonic() - place.since >= _STEADY
        place.failures = 1 if steady else place.failures + 1
        wait = min(_FIRST * 2 ** min(place.failures - 1, 16), _LONGEST)
        place.again_at = monotonic() + wait
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        _log.warning("%s (%s) %s; another one takes its place in %.1f s", place.work.name, pid, how, wait)

    def _kill_those_that_hang(self) -> None:
        """End who gave no sign of life for too long; it is buried as one that died by itself.

        If we were not there ourselves meanwhile, as when the machine was halted, nobody is to blame for it.
        """
        before, self._looked = self._looked, monotonic()
        if self._looked - before > self.silence / 2:
            for place in self._places:
                if place.beaten[0]:
                    place.beat()
        for place in self._places if self._end_at is None else ():
            if place.process is not None and place.hangs(self.silence):
                _log.warning("%s (%s) gives no sign of life", place.work.name, place.process.pid)
                place.process.kill()
                place.beaten[0] = 0.0

    def _check(self) -> None:
        """Give up where no process comes to work at all."""
        answering = [place for place in self._places if place.work.answers]
        if any(place.process and place.ready for place in answering) or self._end_at is not None:
            return
        if all(place.failures >= MOST_FAILURES and not place.ready for place in answering):
            raise NewsletterError(
                f"all workers end as soon as they begin, {MOST_FAILURES} times by now",
                hint="what they said stands above; `newsletter serve` without `--workers` tells more",
            )

    def _obey(self) -> None:
        """Do what signals ask for."""
        signals, self._signals = self._signals, []
        for each in signals:
            if each == signal.SIGHUP and not _on_terminal():
                self._plan_anew()
            elif self._end_at is None:
                self._end_at = monotonic() + self.grace + _SLACK
                self.on_stop()
                for place in self._places:
                    self._end(place)
            else:
                self._kill()
        if self._end_at is not None and monotonic() >= self._end_at:
            self._kill()

    def _plan_anew(self) -> None:
        if self._end_at is not None:
            return
        try:
            works = self.plan()
        except NewsletterError as error:
            self.on_trouble(error)
            return
        self._to_renew = list(zip(self._places, works, strict=True))

    def _renew(self) -> None:
        """Send the next one home whose work is an old one, if all others are at work."""
        if self._to_renew and self._end_at is None and all(place.ready for place in self._places):
            place, work = self._to_renew.pop(0)
            place.work, place.ready, place.leaving = work, False, True
            self._end(place)

    def _end(self, place: _Place) -> None:
        if place.process is not None:
            place.process.terminate()

    def _kill(self) -> None:
        for place in self._places:
            if place.process is not None:
                place.process.kill()
                place.process.join()
                place.process = None

    def _alive(self) -> bool:
        return any(place.process for place in self._places)

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Signals come as bytes that can be waited for, beside everything else."""
        self._ear, mouth = socket.socketpair()
        self._ear.setblocking(False)
        mouth.setblocking(False)
        before = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
        handlers = {each: signal.signal(each, lambda *_: None) for each in _SIGNALS}
        try:
            yield
        finally:
            for each, handler in handlers.items():
                signal.signal(each, handler)
            signal.set_wakeup_fd(before)
            self._ear.close()
            mouth.close()


def _on_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
