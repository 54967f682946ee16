"""The pace of a publication: rates, quiet hours and warm-up, one budget for all processes on a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from newsletter.delivery.circuit import CUSTOMARY
from newsletter.delivery.pacing_tables import BUDGET, WARM_UP_DAY
from newsletter.measures import QuietHours, Share, find_zone, parse_rate
from subscribers.database import writing
from subscribers.tables import insert

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection, Engine

    from newsletter.config import Settings

#: Seconds that a batch in hand may wait for the rate; for more it is given back.
PATIENT = 5.0
# Sums of floating-point seconds since 1970 are good to a microsecond.
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Limits:
    """What the settings allow.

    ``rate`` and ``domains`` are in messages per second, ``warm_up`` in messages on the first, second, … day
    on which anything is handed over; ``zone`` is where quiet hours and days are counted.
    """

    rate: float | None = None
    domains: Mapping[str, float] = field(default_factory=dict)
    warm_up: tuple[int, ...] = ()
    quiet: QuietHours | None = None
    stop_after: Share | None = None
    stop_after_policy: Share | None = None
    stop_after_trouble: Share | None = None
    zone: tzinfo = UTC

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The limits of a publication."""
        delivery = settings.delivery
        return cls(
            rate=parse_rate(delivery.rate) if delivery.rate else None,
            domains={domain: parse_rate(rate) for domain, rate in delivery.domains.items()},
            warm_up=delivery.warm_up,
            quiet=QuietHours.parse(delivery.quiet_hours) if delivery.quiet_hours else None,
            stop_after=Share.parse_or_never(delivery.stop_after) if delivery.stop_after else None,
            stop_after_policy=Share.parse(delivery.stop_after_policy) if delivery.stop_after_policy else None,
            stop_after_trouble=None if delivery.stop_after else CUSTOMARY,
            zone=find_zone(settings.publication.time_zone),
        )


@dataclass(frozen=True)
class Grant:
    """Leave for *count* messages after *wait* seconds; for none before *until*, and *why* not.

    ``lane`` is True if only the recipients of that lane have to wait.
    """

    count: int
    wait: float = 0.0
    until: datetime | None = None
    why: str = ""
    lane: bool = False


