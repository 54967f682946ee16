"""The collector of cycles, and when to do without it."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the collector of cycles, for the fraction of a second that a chunk takes.

    No cycle is made here; but the collector, called by the number of new objects, would look through the
    whole chunk again and again, for a third of the time.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
