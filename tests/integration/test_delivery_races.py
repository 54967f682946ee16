"""Those who settle the same doubt at one moment: on PostgreSQL neither stops the other, nor overwrites it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import leave_in_doubt, states
from fakes.feedback import ids
from sqlalchemy import select, text, update

from newsletter.delivery.control import settle_by
from newsletter.delivery.models import DELIVERY, DeliveryState
from newsletter.delivery.proving import Proof, settle_proved
from newsletter.delivery.report import find
from subscribers import now
from subscribers.database import writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

FIRST = "reader1@example.com"


@pytest.fixture
def doubtful(postgres_engine: Engine) -> Engine:
    """A database with a dispatch of which four readers are in doubt."""
    leave_in_doubt(postgres_engine)
    return postgres_engine


def wait_for_who_waits(engine: Engine) -> None:
    """Until somebody waits for a lock of another."""
    until = monotonic() + 300
    with engine.connect() as connection:
        while not connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            assert monotonic() < until, "nobody waits"


def test_an_event_waits_for_a_person_before_it_takes_what_they_will_need(doubtful: Engine) -> None:
    """It took the delivery first, and PostgreSQL ended one of the two: `deadlock detected`."""
    proof = Proof(ids(doubtful)[FIRST], "sendgrid: delivered")

    def take() -> int:
        with writing(doubtful) as connection:
            return settle_proved(connection, [proof], now())

    with ThreadPoolExecutor(1) as pool:
        with doubtful.begin() as person:
            find(person, "issue-1", lock=True)
            taken = pool.submit(take)
            wait_for_who_waits(doubtful)
            person.execute(select(DELIVERY).with_for_update(nowait=True))
        assert taken.result() == 1

    assert states(doubtful)[FIRST] == DeliveryState.ACCEPTED


def test_evidence_does_not_overwrite_what_a_person_settles_meanwhile(doubtful: Engine) -> None:
    name = ids(doubtful)[FIRST]
    with ThreadPoolExecutor(1) as pool:
        with doubtful.begin() as person:
            find(person, "issue-1", lock=True)
            settled = pool.submit(settle_by, doubtful, "issue-1", {name: "postfix: sent"})
            wait_for_who_waits(doubtful)
            failed = {"state": DeliveryState.FAILED, "reason": "by a person"}
            person.execute(update(DELIVERY).where(DELIVERY.c.delivery_id == name).values(**failed))
        assert settled.result().doubtful == 0

    assert states(doubtful)[FIRST] == DeliveryState.FAILED
