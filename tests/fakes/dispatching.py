"""A small list, and the usual way to plan a dispatch to it and to work on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random

from fakes.editions import ENVELOPE, edition
from fakes.providers import ScriptedProvider
from sqlalchemy import Engine, insert, select
from sqlalchemy.event import listen, remove

from newsletter.delivery import (
    Audience,
    Backoff,
    Means,
    Plan,
    Status,
    ledger,
    log,
    plan_dispatch,
    run_dispatch,
)
from newsletter.delivery.control import begin
from newsletter.delivery.identity import worker_name
from newsletter.delivery.models import DISPATCH
from newsletter.editions.edition import Edition
from newsletter.providers import Provider, Verdict
from subscribers import SubscriberStore, Tokens, now, parse_segment, writing
from subscribers.models import Subscriber
from subscribers.suppression import suppression_key

EVERYBODY = Audience("everybody")


class Clock:
    """A clock that stands still until it is told to wait."""

    def __init__(self, now: datetime = datetime(2026, 4, 11, 6, 0, tzinfo=UTC)) -> None:
        self.now = now
        self.waits: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += timedelta(seconds=seconds)


def fill(engine: Engine, count: int, **values: object) -> SubscriberStore:
    """A list of ``reader1@example.com`` and so on."""
    store = SubscriberStore(engine)
    rows = [
        {
            "email": f"reader{number}@example.com",
            "email_key": f"reader{number}@example.com",
            "public_id": f"public{number}",
            "suppression_key": suppression_key(store.secret, f"reader{number}@example.com"),
            "first_name": f"Reader {number}",
            "last_name": "",
            "locale": "",
            "status": "active",
            "attributes": {},
            "created_at": datetime(2026, 1, 1, tzinfo=UTC),
            "updated_at": datetime(2026, 1, 1, tzinfo=UTC),
            **values,
        }
        for number in range(1, count + 1)
    ]
    with writing(engine) as connection:
        connection.execute(insert(Subscriber), rows)
    return store


def where(expression: str) -> Audience:
    return Audience(f"those with {expression}", parse_segment(expression))


def plan(
    engine: Engine,
    provider: Provider,
    audience: Audience = EVERYBODY,
    *,
    what: Edition | None = None,
    again: bool = False,
    dry_run: bool = False,
    **options: object,
) -> Plan:
    return plan_dispatch(
        engine,
        SubscriberStore(engine),
        what or edition(),
        audience,
        provider=provider,
        sender=ENVELOPE.sender,
        again=again,
        dry_run=dry_run,
        **options,
    )


def means(engine: Engine, provider: Provider, **changes: object) -> Means:
    values = {
        "engine": engine,
        "store": SubscriberStore(engine),
        "tokens": Tokens([b"a key"]),
        "provider": provider,
        "envelope": ENVELOPE,
        "url": "https://news.example.com",
        "random": Random(1),
        "backoff": Backoff(tries=3),
        **changes,
    }
    return Means(**values)


def run(engine: Engine, provider: Provider, name: str = "issue-1", **changes: object) -> Status:
    """Work on a dispatch with a clock that jumps over every wait."""
    clock = changes.pop("clock", None) or Clock(datetime.now(UTC) + timedelta(hours=1))
    kept = ("stop", "progress", "patience", "paused")
    options = {key: changes.pop(key) for key in kept if key in changes}
    return run_dispatch(means(engine, provider, clock=clock, **changes), name, pause=clock.wait, **options)


def leave_in_doubt(engine: Engine) -> None:
    """A dispatch to five readers, of whom nobody knows whether the first four were sent it."""
    fill(engine, 5)
    provider = ScriptedProvider(
        lambda message: Verdict.ACCEPTED if message.email == "reader5@example.com" else Verdict.UNCERTAIN
    )
    plan(engine, provider)
    run(engine, provider)


def lose_a_worker(engine: Engine) -> None:
    """A dispatch to the whole list, whose worker died after it handed over a window of two."""
    plan(engine, ScriptedProvider())
    begin(engine, "issue-1", "smtp")
    with engine.connect() as connection:
        dispatch = connection.scalar(select(DISPATCH.c.id)) or 0
    lease = ledger.claim(engine, dispatch, worker_name().replace(f":{os.getpid()}:", ":1:"), now())
    assert lease is not None
    assert ledger.authorise(engine, lease, lease.untried[:2], [], now()) is not None


def states(engine: Engine, name: str = "issue-1") -> dict[str, str]:
    """Each recipient's state, by address."""
    return {line.email: line.state for line in log(engine, name)}


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """What is asked of a database within the block."""
    asked: list[str] = []

    def keep(*what: object) -> None:
        asked.append(str(what[2]))

    listen(engine, "before_cursor_execute", keep)
    try:
        yield asked
    finally:
        remove(engine, "before_cursor_execute", keep)


def names(*numbers: int) -> set[str]:
    return {f"reader{number}@example.com" for number in numbers}


def those_in(engine: Engine, state: str, name: str = "issue-1") -> set[str]:
    return {line.email for line in log(engine, name, state)}


def in_turn(*answers: object) -> Callable[..., object]:
    """A function that gives the answers one after the other, and the last one for ever."""
    waiting: Iterator[object] = iter(answers)
    last = answers[-1]
    return lambda *_: next(waiting, last)
