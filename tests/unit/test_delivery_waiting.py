"""How long is waited between tries."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.retry import Backoff


@given(st.integers(1, 50), st.integers())
def test_a_wait_is_between_three_quarters_and_all_of_its_length(tries: int, seed: int) -> None:
    backoff = Backoff(first=1, factor=4, longest=900)
    full = min(900, 4.0 ** (tries - 1))

    assert 0.75 * full <= backoff.wait(tries, Random(seed)) <= full


def test_tries_are_exhausted_at_their_number() -> None:
    assert [Backoff(tries=3).exhausted(tries) for tries in (1, 2, 3, 4)] == [False, False, True, True]
