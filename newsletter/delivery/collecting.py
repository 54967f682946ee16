"""Python's collector of cyclic garbage, held back while many small things are made and thrown away."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: After so many new objects the collector looks at those; Python's own number is 700.
_NEW_OBJECTS = 100_000
_lock = Lock()
_inside = 0


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Look for cyclic garbage seldom, and never in what was there before.

    A thousand recipients are some ten thousand objects, none of which is in a cycle. To look through them,
    and through all modules that are loaded, took a fifth of the ledger's time.
    https://docs.python.org/3/library/gc.html#gc.freeze
    """
    global _inside
    with _lock:
        _inside += 1
        if _inside == 1:
            before = gc.get_threshold()
            gc.freeze()
            gc.set_threshold(_NEW_OBJECTS, *before[1:])
            _before.append(before)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                gc.set_threshold(*_before.pop())
                gc.unfreeze()


_before: list[tuple[int, int, int]] = []
