"""The provider that writes each message to a file: to look at, to test with, to hand to another program."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from newsletter.errors import ProviderError
from newsletter.messages.message import UnmailableError
from newsletter.providers.base import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from newsletter.messages.message import Message


class OutboxProvider:
    """A folder with one folder per dispatch, and in it one ``.eml`` file per recipient.

    A file is named by its delivery id. To write it again replaces it, so nothing is ever in doubt.
    """

    name = "outbox"
    window = 1000
    batch_size = 1000
    concurrency = 1
    idempotent = True
    smtputf8 = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def describe(self) -> str:
        """Where messages go, for people."""
        return f"outbox at {self._folder}"

    @contextmanager
    def connect(self, dispatch: str = "test") -> Iterator[OutboxConnection]:
        """Make the folder of the dispatch.

        Raises:
            ProviderError: the folder cannot be made.
        """
        folder = self._folder / dispatch
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _sync(self._folder)
        except OSError as error:
            raise _unwritable(folder, error) from error
        yield OutboxConnection(folder)


class OutboxConnection:
    """The folder of one dispatch."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, messages: Sequence[Message]) -> list[Outcome]:
        """Write each message to its own file; all of them are on the disk when this returns.

        Raises:
            ProviderError: a file cannot be written. None of *messages* counts as handed over then.
        """
        try:
            outcomes = [self._write(message) for message in messages]
            _sync(self._folder)
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        return outcomes

    def _write(self, message: Message) -> Outcome:
        try:
            content = message.as_bytes()
        except UnmailableError as error:
            return Outcome(message.delivery_id, Verdict.REJECTED, error.what)
        path = self._folder / f"{message.delivery_id}.eml"
        unfinished = path.with_suffix(".part")
        try:
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        return Outcome(message.delivery_id, Verdict.ACCEPTED, provider_id=path.name)


def _sync(folder: Path) -> None:
    """Make the names of new files durable: once for all of them, after they were written."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(folder: Path, error: OSError) -> ProviderError:
    return ProviderError(
        f"the outbox cannot be written: {error.strerror}",
        where=str(folder),
        hint="make room, or give the right to write there",
    )
