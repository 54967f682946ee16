"""Numbers of the web service in Prometheus' text format, version 0.0.4; no address is in any."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.web.watching import Answered

#: Upper bounds of the histogram, in seconds.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counts requests by method, route and status, and how long they took, since the process began.

    There are as many series as routes, never as many as paths; used from the event loop only.
    """

    def __init__(self) -> None:
        self._waiting = 0
        self._count: dict[tuple[str, str, int], int] = {}
        self._spent: dict[str, tuple[list[int], float]] = {}

    def begun(self) -> None:
        """A request has come in."""
        self._waiting += 1

    def ended(self, told: Answered) -> None:
        """A request was answered, or given up (status 0)."""
        self._waiting -= 1
        series = (told.method, told.route, told.status)
        self._count[series] = self._count.get(series, 0) + 1
        buckets, total = self._spent.get(told.route, ([0] * (len(BOUNDS) + 1), 0.0))
        buckets[bisect_left(BOUNDS, told.seconds)] += 1
        self._spent[told.route] = buckets, total + told.seconds

    def text(self) -> str:
        """All numbers, as Prometheus reads them."""
        return "\n".join([*self._requests(), *self._seconds(), *self._now()]) + "\n"

    def _requests(self) -> list[str]:
        name = "newsletter_http_requests_total"
        lines = [f"# HELP {name} Requests answered.", f"# TYPE {name} counter"]
        for (method, route, status), count in sorted(self._count.items()):
            lines.append(f'{name}{{method="{method}",route="{route}",status="{status}"}} {count}')
        return lines

    def _seconds(self) -> list[str]:
        name = "newsletter_http_request_seconds"
        lines = [f"# HELP {name} Time to answer.", f"# TYPE {name} histogram"]
        for route, (buckets, total) in sorted(self._spent.items()):
            sums = list(accumulate(buckets))
            bounds = [*map(str, BOUNDS), "+Inf"]
            lines += [
                f'{name}_bucket{{route="{route}",le="{bound}"}} {count}'
                for bound, count in zip(bounds, sums, strict=True)
            ]
            lines += [
                f'{name}_sum{{route="{route}"}} {total:.6f}',
                f'{name}_count{{route="{route}"}} {sums[-1]}',
            ]
        return lines

    def _now(self) -> list[str]:
        name = "newsletter_http_requests_in_flight"
        return [f"# HELP {name} Requests being answered.", f"# TYPE {name} gauge", f"{name} {self._waiting}"]
