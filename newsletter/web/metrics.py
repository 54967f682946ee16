"""Numbers of the web service in Prometheus' text format, version 0.0.4; no address is in any."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from newsletter.web.sharing import ALONE, shared_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from newsletter.web.watching import Answered

#: Upper bounds of the histogram, in seconds.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: More series than routes, methods and statuses make; what comes after them is counted as the last one.
_MOST = 2048
#: Of each, so many bytes of name, and numbers of eight bytes: the histogram's, and the sum.
_NAME, _NUMBERS = 128, len(BOUNDS) + 2


class Metrics:
    """Counts requests by method, route and status, and how long they took, since the service began.

    There are as many series as routes, never as many as paths; used from the event loop only. Processes that
    are forked after it was made count into the same memory, so that what one counted before it died still
    counts.

    Args:
        seats: how many processes count at a time.
        turn: held while anything is counted; what several processes need.
    """

    def __init__(self, seats: int = 1, turn: AbstractContextManager[object] = ALONE) -> None:
        memory = memoryview(shared_memory(_MOST * (_NAME + _NUMBERS * 8) + seats * 8))
        self._names = memory[: _MOST * _NAME]
        self._numbers: memoryview[float] = memory[_MOST * _NAME :].cast("d")
        self._waiting = self._numbers[_MOST * _NUMBERS :]
        self._places: dict[str, int] = {}
        self._turn, self._seat = turn, 0

    def sit(self, seat: int) -> None:
        """This process counts what it is answering in the place *seat*, where another one may have died."""
        self._seat = seat
        self._waiting[seat] = 0

    def begun(self) -> None:
        """A request has come in."""
        self._waiting[self._seat] += 1

    def ended(self, told: Answered) -> None:
        """A request was answered, or given up (status 0)."""
        self._waiting[self._seat] -= 1
        with self._turn:
            self._numbers[self._place(f"{told.method} {told.route} {told.status}")] += 1
            place = self._place(told.route)
            self._numbers[place + bisect_left(BOUNDS, told.seconds)] += 1
            self._numbers[place + _NUMBERS - 1] += told.seconds

    def text(self) -> str:
        """All numbers, as Prometheus reads them."""
        with self._turn:
            for _ in self._look():
                pass
            series = [(name, list(self._numbers[at : at + _NUMBERS])) for name, at in self._places.items()]
        return "\n".join([*_requests(series), *_seconds(series), *self._now()]) + "\n"

    def _place(self, name: str) -> int:
        """Where the numbers of a series begin."""
        name = name[:_NAME]
        if name not in self._places and name not in self._look() and len(self._places) < _MOST:
            self._write(len(self._places), name)
        return self._places.get(name, (_MOST - 1) * _NUMBERS)

    def _look(self) -> Iterator[str]:
        """The names that other processes have written meanwhile; they are known from then on."""
        while len(self._places) < _MOST:
            at = len(self._places) * _NAME
            if not self._names[at]:
                return
            written = bytes(self._names[at : at + _NAME]).rstrip(b"\0").decode(errors="replace")
            self._places[written] = len(self._places) * _NUMBERS
            yield written

    def _write(self, number: int, name: str) -> None:
        written = name.encode()[:_NAME].ljust(_NAME, b"\0")
        at = number * _NAME
        # The first letter comes last: of a process that dies meanwhile there is no half a name.
        self._names[at + 1 : at + _NAME] = written[1:]
        self._names[at] = written[0]
        self._places[name] = number * _NUMBERS

    def _now(self) -> list[str]:
        name, waiting = "newsletter_http_requests_in_flight", round(sum(self._waiting))
        return [f"# HELP {name} Requests being answered.", f"# TYPE {name} gauge", f"{name} {waiting}"]


def _requests(series: Sequence[tuple[str, list[float]]]) -> list[str]:
    name = "newsletter_http_requests_total"
    lines = [f"# HELP {name} Requests answered.", f"# TYPE {name} counter"]
    for told, numbers in sorted(series):
        if " " in told:
            method, route, status = told.split(" ")
            lines.append(f'{name}{{method="{method}",route="{route}",status="{status}"}} {round(numbers[0])}')
    return lines


def _seconds(series: Sequence[tuple[str, list[float]]]) -> list[str]:
    name = "newsletter_http_request_seconds"
    lines = [f"# HELP {name} Time to answer.", f"# TYPE {name} histogram"]
    for route, (*buckets, total) in sorted(series):
        if " " in route:
            continue
        sums = [round(count) for count in accumulate(buckets)]
        bounds = [*map(str, BOUNDS), "+Inf"]
        lines += [
            f'{name}_bucket{{route="{route}",le="{bound}"}} {count}'
            for bound, count in zip(bounds, sums, strict=True)
        ]
        lines += [f'{name}_sum{{route="{route}"}} {total:.6f}', f'{name}_count{{route="{route}"}} {sums[-1]}']
    return lines
