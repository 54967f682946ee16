"""How often a client may ask."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.web.rates import Buckets, Rates


class Clock:
    """A clock that stands until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Door:
    """Rates before an application that always answers 200."""

    def __init__(self, **options):
        self.clock = Clock()
        options = {"every": Buckets(10, 5), "posts": Buckets(1, 2), **options}
        self._rates = Rates(self._app, clock=self.clock, **options)

    @staticmethod
    async def _app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    def ask(self, client="203.0.113.7", method="GET", path="/", *, direct=False):
        """The status and the headers of the answer."""
        told = []

        async def send(event):
            told.append(event)

        scope = {
            "type": "http",
            "client": (client, 0),
            "method": method,
            "path": path,
            "state": {"direct": direct},
        }
        asyncio.run(self._rates(scope, None, send))
        return told[0]["status"], dict(told[0]["headers"])


def test_who_asks_too_often_is_told_when_to_come_again():
    door = Door()
    assert [door.ask()[0] for _ in range(6)] == [200] * 5 + [429]
    assert door.ask()[1][b"retry-after"] == b"1"
    assert door.ask("203.0.113.8")[0] == 200

    door.clock.now += 0.1
    assert [door.ask()[0] for _ in range(2)] == [200, 429]


def test_what_may_change_something_is_counted_more_strictly():
    door = Door()

    assert [door.ask(method="POST")[0] for _ in range(3)] == [200, 200, 429]
    assert door.ask()[0] == 200


def test_a_wish_that_is_known_to_be_one_is_never_put_off():
    door = Door(never=lambda scope: scope["path"] == "/unsubscribe/right")
    answers = [door.ask(method="POST", path="/unsubscribe/right")[0] for _ in range(50)]

    assert answers == [200] * 50
    assert door.ask(method="POST", path="/unsubscribe/wrong")[0] == 429


def test_a_proxy_that_names_no_client_is_not_counted_as_one():
    door = Door()

    assert [door.ask("127.0.0.1", direct=True)[0] for _ in range(20)] == [200] * 20


def test_neighbours_of_one_ipv6_network_share_a_bucket():
    door = Door()

    assert [door.ask(f"2001:db8::{number}")[0] for number in range(1, 7)][-1] == 429


def test_memory_is_bounded_however_many_ask():
    buckets = Buckets(1, 2, most=96)
    for number in range(10_000):
        buckets.take(str(number), float(number) / 1000)

    assert len(buckets) == 96


def test_the_fullest_bucket_is_forgotten_first():
    """Of eight that share a shelf: whoever has asked most stays remembered, and so refused."""
    buckets = Buckets(1, 2, most=8)
    assert [buckets.take("flood", 0.0) for _ in range(2)] == [0, 0]
    for number in range(7):
        buckets.take(str(number), 0.0)
    for number in range(100):
        buckets.take(f"more {number}", 0.0)

    assert buckets.take("flood", 0.0) > 0


@settings(deadline=None)
@given(st.lists(st.floats(0, 2), max_size=60), st.floats(0.1, 50), st.floats(1, 20))
def test_no_more_pass_than_the_bucket_held_and_was_filled_with(pauses, rate, burst):
    """In any time, at most the burst and what came in meanwhile."""
    buckets, now, passed = Buckets(rate, burst), 0.0, 0
    for pause in pauses:
        now += pause
        passed += buckets.take("one", now) == 0

    assert passed <= burst + rate * now + 1e-6


@pytest.mark.parametrize(("text", "burst"), [("60/minute", 60), ("1/hour", 10), ("20/second", 1200)])
def test_a_setting_fills_a_bucket_for_a_minute_at_least_ten(text, burst):
    assert Buckets.of(text).burst == pytest.approx(burst)
    assert Buckets.of("off") is None
