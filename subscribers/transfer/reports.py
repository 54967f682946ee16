"""What an import has to tell: what became of the rows, and what each column was taken for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from subscribers.consent import GONE
from subscribers.mailboxes import Doubts
from subscribers.transfer.lists import Lists
from subscribers.transfer.merging import Result
from subscribers.transfer.records import OddDates

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from subscribers.transfer.fields import Column
    from subscribers.transfer.records import Records
    from subscribers.transfer.rejects import Reason


@dataclass
class ImportReport:
    """What became of the rows, each of which is counted once; blank rows are not.

    ``columns`` tells of each column of the file which field or attribute it filled, ``ignored`` which filled
    nothing, ``consent`` which of them were read as a yes or no to mail, and ``kinds`` what each attribute is:
    ``number``, ``yes or no``, ``text``, ``json``, ``object`` or ``empty``. ``preset`` is the service whose
    export the file was taken for. ``left`` of the rows said that somebody must not be mailed, and are counted
    as created or updated, too; ``beyond_ascii`` have an address that needs SMTPUTF8; ``doubts`` are about the
    addresses of all who were not skipped. ``resumed`` rows were written by a run that was broken off.
    ``odd_lines`` of a file of UTF-8 were read as Windows-1252, the first of them ``odd_line``.
    ``odd_zones`` are time zones that are none, with how many rows had each, and ``odd_dates`` what is known
    of dates of joining that cannot be read; ``guessed_dates`` of dates of leaving that might be two and were
    read with the day first. ``lists`` are the names in a column of lists that became topics and tags.
    ``rejects_file`` has the invalid rows, each with its line and the reason; ``reasons`` are those, counted.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    invalid: int = 0
    left: int = 0
    beyond_ascii: int = 0
    resumed: int = 0
    doubts: Doubts = field(default_factory=Doubts)
    odd_zones: Counter[str] = field(default_factory=Counter)
    odd_dates: OddDates = field(default_factory=OddDates)
    guessed_dates: OddDates = field(default_factory=OddDates)
    lists: Lists = field(default_factory=lambda: Lists({}))
    odd_lines: int = 0
    odd_line: int = 0
    preset: str = ""
    rejects_file: Path | None = None
    reasons: tuple[Reason, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    consent: tuple[str, ...] = ()
    kinds: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows the file has."""
        return self.created + self.updated + self.unchanged + self.skipped + self.invalid

    def describe(self, header: Sequence[str], columns: Sequence[Column]) -> None:
        """Say what the columns are."""
        self.columns = {column.header: column.field for column in columns}
        self.ignored = tuple(name for name in header if name and name not in self.columns)
        # What our own `left_at` says, the status beside it says, too.
        self.consent = tuple(column.header for column in columns if column.consent and column.is_attribute)
        self.kinds = {column.field: column.reading for column in columns if column.is_attribute}

    def count(self, records: Records, results: Sequence[Result]) -> None:
        """Take a chunk into account."""
        for result, count in Counter(results).items():
            setattr(self, result.value, getattr(self, result.value) + count)
        if Result.SKIPPED in results:
            kept = [result is not Result.SKIPPED for result in results]
            keys = [key for key, is_kept in zip(records.keys, kept, strict=True) if is_kept]
            statuses = [status for status, is_kept in zip(records.statuses, kept, strict=True) if is_kept]
        else:
            keys, statuses = records.keys, records.statuses
        self.left += sum(status in GONE for status in statuses if status)
        if not "".join(keys).isascii():
            self.beyond_ascii += sum(not key.isascii() for key in keys)
        self.doubts.count(keys)

    def counts(self) -> dict[str, Any]:
        """What a checkpoint keeps; invalid rows are counted anew by whoever goes on."""
        kept = {name: getattr(self, name) for name in _COUNTED}
        typos = {domain: list(told) for domain, told in self.doubts.typos.items()}
        return {**kept, "roles": self.doubts.roles, "disposable": self.doubts.disposable, "typos": typos}

    def restore(self, counts: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept."""
        for name in _COUNTED:
            setattr(self, name, counts.get(name, 0))
        typos = {domain: (meant, count) for domain, (meant, count) in counts.get("typos", {}).items()}
        self.doubts = Doubts(counts.get("roles", 0), counts.get("disposable", 0), typos)


_COUNTED = ("created", "updated", "unchanged", "skipped", "left", "beyond_ascii")
