"""What each mail program supports, by the data of Can I email, which is in the package with its date.

Nothing is fetched. The verdict that counts of a series is that of its latest version: versions are compared
by their numbers, 6.1 before 12.2, and tests named by their month come after those named by a version.
"""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Mail programs that are hardly there any more: Gmail in a phone's browser, and Windows Mail, ended in 2024.
#: They count only if they are named in full.
LEGACY = frozenset({"gmail.mobile-webmail", "outlook.windows-mail"})
_DATE = re.compile(r"\d{4}-\d{2}(?:-\d{2})?")
_PLATFORMS = {
    "desktop-webmail": "web",
    "outlook-com": "web",
    "mobile-webmail": "mobile web",
    "windows-mail": "Windows Mail",
    "desktop-app": "desktop",
}
_FAMILIES = {"yahoo": "Yahoo", "thunderbird": "Thunderbird", "samsung-email": "Samsung Email"}


@dataclass(frozen=True)
class Verdict:
    """What one mail program makes of a feature: ``y`` yes, ``a`` in part, ``n`` no, ``u`` unknown.

    ``version`` is that which was tested; ``notes`` are what is to be known about it.
    """

    status: str
    version: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Feature:
    """Something that a mail may use, such as `display:grid`.

    ``tested`` is the day of the last test, ``results`` what was found, as the data has it: by mail program,
    such as ``outlook.windows``, and version. ``notes`` are those that the results refer to.
    """

    slug: str
    title: str
    link: str
    tested: str
    results: Mapping[str, Mapping[str, str]] = field(repr=False)
    notes: Mapping[str, str] = field(repr=False)

    @cached_property
    def verdicts(self) -> Mapping[str, Verdict]:
        """The verdicts by mail program; of three hundred features an issue uses fifty."""
        return {client: _verdict(series, self.notes) for client, series in self.results.items()}

    def with_status(self, status: str, clients: Iterable[str]) -> tuple[str, ...]:
        """The mail programs among *clients*, which may have wildcards, whose verdict is *status*; by key."""
        wanted = tuple(clients)
        return tuple(
            key for key, verdict in self.verdicts.items() if verdict.status == status and chosen(key, wanted)
        )


def chosen(client: str, wanted: Iterable[str]) -> bool:
    """Whether *client* is one of *wanted*; one of `LEGACY` only if it is named in full."""
    return any(client == each or (client not in LEGACY and fnmatch(client, each)) for each in wanted)


@lru_cache(maxsize=1)
def features() -> dict[str, Feature]:
    """Every feature by its name in the data, such as ``css-display-grid``."""
    return {entry["slug"]: _feature(entry) for entry in _data()["data"]}


def data_date() -> str:
    """The day on which the data was published, such as ``2026-06-29``."""
    return str(_data()["last_update_date"])[:10]


@lru_cache(maxsize=1)
def known_clients() -> frozenset[str]:
    """Every mail program in the data, such as ``gmail.ios``."""
    return frozenset(key for feature in features().values() for key in feature.results)


def client_name(key: str) -> str:
    """``outlook.windows`` as people say it: Outlook (Windows)."""
    names = _data()["nicenames"]
    family, _, platform = key.partition(".")
    where = _PLATFORMS.get(platform) or names["platform"].get(platform, platform)
    return f"{_FAMILIES.get(family) or names['family'].get(family, family)} ({where})"


def clients_without(slug: str, clients: Iterable[str]) -> tuple[str, ...]:
    """The names of those of *clients* that do not support a feature; none if it is not in the data."""
    feature = features().get(slug)
    return tuple(map(client_name, feature.with_status("n", clients))) if feature else ()


def latest(series: Mapping[str, str]) -> str:
    """The latest version of a series of verdicts by version."""
    return max(series, key=_age)


# Twelve thousand series name a few hundred versions.
@lru_cache(maxsize=1024)
def _age(version: str) -> tuple[bool, tuple[int, ...], str]:
    numbers = tuple(int(number) for number in re.findall(r"\d+", version))
    return (_DATE.fullmatch(version) is not None, numbers, version)


def _feature(entry: dict[str, Any]) -> Feature:
    results = {
        f"{family}.{platform}": series
        for family, platforms in entry["stats"].items()
        for platform, series in platforms.items()
        if series
    }
    return Feature(
        entry["slug"],
        entry["title"].strip(),
        entry["url"],
        entry.get("last_test_date") or "",
        results,
        entry.get("notes_by_num") or {},
    )


def _verdict(series: Mapping[str, str], notes: Mapping[str, str]) -> Verdict:
    version = latest(series)
    status, *numbers = series[version].split()
    told = (notes.get(number.lstrip("#"), "") for number in numbers)
    return Verdict(status[0], version, tuple(note for note in told if note))


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    packed = (files("newsletter.checks") / "data" / "caniemail.json.gz").read_bytes()
    data: dict[str, Any] = json.loads(gzip.decompress(packed))
    return data
