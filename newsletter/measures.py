"""Measures as people write them in settings: rates, hours of the day, shares of a number, time zones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from math import ceil
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_RATE = re.compile(r"(\d+)\s*/\s*(second|minute|hour)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_HOURS = re.compile(r"(\d{1,2}:\d{2})\s*-\s*(\d{1,2}:\d{2})")
#: Instead of a share: at no share.
NEVER = "never"
_SHARE = re.compile(r"(\d{1,3})\s*%\s+of\s+(\d+)")
#: A share is taken of so many outcomes at most; they are kept, one character each, in one row.
LARGEST_SAMPLE = 10_000


def parse_rate(text: str) -> float:
    """Messages per second, from ``50/second``, ``600/minute`` or ``5000/hour``.

    Raises:
        ValueError: it is no rate, or nothing would ever leave.
    """
    match = _RATE.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise ValueError("is no rate; write `50/second`, `600/minute` or `5000/hour`")
    return int(match[1]) / _SECONDS[match[2]]


@dataclass(frozen=True)
class QuietHours:
    """A span of the day, over midnight if it ends before it begins."""

    begin: time
    end: time

    @classmethod
    def parse(cls, text: str) -> QuietHours:
        """The span that ``22:00-07:00`` means.

        Raises:
            ValueError: it is none, or it is empty.
        """
        match = _HOURS.fullmatch(text.strip())
        try:
            hours = cls(*map(parse_time, match.groups())) if match else None
        except ValueError:
            hours = None
        if hours is None or hours.begin == hours.end:
            raise ValueError("is no span of the day; write `22:00-07:00`")
        return hours

    def end_after(self, moment: datetime) -> datetime | None:
        """When the span ends (in UTC) in which *moment*, in its own time zone, lies; or None."""
        now = moment.time()
        over_midnight = self.begin > self.end
        inside = now >= self.begin or now < self.end if over_midnight else self.begin <= now < self.end
        if not inside:
            return None
        day = moment.date() + timedelta(days=1 if now >= self.end else 0)
        # In the hour that comes twice when summer time ends, it is the second when it is the second now.
        end = datetime.combine(day, self.end, moment.tzinfo).replace(fold=moment.fold)
        return end.astimezone(UTC)


@dataclass(frozen=True)
class Share:
    """So many percent of the last so many."""

    percent: int
    sample: int

    @classmethod
    def parse(cls, text: str) -> Share:
        """The share that ``20% of 200`` means.

        Raises:
            ValueError: it is none.
        """
        match = _SHARE.fullmatch(text.strip())
        if match is None or not (1 <= int(match[1]) <= 100 and 1 <= int(match[2]) <= LARGEST_SAMPLE):
            raise ValueError("is no share; write `20% of 200`")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def parse_or_never(cls, text: str) -> Share | None:
        """As `parse`; None for ``never``.

        Raises:
            ValueError: it is neither.
        """
        return None if text.strip() == NEVER else cls.parse(text)

    @property
    def limit(self) -> int:
        """How many are the share; at least one."""
        return max(1, ceil(self.sample * self.percent / 100))

    def __str__(self) -> str:
        return f"{self.percent}% of {self.sample}"


def parse_time(text: str) -> time:
    """A time of the day, from ``8:00``, ``08:00`` or ``08:00:30``.

    Raises:
        ValueError: it is none.
    """
    match = re.fullmatch(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", text)
    if match is None:
        raise ValueError("is no time of the day; write `08:00`")
    return time(int(match[1]), int(match[2]), int(match[3] or 0))


def find_zone(name: str) -> ZoneInfo:
    """The time zone of that name in the IANA database: ``Europe/Berlin``, ``UTC``.

    Raises:
        ValueError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # The name of a folder of the database is an OSError, a path out of it a ValueError.
        raise ValueError("is no time zone; write a name like `Europe/Berlin` or `UTC`") from None