class Pace:
    """Gives leave to hand messages to one provider, to all threads and processes out of one budget.

    Args:
        engine: the database, which keeps the budget.
        provider: the provider's name; each has a rate and a warm-up of its own.
        limits: what is allowed.
        clock: the present moment; the clocks of machines that share a database must agree to the second.
    """

    def __init__(self, engine: Engine, provider: str, limits: Limits, clock: Callable[[], datetime]) -> None:
        self.limits = limits
        self._engine = engine
        self._provider = provider
        self._clock = clock

    def window(self, most: int, lane: str = "") -> int:
        """How many messages to let pass at once: *most*, or as many as one second allows."""
        rates = (self.limits.rate, self.limits.domains.get(lane))
        return max(1, min([most, *(int(rate) for rate in rates if rate is not None)]))

    def take(self, lane: str, count: int) -> Grant:
        """Leave for up to *count* messages, all to the domain *lane* if that is not empty.

        What was let pass before is paid for first, so the rate is never exceeded; time without mail is not
        saved up. A grant that is given counts as used.
        """
        now = self._clock()
        if (grant := self._quiet(now)) is not None:
            return grant
        rates = self._rates(lane)
        if not rates and not self.limits.warm_up:
            return Grant(count)
        with writing(self._engine) as connection:
            left = self._left_today(connection, now)
            if left == 0:
                return self._until_tomorrow(now)
            count = count if left is None else min(count, left)
            grant = self._start(connection, rates, lane, count, now)
            if grant.count:
                self._use(connection, rates, grant, now)
        return grant

    def closed(self) -> Grant | None:
        """Until when nothing may leave, and why; None if something may leave now or within moments."""
        now = self._clock()
        if (grant := self._quiet(now)) is not None:
            return grant
        if self.limits.warm_up:
            with writing(self._engine) as connection:
                if self._left_today(connection, now) == 0:
                    return self._until_tomorrow(now)
        if self.limits.rate is not None:
            name = f"provider:{self._provider}"
            free_at = self._free_at({name: self.limits.rate}, now).get(name)
            if free_at is not None and (free_at - now).total_seconds() > PATIENT:
                return Grant(0, until=free_at, why="the rate")
        return None

    def busy_lanes(self) -> dict[str, datetime]:
        """The domains whose rate is used up at this moment, and when they are free again."""
        if not self.limits.domains:
            return {}
        rates = {f"domain:{domain}": rate for domain, rate in self.limits.domains.items()}
        free_at = self._free_at(rates, self._clock())
        return {name.removeprefix("domain:"): moment for name, moment in free_at.items()}

    def _quiet(self, now: datetime) -> Grant | None:
        quiet = self.limits.quiet
        end = quiet.end_after(now.astimezone(self.limits.zone)) if quiet else None
        return Grant(0, until=end, why="quiet hours") if end else None

    def _rates(self, lane: str) -> dict[str, float]:
        """The budgets that a message to *lane* is paid from, in the order in which their rows are locked."""
        rates = {}
        if lane in self.limits.domains:
            rates[f"domain:{lane}"] = self.limits.domains[lane]
        if self.limits.rate is not None:
            rates[f"provider:{self._provider}"] = self.limits.rate
        return rates

    def _start(
        self, connection: Connection, rates: Mapping[str, float], lane: str, count: int, now: datetime
    ) -> Grant:
        """When *count* messages may leave; a domain is never waited for with its messages in hand."""
        waits = {name: self._wait(connection, name, rate, now) for name, rate in rates.items()}
        of_lane = waits.get(f"domain:{lane}", 0.0)
        if of_lane > _TOLERANCE:
            until = now + timedelta(seconds=of_lane)
            return Grant(0, until=until, why=f"the rate of {lane}", lane=True)
        wait = max(waits.values(), default=0.0)
        if wait > PATIENT:
            return Grant(0, until=now + timedelta(seconds=wait), why="the rate")
        return Grant(count, wait)

    def _wait(self, connection: Connection, name: str, rate: float, now: datetime) -> float:
        """Seconds until what was let pass from a budget is paid for; its row is made and locked."""
        fresh = insert(connection, BUDGET).values(name=name, rate=rate, free_at=now.timestamp())
        connection.execute(fresh.on_conflict_do_nothing())
        row = connection.execute(select(BUDGET).where(BUDGET.c.name == name).with_for_update()).one()
        return _debt(row.free_at, row.rate, now) / rate

    def _use(self, connection: Connection, rates: Mapping[str, float], grant: Grant, now: datetime) -> None:
        start = now.timestamp() + grant.wait
        for name, rate in rates.items():
            values = {"rate": rate, "free_at": start + grant.count / rate}
            connection.execute(update(BUDGET).where(BUDGET.c.name == name).values(**values))
        if self.limits.warm_up:
            connection.execute(
                update(WARM_UP_DAY)
                .where(WARM_UP_DAY.c.provider == self._provider, WARM_UP_DAY.c.day == self._day(now))
                .values(count=WARM_UP_DAY.c.count + grant.count)
            )

    def _free_at(self, rates: Mapping[str, float], now: datetime) -> dict[str, datetime]:
        """Those of the budgets that are in debt, and until when."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(BUDGET).where(BUDGET.c.name.in_(rates))).all()
        waits = {row.name: _debt(row.free_at, row.rate, now) / rates[row.name] for row in rows}
        return {name: now + timedelta(seconds=wait) for name, wait in waits.items() if wait > _TOLERANCE}

    def _left_today(self, connection: Connection, now: datetime) -> int | None:
        """How many messages today's step of the warm-up still allows; None once it is over."""
        steps, day = self.limits.warm_up, self._day(now)
        if not steps:
            return None
        days = WARM_UP_DAY.c
        before = connection.scalar(
            select(func.count()).where(days.provider == self._provider, days.day < day, days.count > 0)
        )
        if (step := int(before or 0)) >= len(steps):
            return None
        fresh = insert(connection, WARM_UP_DAY).values(provider=self._provider, day=day, count=0)
        connection.execute(fresh.on_conflict_do_nothing())
        today = select(days.count).where(days.provider == self._provider, days.day == day).with_for_update()
        return max(0, steps[step] - int(connection.execute(today).scalar_one()))

    def _until_tomorrow(self, now: datetime) -> Grant:
        here = now.astimezone(self.limits.zone)
        midnight = datetime.combine(here.date() + timedelta(days=1), datetime.min.time(), self.limits.zone)
        return Grant(0, until=midnight.astimezone(UTC), why="the warm-up allows no more today")

    def _day(self, now: datetime) -> str:
        return now.astimezone(self.limits.zone).date().isoformat()


def _debt(free_at: float, rate: float, now: datetime) -> float:
    """How many messages are not paid for yet: kept as a number, it outlives a change of the rate."""
    return max(0.0, free_at - now.timestamp()) * rate
