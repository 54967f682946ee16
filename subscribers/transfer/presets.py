"""What the exports of other newsletter services mean; the services themselves are in `presets.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from subscribers.errors import FieldError, nearest
from subscribers.models import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from subscribers.transfer.fields import Consenting


@dataclass(frozen=True)
class Preset:
    """One service: how its export is recognised, and what its columns mean, by their names in lower case.

    ``statuses`` are the service's words for ours, ``files`` what the beginning of a file's name says of all
    people in it.
    """

    name: str
    recognised: Sequence[frozenset[str]] = ()
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    consents: Mapping[str, Consenting] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    statuses: Mapping[str, Status] = field(default_factory=dict)
    files: Mapping[str, Status] = field(default_factory=dict)

    def mapping(self, header: Sequence[str]) -> dict[str, str]:
        """Fields, each with the column of this file that it is read from."""
        columns = {name.lower(): name for name in header}
        chosen = {
            name: next((columns[known] for known in wanted if known in columns), "")
            for name, wanted in self.fields.items()
        }
        return {name: column for name, column in chosen.items() if column}

    def status_of(self, path: str) -> Status | None:
        """What the name of a file says of all people in it, if it says anything."""
        stem = Path(path).name.lower()
        return next((status for start, status in self.files.items() if stem.startswith(start)), None)


#: What a file means that comes from nowhere in particular.
PLAIN = Preset("")


def preset_named(name: str) -> Preset:
    """The preset of a service.

    Raises:
        FieldError: there is none of that name.
    """
    known = {preset.name: preset for preset in presets()}
    if name.lower() not in known:
        raise FieldError(f"there is no preset `{name[:40]}`", hint=nearest(name.lower(), known))
    return known[name.lower()]


def preset_for(header: Sequence[str]) -> Preset:
    """The preset of the service whose export has such a header; `PLAIN` if it is nobody's."""
    names = {name.lower() for name in header}
    return next((preset for preset in presets() if any(known <= names for known in preset.recognised)), PLAIN)


@cache
def presets() -> tuple[Preset, ...]:
    """All presets, in the order of the file."""
    text = Path(__file__).with_name("presets.toml").read_text(encoding="utf-8")
    return tuple(_preset(name, told) for name, told in tomllib.loads(text).items())


def _preset(name: str, told: dict[str, dict[str, str]]) -> Preset:
    kinds: tuple[Consenting, ...] = ("agreeing", "leaving", "bouncing")
    return Preset(
        name,
        recognised=[frozenset(columns) for columns in told["recognised"]],
        fields={name: list(columns) for name, columns in told.get("map", {}).items()},
        consents={column: kind for kind in kinds for column in told.get(kind, ())},
        ignored=frozenset(told.get("ignored", ())),
        statuses={word: Status(status) for word, status in told.get("status", {}).items()},
        files={start: Status(status) for start, status in told.get("files", {}).items()},
    )
