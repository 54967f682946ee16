"""Telling open pages that a file changed: watching the publication, and a stream of server-sent events."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from watchfiles import awatch

from newsletter.config import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from newsletter.config import Publication

#: An editor writes a file in several steps, which are one change. In milliseconds: how often the watcher
#: looks whether they ended, and how long it waits for that at most. What is written later is the next change.
STEP, LONGEST_STEP = 3, 60
#: A line without meaning is sent this often, in seconds, so that a connection that is gone is noticed.
BREATH = 20.0


class Watch:
    """Watches the issues, the themes and the settings of a publication, and wakes whoever listens.

    The folder of the publication itself is watched without what is below it: a database, an outbox or a
    repository change all the time and are nobody's business here.

    Args:
        publication: what is watched.
        ahead: is called in a thread whenever a file changed, to begin with what will be asked for next.
    """

    def __init__(self, publication: Publication, ahead: Callable[[], object] = lambda: None) -> None:
        self._root = publication.root.resolve()
        self._folders = [publication.issues, publication.themes]
        #: Those who wait for the next change.
        self.listeners: set[asyncio.Event] = set()
        self._ahead = ahead
        self._restart = asyncio.Event()
        self._stopping = False
        self._stopped = asyncio.Event()

    @property
    def stopping(self) -> bool:
        """Whether every stream is to end."""
        return self._stopping

    async def wait(self, seconds: float) -> None:
        """Wait so long, or until `stop`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch as long as the context lasts."""
        tasks = [asyncio.create_task(self._watch_root()), asyncio.create_task(self._watch_folders())]
        try:
            yield
        finally:
            self.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self) -> None:
        """End every open stream; to be called in the event loop."""
        self._stopping = True
        self._stopped.set()
        self._restart.set()
        self.wake()

    def wake(self) -> None:
        """Tell everybody who listens that something changed; to be called in the event loop."""
        for listener in self.listeners:
            listener.set()

    async def events(self) -> AsyncIterator[str]:
        """Server-sent events: one ``hello``, then a ``change`` whenever a file changed, until `stop`."""
        changed = asyncio.Event()
        self.listeners.add(changed)
        try:
            yield "retry: 1000\nevent: hello\ndata:\n\n"
            while not self._stopping:
                try:
                    await asyncio.wait_for(changed.wait(), BREATH)
                except TimeoutError:
                    yield ":\n\n"
                    continue
                changed.clear()
                if not self._stopping:
                    yield "event: change\ndata:\n\n"
        finally:
            self.listeners.discard(changed)

    def concerns(self, path: str) -> bool:
        """Whether a file or folder right below the publication is one that editions depend on."""
        return _name(path) in {FILE_NAME, *(folder.name for folder in self._folders)}

    async def _watch_root(self) -> None:
        def concerns(_: object, path: str) -> bool:
            return self.concerns(path)

        async for changes in awatch(
            self._root, recursive=False, watch_filter=concerns, step=STEP, debounce=LONGEST_STEP
        ):
            if {_name(path) for _, path in changes} - {FILE_NAME}:
                self._restart.set()  # a folder came or went: the other watch must look again
            self.wake()

    async def _watch_folders(self) -> None:
        while not self._stopping:
            self._restart.clear()
            self.wake()  # what was written while nobody watched must not be missed
            folders = [folder for folder in self._folders if folder.is_dir()]
            if not folders:
                await self._restart.wait()
                continue
            async for _ in awatch(*folders, stop_event=self._restart, step=STEP, debounce=LONGEST_STEP):
                self.wake()
                if self.listeners and not self._stopping:
                    # Whatever goes wrong there goes wrong again, and is told, when somebody asks.
                    await asyncio.gather(asyncio.to_thread(self._ahead), return_exceptions=True)


def _name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]
