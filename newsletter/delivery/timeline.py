"""How the outcomes of a dispatch came in over time, counted by the database."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Float, Integer, case, cast, func, literal, select

from newsletter.delivery.models import DELIVERY
from newsletter.delivery.report import find

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Connection, Engine

#: The steps that a timeline may have, in seconds; the smallest is taken that makes few enough of them.
STEPS = (1, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600)
MOST = 60


@dataclass(frozen=True)
class Moment:
    """The outcomes of one step of time: when it begins, and how many of each state."""

    at: datetime
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Timeline:
    """The steps in order, each ``seconds`` long, also those in which nothing came in."""

    seconds: int
    moments: tuple[Moment, ...]


def timeline(engine: Engine, name: str) -> Timeline:
    """The outcomes of a dispatch over time; no moments while nobody has one.

    Raises:
        DeliveryError: there is no such dispatch.
    """
    with engine.connect() as connection:
        dispatch = find(connection, name)
        mine = DELIVERY.c.dispatch_id == dispatch.id
        first, last = connection.execute(
            select(func.min(DELIVERY.c.at), func.max(DELIVERY.c.at)).where(mine)
        ).one()
        if first is None:
            return Timeline(STEPS[0], ())
        span = (last - first).total_seconds()
        seconds = next((step for step in STEPS if span / step < MOST), STEPS[-1])
        number = _number(connection, first, seconds)
        rows = connection.execute(
            select(number, DELIVERY.c.state, func.count()).where(mine).group_by(number, DELIVERY.c.state)
        )
        counts: defaultdict[int, dict[str, int]] = defaultdict(dict)
        for step, state, count in rows:
            counts[int(step)][state] = count
    return Timeline(
        seconds,
        tuple(
            Moment(first + timedelta(seconds=step * seconds), counts.get(step, {}))
            for step in range(max(counts) + 1)
        ),
    )


def _number(connection: Connection, first: datetime, seconds: int) -> ColumnElement[int]:
    """The number of the step in which an outcome came in, from 0."""
    if connection.dialect.name == "sqlite":
        passed = (
            func.julianday(DELIVERY.c.at) - func.julianday(literal(first, DELIVERY.c.at.type))
        ) * 86400.0
        # The day is a fraction of which the last digits are lost.
        passed = passed + 0.0005
    else:
        passed = cast(func.extract("epoch", DELIVERY.c.at - literal(first, DELIVERY.c.at.type)), Float)
    step = passed / float(seconds)
    return cast(case((step < 0, 0.0), else_=func.floor(step)), Integer).label("step")
