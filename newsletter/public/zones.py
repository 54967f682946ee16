"""The time zones that a reader can choose: those in use today, by region, each by its city."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from zoneinfo import available_timezones

from babel import Locale

from newsletter.catalogues import phrase, translated

#: The regions of the IANA database, as readers see them.
_REGIONS = {
    "Africa": phrase("Africa"),
    "America": phrase("America"),
    "Antarctica": phrase("Antarctica"),
    "Arctic": phrase("Arctic"),
    "Asia": phrase("Asia"),
    "Atlantic": phrase("Atlantic"),
    "Australia": phrase("Australia"),
    "Europe": phrase("Europe"),
    "Indian": phrase("Indian Ocean"),
    "Pacific": phrase("Pacific"),
}


@dataclass(frozen=True)
class Zone:
    """A time zone to choose: its name, its city, and the older names that browsers and lists have for it."""

    name: str
    city: str
    also: tuple[str, ...] = ()


@lru_cache(maxsize=16)
def zones(language: str, kept: str = "") -> dict[str, list[Zone]]:
    """The time zones to choose from, by region, in *language*; by city within one, and at the end ``UTC``.

    Args:
        language: of the page, one that there are texts in.
        kept: the name that a reader has; an older one is there beside the present names.
    """
    older = _older()
    names = set(_present()) | ({kept} if kept in available_timezones() else set())
    regions: dict[str, list[Zone]] = {}
    for name in names - {"UTC"}:
        region, _, _ = name.partition("/")
        title = translated(_REGIONS[region], language) if region in _REGIONS else region
        regions.setdefault(title, []).append(Zone(name, _city(name, language), older.get(name, ())))
    ordered = {title: sorted(regions[title], key=lambda zone: zone.city) for title in sorted(regions)}
    return {**ordered, "UTC": [Zone("UTC", "UTC", ("Etc/UTC", "Etc/GMT", "GMT"))]}


def may_choose(name: str) -> bool:
    """Whether a reader can have the time zone *name*, also by an older name of it; empty is none."""
    return not name or name in available_timezones()


@lru_cache(maxsize=1)
def _present() -> tuple[str, ...]:
    """The names of the zones where people live, as the IANA database lists them by country (zone.tab)."""
    text = files("tzdata").joinpath("zoneinfo/zone.tab").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return tuple(fields[2].strip() for fields in lines)


@lru_cache(maxsize=1)
def _older() -> dict[str, tuple[str, ...]]:
    """The other names of each present zone, from the links of the IANA database (``L TARGET NAME``)."""
    text = files("tzdata").joinpath("zoneinfo/tzdata.zi").read_text(encoding="utf-8")
    present, found = set(_present()), dict[str, list[str]]()
    for line in text.splitlines():
        if line.startswith("L "):
            _, target, name = line.split()[:3]
            if target in present and name not in present:
                found.setdefault(target, []).append(name)
    return {target: tuple(names) for target, names in found.items()}


def _city(name: str, language: str) -> str:
    """What people call a zone: ``Berlin``, ``Knox (Indiana)``; where it is known, in *language*."""
    # CLDR may know the city by an older name of the zone.
    cities = Locale.parse(language).time_zones
    known = next(
        (cities[each]["city"] for each in (name, *_older().get(name, ())) if "city" in cities.get(each, {})),
        "",
    )
    _, *between, city = name.replace("_", " ").split("/")
    return known or (f"{city} ({between[0]})" if between else city)
