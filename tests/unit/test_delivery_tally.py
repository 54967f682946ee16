"""How far a dispatch is, told while it runs: by the ledger, but seldom, as counting it costs time."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

from newsletter.delivery.tally import Progress, Tally


class Ledger:
    """What the ledger says, what a look costs, and how often it was looked at; its own clock."""

    def __init__(self, cost: float = 0.0) -> None:
        self.counts = dict.fromkeys(("accepted", "rejected", "failed", "skipped", "uncertain"), 0)
        self.cost = cost
        self.looks = 0
        self.time = 0.0

    def __call__(self) -> SimpleNamespace:
        self.looks += 1
        self.time += self.cost
        return SimpleNamespace(recipients=1000, deferred=3, **self.counts)


def watched(ledger: Ledger) -> tuple[Tally, list[Progress]]:
    told: list[Progress] = []
    return Tally(ledger, told.append, lambda: ledger.time), told


def test_what_other_processes_did_is_told_within_a_second() -> None:
    ledger = Ledger()
    tally, told = watched(ledger)
    ledger.counts["accepted"] = 110
    ledger.time = 0.5
    tally.add(Counter(accepted=10))
    ledger.time = 1.1
    ledger.counts["accepted"] = 230
    tally.add(Counter(accepted=10))

    assert [each.done for each in told] == [0, 10, 230]
    assert (tally.recorded, ledger.looks) == (20, 2)


def test_who_only_waits_tells_what_others_do_and_nothing_twice() -> None:
    ledger = Ledger()
    tally, told = watched(ledger)
    for second in range(1, 6):
        ledger.time = second
        ledger.counts["accepted"] = 100 * (second // 2)
        tally.look()

    assert [each.done for each in told] == [0, 100, 200]


def test_a_ledger_that_takes_long_to_count_is_counted_less_often() -> None:
    """At most a fiftieth of the time goes into it."""
    ledger = Ledger(cost=1.0)
    tally, _ = watched(ledger)
    for second in range(1, 203):
        ledger.time = max(ledger.time, second)
        tally.add(Counter(accepted=1))

    assert ledger.looks == 4


def test_more_than_all_is_never_told() -> None:
    """A look may see what this process recorded and has yet to add."""
    ledger = Ledger()
    tally, told = watched(ledger)
    ledger.counts["accepted"] = 1000
    ledger.time = 2
    tally.add(Counter(accepted=1))
    tally.add(Counter(accepted=1))

    assert max(each.done for each in told) == 1000
