"""Interleaved timing: each round runs every contender once, so that a slow moment is slow for all."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def interleaved(contenders: Mapping[str, Callable[[], object]], rounds: int = 7) -> dict[str, float]:
    """The median seconds of each contender over *rounds*, after one round that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            begin = perf_counter()
            run()
            if number:
                times[name].append(perf_counter() - begin)
    return {name: median(values) for name, values in times.items()}
