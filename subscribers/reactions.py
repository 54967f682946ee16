"""What people did with a dispatch's messages, and what machines did: counted, and each link by itself."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, or_, select

from subscribers.engagement import EVENT, EventKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Engine


@dataclass(frozen=True)
class Count:
    """How many subscribers something is told of, and how often: by people and by machines, apart."""

    people: int = 0
    by_people: int = 0
    machines: int = 0
    by_machines: int = 0


@dataclass(frozen=True)
class Reactions:
    """What is known of a dispatch: by kind, and the clicks of people by link, the most followed first."""

    kinds: Mapping[EventKind, Count]
    links: Mapping[str, Count]

    def __bool__(self) -> bool:
        return bool(self.kinds)


def reactions(engine: Engine, dispatch: str, issue: str = "") -> Reactions:
    """What happened with the messages of a dispatch; events that name none count for its *issue*."""
    mine = EVENT.c.dispatch == dispatch
    if issue:
        mine = or_(mine, and_(EVENT.c.dispatch == "", EVENT.c.issue == issue))
    clicks = and_(mine, EVENT.c.kind == EventKind.CLICKED, EVENT.c.url != "")
    kinds = _counts(engine, EVENT.c.kind, mine)
    links = _counts(engine, EVENT.c.url, clicks)
    ranked = sorted(links.items(), key=lambda pair: (-pair[1].people, -pair[1].machines, pair[0]))
    known = {kind: kinds[kind.value] for kind in EventKind if kind.value in kinds}
    return Reactions(known, dict(ranked))


def _counts(engine: Engine, column: ColumnElement[str], where: ColumnElement[bool]) -> dict[str, Count]:
    machine = EVENT.c.by_machine
    query = (
        select(column, machine, func.count(EVENT.c.subscriber_id.distinct()), func.count())
        .where(where)
        .group_by(column, machine)
    )
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    with engine.connect() as connection:
        for name, by_machine, people, times in connection.execute(query):
            names = ("machines", "by_machines") if by_machine else ("people", "by_people")
            found[name].update(zip(names, (people, times), strict=True))
    return {name: Count(**counts) for name, counts in found.items()}
