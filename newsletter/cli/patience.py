"""Says of a search through the list that it takes long, while it does, and what would make it faster."""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING

from newsletter.cli import output
from subscribers.indexing import COLUMNS, indexes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.cli.session import Session
    from subscribers import Segment

#: Nobody waits longer than this, in seconds, without being told.
PATIENCE = 1.0


@contextmanager
def looking(session: Session, segment: Segment | None) -> Iterator[None]:
    """Say on stderr, after a second, that looking for *segment* goes on, and in the end how long it took."""
    begin = time.monotonic()
    timer = Timer(PATIENCE, output.say, ["still looking through the list …"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # it may just be saying so, which must not come after what was found
    took = time.monotonic() - begin
    if took >= PATIENCE:
        output.say(f"this took {took:.1f} s{_advice(session, segment)}")


def _advice(session: Session, segment: Segment | None) -> str:
    """Which indexes would help, if any would."""
    if segment is None:
        return ""
    attributes = session.store.attribute_names()
    there = {index.field for index in indexes(session.engine, attributes) if index.ready}
    lacking = [
        field for field in segment.sought() if field in attributes | COLUMNS.keys() and field not in there
    ]
    commands = ", ".join(f"`newsletter segments index {field}`" for field in lacking)
    return f"; {commands} may make it faster" if commands else ""
