"""Imports subscribers from a CSV file; whoever left is never brought back by it."""

from __future__ import annotations

import gc
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, TYPE_CHECKING

from subscribers.consent import GONE, Consent
from subscribers.database import rehearsing, writing
from subscribers.errors import SubscribersError, TransferError
from subscribers.models import ConsentKind
from subscribers.transfer.fields import assign
from subscribers.transfer.merging import Merger, Result
from subscribers.transfer.reading import Sheet
from subscribers.transfer.records import read_record
from subscribers.transfer.rejects import Rejects
from subscribers.words import clean_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from subscribers.store import SubscriberStore
    from subscribers.transfer.fields import Column
    from subscribers.transfer.records import Record

#: Rows that are written together; a run that is interrupted has written all chunks before.
CHUNK = 5_000

_KINDS: dict[type, str] = {str: "text", int: "number", float: "number", bool: "yes or no"}


@dataclass
class ImportReport:
    """What became of the rows, each of which is counted once; blank rows are not.

    ``columns`` tells of each column of the file which field or attribute it filled, ``consent`` which of
    them were read as a yes or no to mail, and ``kinds`` what the values of each attribute are: ``text``,
    ``number``, ``yes or no``. ``left`` of the rows said that somebody must not be mailed, and are counted as
    created or updated, too; ``beyond_ascii`` have an address that needs SMTPUTF8. ``rejects_file`` has the
    invalid rows, each with its line and the reason.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    invalid: int = 0
    left: int = 0
    beyond_ascii: int = 0
    rejects_file: Path | None = None
    columns: dict[str, str] = field(default_factory=dict)
    consent: tuple[str, ...] = ()
    kinds: dict[str, set[str]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows the file has."""
        return self.created + self.updated + self.unchanged + self.skipped + self.invalid


def import_csv(
    store: SubscriberStore,
    source: Path | IO[bytes] | IO[str],
    *,
    mapping: Mapping[str, str] | None = None,
    tags: Collection[str] = (),
    consent_text: str = "",
    rejects: Path | None = None,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Import a file, 5,000 rows to a transaction; running it again changes nothing.

    Args:
        store: the list.
        source: a path (``-`` is standard input) or a stream. Comma, semicolon, tab or bar; UTF-8, UTF-16 with
            a byte order mark, or Windows-1252; the first row names the columns.
        mapping: fields or attributes, each with the column it is read from, where the names do not tell.
        tags: given to everybody in the file who may be mailed.
        consent_text: why these people may be mailed; goes into the log of those who are new.
        rejects: where to write rows that are invalid; by default beside the file, ``NAME.rejects.csv``.
        dry_run: read, check and count all, and write nothing.
        progress: is told, after each chunk, how many rows were read.

    Raises:
        TransferError: the file cannot be read, or no column has addresses.
        FieldError: a tag that cannot be one.
    """
    extra = tuple(clean_words(tags))
    consent = Consent(ConsentKind.IMPORTED, source="import", text=consent_text)
    merger = Merger(store.secret, consent, store.clock())
    report = ImportReport()
    with Sheet(source) as sheet, Rejects.beside(source, rejects, sheet.header, dry_run=dry_run) as refused:
        columns = assign(sheet.header, mapping or {}, sheet.name)
        report.columns = {column.header: column.field for column in columns}
        report.consent = tuple(column.header for column in columns if column.consent)
        rows = iter(sheet)
        with _transactions(store.engine, dry_run=dry_run) as transaction:
            while chunk := list(islice(rows, CHUNK)):
                with _uncollected():
                    records = list(_valid(chunk, columns, len(sheet.header), extra, refused))
                    with transaction() as connection:
                        results = merger.merge(connection, records)
                    _count(report, records, results)
                report.invalid = refused.count
                if progress is not None:
                    progress(report.rows)
        if not report.rows:
            raise TransferError("the file has a header but no rows", where=sheet.name)
        report.rejects_file = refused.finish()
    return report


def _valid(
    rows: Sequence[tuple[int, list[str]]],
    columns: Sequence[Column],
    width: int,
    tags: tuple[str, ...],
    refused: Rejects,
) -> Iterator[Record]:
    for line, cells in rows:
        try:
            if len(cells) > width and any(cells[width:]):
                raise TransferError(f"{len(cells)} cells under a header of {width}")
            record = read_record(columns, cells)
        except SubscribersError as error:
            refused.add(line, error.what, cells)
        else:
            record.tags += tags
            yield record


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles, for the fraction of a second that a chunk takes.

    No cycle is made here; but the collector, called by the number of new objects, would look through the
    whole chunk again and again, for a third of the time.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _count(report: ImportReport, records: Sequence[Record], results: Sequence[Result]) -> None:
    for result in Result:
        setattr(report, result.value, getattr(report, result.value) + results.count(result))
    taken = [record for record, result in zip(records, results, strict=True) if result is not Result.SKIPPED]
    report.left += sum(record.status in GONE for record in taken)
    report.beyond_ascii += sum(not record.address.key.isascii() for record in taken)
    for name, kind in {(name, type(value)) for record in taken for name, value in record.attributes.items()}:
        report.kinds.setdefault(name, set()).add(_KINDS[kind])


@contextmanager
def _transactions(
    engine: Engine, *, dry_run: bool
) -> Iterator[Callable[[], AbstractContextManager[Connection]]]:
    """A transaction for each chunk; for a dry run a single one, undone in the end."""
    if not dry_run:
        yield lambda: writing(engine)
        return
    with rehearsing(engine) as connection:
        yield lambda: nullcontext(connection)
