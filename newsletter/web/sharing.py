"""What several processes count together: whose turn it is, and memory that outlives who wrote into it."""

from __future__ import annotations

import mmap
import os
from contextlib import nullcontext
from tempfile import TemporaryFile
from typing import TYPE_CHECKING
from weakref import finalize

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

#: The turn of a process that counts alone.
ALONE: AbstractContextManager[object] = nullcontext()


class Turn:
    """A lock between processes that were forked after it was made; threads of one process share it.

    The system gives it back when who holds it dies (fcntl(2), "Advisory record locking"), which no semaphore
    in shared memory does.
    """

    def __init__(self) -> None:
        with TemporaryFile() as file:
            self._file = os.dup(file.fileno())
        finalize(self, os.close, self._file)

    def __enter__(self) -> None:
        import fcntl  # there is none on Windows, where nothing is forked

        fcntl.lockf(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        import fcntl

        fcntl.lockf(self._file, fcntl.LOCK_UN)


def shared_memory(size: int) -> mmap.mmap:
    """So many bytes of nought, the same ones for all processes that are forked from here on."""
    return mmap.mmap(-1, size)
