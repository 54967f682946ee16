"""The studio's report of a dispatch that runs: one look at a ledger, against counting its outcomes by state.

`python -m benchmarks.reports [--rows N] [--rounds N]`

Half of the recipients have an outcome, the others are in their batches. The floor is the one query without
which no report can be made: the outcomes counted by state. It is told, too, what it takes to see that nothing
changed, and to read every line of the log, as `newsletter log` does.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from benchmarks.ledger import EDITION
from benchmarks.listing import JOINED, fill
from benchmarks.timing import interleaved
from newsletter.delivery import log, status
from newsletter.delivery.counting import mark_of
from newsletter.delivery.models import BATCH, DELIVERY, DISPATCH
from newsletter.delivery.summary import summarise
from newsletter.delivery.timeline import timeline
from newsletter.migrations import upgrade
from subscribers import SubscriberStore
from subscribers.database import open_engine, writing
from subscribers.tables import SUBSCRIBER, insert_many

if TYPE_CHECKING:
    from sqlalchemy import Engine

ROWS = 20_000
NAME = "ledger-1"
#: Of a hundred recipients, so many do not end as accepted, each for a reason of its own.
ODD = {7: ("rejected", "550 5.1.1 <reader@example.com> unknown"), 8: ("uncertain", "the answer was lost")}


def main(rows: int = ROWS, rounds: int = 3) -> None:
    """Print the times and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'ledger.db'}")
        upgrade(engine)
        fill(SubscriberStore(engine), rows)
        _dispatch(engine, rows)
        contenders = {
            "floor": lambda: _count(engine),
            "ours": lambda: (status(engine, NAME), summarise(engine, NAME), timeline(engine, NAME)),
            "change": lambda: mark_of(engine, NAME),
            "whole": lambda: sum(1 for _ in log(engine, NAME)),
        }
        times = interleaved(contenders, rounds)
        engine.dispose()
    print(
        f"reports    {rows:,} recipients: one look {times['ours'] * 1e3:,.0f} ms, "
        f"{times['ours'] / times['floor']:.1f}x the count by state ({times['floor'] * 1e3:,.0f} ms); "
        f"whether something changed {times['change'] * 1e3:,.1f} ms; "
        f"every line {times['whole'] * 1e3:,.0f} ms"
    )


def _dispatch(engine: Engine, rows: int) -> None:
    with writing(engine) as connection:
        ids = list(connection.scalars(select(SUBSCRIBER.c.id).order_by(SUBSCRIBER.c.id)))
        values = {
            "id": 1, "name": NAME, "slug": "ledger", "digest": "d", "edition": EDITION.to_json(), "topic": "",
            "audience": "everybody", "audience_key": "all", "provider": "smtp", "sender": "x@example.com",
            "secret": b"s" * 32, "state": "running", "candidates": rows, "planned": rows,
            "created_at": JOINED,
        }  # fmt: skip
        connection.execute(DISPATCH.insert().values(values))
        for number, start in enumerate(range(0, rows, 1_000)):
            batch = ids[start : start + 1_000]
            done = start < rows // 2
            left = "[]" if done else json.dumps(batch, separators=(",", ":"))
            waiting = {
                "dispatch_id": 1, "number": number, "ids": left, "pending": 0 if done else len(batch),
                "called": 0, "tries": "{}", "attempt": 1, "worker": "",
                "state": "done" if done else "ready", "ready_at": JOINED,
            }  # fmt: skip
            connection.execute(BATCH.insert().values(waiting))
            if done:
                insert_many(connection, DELIVERY, [_outcome(who, number) for who in batch])


def _outcome(who: int, batch: int) -> dict[str, object]:
    state, reason = ODD.get(who % 100, ("accepted", ""))
    return {
        "dispatch_id": 1, "subscriber_id": who, "delivery_id": f"{who:022}", "batch": batch, "state": state,
        "reason": reason, "provider_id": "", "attempts": 1, "at": JOINED + timedelta(seconds=batch),
    }  # fmt: skip


def _count(engine: Engine) -> None:
    query = select(DELIVERY.c.state, func.count()).where(DELIVERY.c.dispatch_id == 1)
    with engine.connect() as connection:
        connection.execute(query.group_by(DELIVERY.c.state)).all()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    main(options.rows, options.rounds)
