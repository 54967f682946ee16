"""Dates as people and programs write them; whether the day or the month comes first, a whole column tells."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from subscribers.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: What stands first in the dates of a column; empty if that is not known.
Order = Literal["", "day", "month"]

_NUMBERS = re.compile(
    # Behind hyphens a year has four digits: 24-12-31 begins with the year, and might be anything.
    r"(?P<first>\d{1,2})(?P<sign>[./-])(?P<second>\d{1,2})(?P=sign)(?P<year>\d{4}|(?<!-)\d{2})"
    r"(?:,?[ T]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<seconds>\d{2}))?(?:\s*(?P<half>[ap])\.?m\.?)?)?",
    re.IGNORECASE,
)
_YEAR_FIRST = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(?=$|[ T])")
_MONTHS = 12


class Evidence:
    """What the dates of one column show of their order, as far as they were seen."""

    def __init__(self) -> None:
        self._day = self._month = False

    def see(self, cells: Iterable[str]) -> None:
        """Take more cells into account."""
        for cell in cells:
            if match := _NUMBERS.fullmatch(cell.strip().strip("'")):
                order = _only_order(match)
                self._day |= order == "day"
                self._month |= order == "month"

    def order(self, otherwise: Order) -> Order:
        """What comes first: *otherwise* if no date shows it, and not known if they contradict each other."""
        if self._day and self._month:
            return ""
        return "day" if self._day else "month" if self._month else otherwise


@lru_cache(maxsize=4096)
def read_moment(text: str, order: Order = "") -> datetime:
    """A date or a moment, in UTC if it names no other zone.

    Args:
        text: as in ISO 8601, or with day, month and year in numbers, or with an English month.
        order: what comes first in a date such as 03/04/2024; where it is not known, such a date is none,
            unless dots stand in it, which are written behind days only.

    Raises:
        FieldError: it is none, or might be two.
    """
    text = _YEAR_FIRST.sub(r"\1-\2-\3", text.removesuffix(" UTC"))
    if match := _NUMBERS.fullmatch(text):
        return _of_numbers(match, order)
    for parse in _FORMS:
        try:
            moment = parse(text)
            return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    raise FieldError(f"`{text[:40]}` is no date such as 2026-04-11")


def might_be_two(text: str) -> bool:
    """Whether the text is a date such as 03/04/2024, of which nothing tells what comes first."""
    match = _NUMBERS.fullmatch(text)
    return match is not None and not _own_order(match)


def _only_order(match: re.Match[str]) -> Order:
    """The order that a date must have, because one of its numbers is no month."""
    first, second = int(match["first"]), int(match["second"])
    if first > _MONTHS >= second:
        return "day"
    return "month" if second > _MONTHS >= first else ""


def _own_order(match: re.Match[str]) -> Order:
    """As `_only_order`, or that of days with dots, or any if both numbers are the same."""
    alike = match["sign"] == "." or int(match["first"]) == int(match["second"])
    return _only_order(match) or ("day" if alike else "")


def _of_numbers(match: re.Match[str], order: Order) -> datetime:
    first, second, year = int(match["first"]), int(match["second"]), match["year"]
    order = _only_order(match) or order or _own_order(match)
    if not order:
        raise FieldError(f"`{match[0][:40]}` might be two dates; write it as 2026-04-11, or add `--dates`")
    day, month = (first, second) if order == "day" else (second, first)
    # POSIX: two digits of a year from 69 on are those of the last century.
    whole = int(year) if len(year) == 4 else int(year) + (1900 if int(year) >= 69 else 2000)
    try:
        minute, seconds = int(match["minute"] or 0), int(match["seconds"] or 0)
        return datetime(whole, month, day, _hour(match), minute, seconds, tzinfo=UTC)
    except ValueError as error:
        raise FieldError(f"`{match[0][:40]}` is no date such as 2026-04-11") from error


def _hour(match: re.Match[str]) -> int:
    hour = int(match["hour"] or 0)
    if not match["half"]:
        return hour
    return hour % 12 + (12 if match["half"] in "pP" else 0)


def _strptime(form: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, form).replace(tzinfo=UTC)


_FORMS = (
    datetime.fromisoformat,
    *map(_strptime, ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%b %d, %Y", "%d %b %Y", "%B %d, %Y", "%d %B %Y")),
)
