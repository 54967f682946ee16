"""How long is waited: between tries, and for the rate."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.retry import Backoff
from newsletter.delivery.throttle import Throttle


class Hands:
    """A clock's hands, moved by waiting."""

    def __init__(self) -> None:
        self.time = 100.0

    def clock(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += seconds


@given(st.integers(1, 50), st.integers())
def test_a_wait_is_between_three_quarters_and_all_of_its_length(tries: int, seed: int) -> None:
    backoff = Backoff(first=1, factor=4, longest=900)
    full = min(900, 4.0 ** (tries - 1))

    assert 0.75 * full <= backoff.wait(tries, Random(seed)) <= full


def test_tries_are_exhausted_at_their_number() -> None:
    assert [Backoff(tries=3).exhausted(tries) for tries in (1, 2, 3, 4)] == [False, False, True, True]


@given(st.lists(st.integers(1, 20), min_size=1, max_size=30), st.floats(0.5, 100))
def test_the_rate_is_never_exceeded(counts: list[int], rate: float) -> None:
    """Whatever was taken before must have been paid for in time when more is taken."""
    hands = Hands()
    throttle = Throttle(rate, hands.wait, hands.clock)
    taken = 0

    for count in counts:
        throttle.take(count)
        assert taken <= (hands.time - 100.0) * rate + 1e-6
        taken += count


def test_time_without_mail_is_not_saved_up() -> None:
    hands = Hands()
    throttle = Throttle(10, hands.wait, hands.clock)
    hands.time += 3600
    throttle.take(10)
    throttle.take(10)

    assert hands.time == pytest.approx(100 + 3600 + 1)


@pytest.mark.parametrize(("rate", "window"), [(None, 20), (50, 20), (5, 5), (0.2, 1)])
def test_a_window_is_at_most_one_second_long(rate: float | None, window: int) -> None:
    assert Throttle(rate, lambda _: None).window(20) == window
