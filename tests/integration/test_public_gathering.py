"""Wishes that come at once: each of them written, and one that cannot be is nobody else's trouble."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from newsletter.public.gathering import MOST, Gathering
from subscribers import Status, SubscriberStore, now
from subscribers.database import writing
from subscribers.leaving import Wish, leave_by_links


def people(engine, count):
    store = SubscriberStore(engine)
    return store, [store.add(f"reader{n}@example.com")[0].public_id for n in range(count)]


def leave(connection, wishes):
    """As the service does it; but the database refuses a wish from a bad source."""
    if any(wish.source == "bad" for wish in wishes):
        connection.execute(text("DELETE FROM consent_event"))
    leave_by_links(connection, wishes, now())


def test_all_who_ask_at_once_have_left_when_they_are_answered(engine):
    store, ids = people(engine, 30)
    gathering = Gathering(engine, leave)

    async def ask(public_id):
        await gathering.add(Wish(public_id, "one-click"))
        return store.find_public(public_id)

    async def all_of_them():
        return await asyncio.gather(*map(ask, [*ids, *ids[:5], "nobody"]))

    *left, nobody = asyncio.run(all_of_them())
    assert {each.status for each in left} == {Status.UNSUBSCRIBED}
    assert {len([line for line in each.consent if line.kind == "opted_out"]) for each in left} == {1}
    assert nobody is None


def test_only_whose_wish_failed_is_told_so(engine):
    store, ids = people(engine, 3)
    gathering = Gathering(engine, leave)
    wishes = [Wish(ids[0], "one-click"), Wish(ids[1], "bad"), Wish(ids[2], "page")]

    async def together():
        return await asyncio.gather(*map(gathering.add, wishes), return_exceptions=True)

    first, second, third = asyncio.run(together())
    assert (first, third) == (None, None)
    assert isinstance(second, Exception)
    states = [store.find_public(each).status for each in ids]
    assert states == [Status.UNSUBSCRIBED, Status.ACTIVE, Status.UNSUBSCRIBED]


def test_more_than_fit_into_one_transaction_are_all_written(sqlite_engine):
    written: list[list[int]] = []
    gathering = Gathering(sqlite_engine, lambda _, wishes: written.append(list(wishes)))

    async def many():
        await asyncio.gather(*map(gathering.add, range(MOST * 2 + 1)))

    asyncio.run(many())
    assert [each for batch in written for each in batch] == list(range(MOST * 2 + 1))
    assert max(map(len, written)) <= MOST


def test_who_went_away_keeps_nobody_from_being_answered(sqlite_engine):
    store, ids = people(sqlite_engine, 2)
    gathering = Gathering(sqlite_engine, leave)

    async def one_goes():
        gone, stays = [asyncio.create_task(gathering.add(Wish(each, "one-click"))) for each in ids]
        await asyncio.sleep(0)
        gone.cancel()
        await stays

    asyncio.run(one_goes())
    assert [store.find_public(each).status for each in ids] == [Status.UNSUBSCRIBED] * 2


def test_of_many_presses_at_once_one_is_recorded(engine):
    """Several processes, too: each thread has a connection of its own, and asks in an order of its own."""
    store, ids = people(engine, 3)

    def press(turn):
        with writing(engine) as connection:
            order = ids[turn % 3 :] + ids[: turn % 3]
            leave_by_links(connection, [Wish(each, "one-click") for each in order], now())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(press, range(8)))

    for each in ids:
        lines = [line for line in store.find_public(each).consent if line.kind == "opted_out"]
        assert len(lines) == 1
