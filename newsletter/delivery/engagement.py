"""Who opened and who clicked, people and machines apart, of a dispatch as a whole and of each link."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import case, func, literal_column, select

from newsletter.delivery.report import find
from newsletter.delivery.tracking import COUNT, frozen_extent
from subscribers import EventKind
from subscribers.engagement import EVENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Connection, Engine

    from newsletter.delivery.tracking import Extent


@dataclass(frozen=True)
class Reach:
    """How many did something.

    ``people`` are subscribers who did it themselves, and ``machines`` those for whom only a machine did it;
    each is counted once. ``anonymous`` and ``anonymous_machines`` are how often it was done by nobody knows
    whom.
    """

    people: int = 0
    machines: int = 0
    anonymous: int = 0
    anonymous_machines: int = 0

    def to_dict(self) -> dict[str, int]:
        """The numbers; those without names only where there are some."""
        told = {"people": self.people, "machines": self.machines}
        if self.anonymous or self.anonymous_machines:
            told |= {"anonymous": self.anonymous, "anonymous_machines": self.anonymous_machines}
        return told


@dataclass(frozen=True)
class LinkClicks:
    """A link of an edition, its place (the first has 1), and who followed it. ``part`` is html or text.

    A provider's own events have no place: those are told of the address as a whole, at place 0.
    """

    place: int
    url: str
    part: str
    clicks: Reach


@dataclass(frozen=True)
class Engagement:
    """What is known of opens and clicks of one dispatch; ``rules`` is how many events which rule took out."""

    opens: Reach
    clicks: Reach
    links: tuple[LinkClicks, ...] = ()
    rules: Mapping[str, int] = field(default_factory=dict)
    extent: Extent | None = None

    def to_dict(self) -> dict[str, object]:
        """As documents have it."""
        return {
            "opens": self.opens.to_dict(),
            "clicks": self.clicks.to_dict(),
            "links": [
                {"place": link.place, "url": link.url, "part": link.part, **link.clicks.to_dict()}
                for link in self.links
            ],
            "machines": dict(self.rules),
        }


def engagement(engine: Engine, dispatch: str) -> Engagement | None:
    """Opens and clicks of the dispatch of that name; None if nothing of it is tracked and nothing known.

    Raises:
        DeliveryError: there is no such dispatch.
    """
    with engine.connect() as connection:
        row = find(connection, dispatch)
        extent = frozen_extent(connection, row.id)
        tally = _Tally(connection, row.id, row.name)
    if extent is None and not tally.seen:
        return None
    links = extent.links if extent else ()
    told = [
        LinkClicks(place, url, part, tally.reach(EventKind.CLICKED, place))
        for place, (url, part) in enumerate(links, 1)
    ]
    told += [
        LinkClicks(0, url, "html", tally.reach(EventKind.CLICKED, url)) for url in sorted(tally.without_place)
    ]
    opens, clicks = tally.reach(EventKind.OPENED), tally.reach(EventKind.CLICKED)
    return Engagement(opens, clicks, tuple(told), dict(sorted(tally.rules.items())), extent)


def clicks_by_link(engine: Engine, dispatch: str) -> tuple[LinkClicks, ...]:
    """Who followed which link of a dispatch's edition, in the order of the links.

    Raises:
        DeliveryError: there is no such dispatch.
    """
    found = engagement(engine, dispatch)
    return found.links if found else ()


class _Tally:
    """What the database counts of one dispatch: of its events, and of the numbers without names."""

    def __init__(self, connection: Connection, dispatch_id: int, name: str) -> None:
        self._people: dict[object, int] = {}
        self._machines: dict[object, int] = {}
        self._numbers: defaultdict[object, int] = defaultdict(int)
        #: How many events which rule took for a machine's.
        self.rules: Mapping[str, int] = {}
        #: Addresses that were followed, nobody knows at which place.
        self.without_place: set[str] = set()
        mine = (EVENT.c.dispatch == name) & EVENT.c.kind.in_([EventKind.OPENED, EventKind.CLICKED])
        self._count_people(connection, mine)
        self._count_machines(connection, mine)
        self._read_numbers(connection, dispatch_id)

    @property
    def seen(self) -> bool:
        """Whether anything is known."""
        return bool(self._people or self._numbers)

    def _count_people(self, connection: Connection, mine: ColumnElement[bool]) -> None:
        columns = EVENT.c
        link, url = columns.link, case((columns.link.is_(None), columns.url), else_=literal_column("''"))
        who = columns.subscriber_id
        people = func.count(case((columns.by_machine.is_(False), who)).distinct())
        counted = (people, func.count(who.distinct()))
        for kind, some, all_ in connection.execute(
            select(columns.kind, *counted).where(mine).group_by(columns.kind)
        ):
            self._people[kind], self._machines[kind] = some, all_ - some
        clicks = mine & (columns.kind == EventKind.CLICKED)
        for number, address, some, all_ in connection.execute(
            select(link, url, *counted).where(clicks).group_by(link, url)
        ):
            key = EventKind.CLICKED.value, number if number is not None else address
            self._people[key], self._machines[key] = some, all_ - some
            self.without_place |= {address} if number is None else set()

    def _count_machines(self, connection: Connection, mine: ColumnElement[bool]) -> None:
        rule = EVENT.c.machine
        query = select(rule, func.count()).where(mine, EVENT.c.by_machine.is_(True)).group_by(rule)
        self.rules = {name or "provider": count for name, count in connection.execute(query)}

    def _read_numbers(self, connection: Connection, dispatch_id: int) -> None:
        columns = (COUNT.c[name] for name in ("kind", "link", "by_machine", "count"))
        rows = connection.execute(select(*columns).where(COUNT.c.dispatch_id == dispatch_id))
        for kind, link, by_machine, count in rows:
            self._numbers[kind, by_machine] += count
            if kind == EventKind.CLICKED:
                self._numbers[(kind, link), by_machine] += count

    def reach(self, kind: EventKind, place: int | str | None = None) -> Reach:
        """How many did *kind*, or followed the link at *place*."""
        key: object = kind.value if place is None else (kind.value, place)
        return Reach(
            self._people.get(key, 0),
            self._machines.get(key, 0),
            self._numbers[key, False],
            self._numbers[key, True],
        )
