"""Wishes that come at once: each of them written, and one that cannot be is nobody else's trouble."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import text

from newsletter.public.gathering import MOST, Gathering
from subscribers import Consent, ConsentKind, Status, SubscriberStore, now
from subscribers.database import writing
from subscribers.group_commit import write_all
from subscribers.leaving import leave_by_link


def people(engine, count):
    store = SubscriberStore(engine)
    return store, [store.add(f"reader{n}@example.com")[0].public_id for n in range(count)]


def leave(public_id):
    said = Consent(ConsentKind.OPTED_OUT, "one-click")
    return partial(leave_by_link, who=public_id, topic="", consent=said, at=now())


def refuse(connection):
    """A write that the database refuses: it must not take the others' with it."""
    connection.execute(text("DELETE FROM consent_event"))


def test_all_who_ask_at_once_have_left_when_they_are_answered(engine):
    store, ids = people(engine, 30)
    gathering = Gathering(engine)

    async def ask(public_id):
        done = await gathering.write(leave(public_id))
        return done, store.find_public(public_id).status

    async def all_of_them():
        return await asyncio.gather(*map(ask, ids))

    assert asyncio.run(all_of_them()) == [(True, Status.UNSUBSCRIBED)] * 30


def test_a_write_that_fails_is_left_out_alone(engine):
    store, ids = people(engine, 3)
    outcomes = write_all(engine, [leave(ids[0]), refuse, leave(ids[1])])

    assert [outcomes[0], outcomes[2]] == [True, True]
    assert isinstance(outcomes[1], Exception)
    states = [store.find_public(each).status for each in ids]
    assert states == [Status.UNSUBSCRIBED, Status.UNSUBSCRIBED, Status.ACTIVE]


def test_only_whose_write_failed_is_told_so(sqlite_engine):
    _, ids = people(sqlite_engine, 1)
    gathering = Gathering(sqlite_engine)

    async def both():
        return await asyncio.gather(
            gathering.write(refuse), gathering.write(leave(ids[0])), return_exceptions=True
        )

    failed, left = asyncio.run(both())
    assert isinstance(failed, Exception)
    assert left is True


def test_more_than_fit_into_one_transaction_are_all_written(sqlite_engine):
    gathering, written = Gathering(sqlite_engine), []

    async def many():
        writes = [gathering.write(lambda _, n=n: written.append(n)) for n in range(MOST * 2 + 1)]
        await asyncio.gather(*writes)

    asyncio.run(many())
    assert written == list(range(MOST * 2 + 1))


def test_who_went_away_keeps_nobody_from_being_answered(sqlite_engine):
    store, ids = people(sqlite_engine, 2)
    gathering = Gathering(sqlite_engine)

    async def one_goes():
        gone = asyncio.create_task(gathering.write(leave(ids[0])))
        stays = asyncio.create_task(gathering.write(leave(ids[1])))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert asyncio.run(one_goes()) is True
    assert [store.find_public(each).status for each in ids] == [Status.UNSUBSCRIBED] * 2


@pytest.mark.parametrize("times", [8])
def test_of_many_presses_at_once_one_is_recorded(engine, times):
    """Several processes, too: each thread has a connection of its own."""
    store, ids = people(engine, 1)

    def press(_):
        with writing(engine) as connection:
            return leave(ids[0])(connection)

    with ThreadPoolExecutor(times) as pool:
        done = list(pool.map(press, range(times)))
    lines = [each for each in store.find_public(ids[0]).consent if each.kind == "opted_out"]

    assert sorted(done) == [False] * (times - 1) + [True]
    assert len(lines) == 1
