"""Imports subscribers from a file; whoever left is never brought back, and a run that is killed can go on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING

from subscribers.consent import Consent
from subscribers.database import rehearsing, writing_repeatedly
from subscribers.errors import TransferError
from subscribers.models import ConsentKind
from subscribers.topics import list_topics, topic_id
from subscribers.transfer.checkpoints import Checkpoint
from subscribers.transfer.collecting import uncollected
from subscribers.transfer.failures import explained, is_database_error, is_overtaken
from subscribers.transfer.fields import assign
from subscribers.transfer.inspecting import inspect
from subscribers.transfer.lists import Lists
from subscribers.transfer.merging import Merger
from subscribers.transfer.presets import preset_for, preset_named
from subscribers.transfer.reading import Sheet
from subscribers.transfer.records import RecordReader
from subscribers.transfer.rejects import Rejects
from subscribers.transfer.reports import ImportReport
from subscribers.words import clean_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sqlalchemy import Connection

    from subscribers.store import SubscriberStore
    from subscribers.transfer.dates import Order
    from subscribers.transfer.fields import Column
    from subscribers.transfer.presets import Preset
    from subscribers.transfer.reading import Row
    from subscribers.transfer.records import Records

    #: Is told how many rows are done, and how many there are.
    Progress = Callable[[int, int], None]

#: Rows that are written together; a run that is interrupted has written all chunks before.
CHUNK = 10_000

#: Cells whose text is longer than this in sum, in characters, begin a new chunk.
_LARGEST_CHUNK = 32 * 1024 * 1024
_ROWS_AT_A_TIME = 50

# How often a chunk is tried again because somebody else added one of its people meanwhile.
_TRIES = 5


def import_file(
    store: SubscriberStore,
    source: Path | IO[bytes] | IO[str],
    *,
    mapping: Mapping[str, str] | None = None,
    tags: Collection[str] = (),
    topics: Collection[str] = (),
    consent_text: str = "",
    preset: str | None = None,
    dates: Order = "",
    rejects: Path | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import a file, 10,000 rows to a transaction; running it again changes nothing.

    A run that was killed has written whole chunks and recorded how many: the same file with the same mapping,
    tags, consent and preset goes on behind them. All of the file is looked at before anything is written.

    Args:
        store: the list.
        source: a path (``-`` is standard input) or a stream. Comma, semicolon, tab or bar, the first row
            names the columns; or JSON lines. UTF-8, UTF-16, or Windows-1252.
        mapping: fields or attributes, each with the column it is read from, where the names do not tell.
        tags: given to everybody in the file who may be mailed.
        topics: topics that there are, given to everybody in the file but those who left them.
        consent_text: why these people may be mailed; goes into the log of those who are new or changed.
        preset: the service that the file is an export of; by default found out by its columns.
        dates: what comes first in dates such as 03/04/2024; by default what their column shows.
        rejects: where to write rows that are invalid; by default beside the file, ``NAME.rejects.csv``.
        dry_run: read, check and count all, and write nothing.
        progress: is told, after each chunk, how many rows are done and how many there are.

    Raises:
        TransferError: the file cannot be read, no column has addresses, or the database cannot be written.
        FieldError: a tag that cannot be one, or a topic or preset that is none.
    """
    extra, chosen_topics = tuple(clean_words(tags)), _known_topics(store, topics)
    with Sheet(source) as sheet:
        chosen = preset_named(preset) if preset else preset_for(sheet.header)
        columns = _assign(sheet, chosen, mapping or {}, store.attribute_names() if mapping else ())
        inspection = inspect(sheet, columns, dates)
        if not inspection.rows:
            raise TransferError("the file has a header but no rows", where=sheet.name)
        report = ImportReport(
            preset=chosen.name,
            odd_lines=sheet.odd_lines,
            odd_line=sheet.odd_line,
            lists=Lists.among(list_topics(store.engine)),
        )
        report.describe(sheet.header, inspection.columns)
        everyone = chosen.status_of(sheet.name)
        width = len(sheet.header)
        reader = RecordReader(
            inspection.columns,
            width,
            extra,
            chosen_topics,
            chosen.statuses,
            everyone,
            report.odd_zones,
            report.odd_dates,
            report.guessed_dates,
            report.lists,
        )
        options = [sorted((mapping or {}).items()), extra, chosen_topics, consent_text, chosen.name, everyone]
        options += [dates] if dates else []
        consent = Consent(ConsentKind.IMPORTED, source="import", text=consent_text)
        merger = Merger(store.secret, consent, store.clock())
        with Rejects.beside(source, rejects, sheet.header, dry_run=dry_run) as refused:
            run = _Run(store, sheet, reader, merger, report, refused, inspection.rows)
            try:
                run.rehearse(progress) if dry_run else run.perform(options, progress)
            except Exception as error:
                if not is_database_error(error):
                    raise
                raise explained(error, store.engine) from error
            report.reasons = refused.reasons()
            report.rejects_file = refused.finish()
    return report


def _known_topics(store: SubscriberStore, topics: Collection[str]) -> tuple[str, ...]:
    with store.engine.connect() as connection:
        for topic in topics:
            topic_id(connection, topic)
    return tuple(topics)


def _assign(
    sheet: Sheet, preset: Preset, mapping: Mapping[str, str], attributes: Collection[str]
) -> tuple[Column, ...]:
    known = {**preset.mapping(sheet.header), **mapping}
    return assign(
        sheet.header,
        known,
        sheet.name,
        consents=preset.consents,
        ignored=preset.ignored,
        attributes=attributes,
    )


@dataclass(frozen=True)
class _Run:
    """One run of an import through the rows of a sheet, of which there are ``total``."""

    store: SubscriberStore
    sheet: Sheet
    reader: RecordReader
    merger: Merger
    report: ImportReport
    refused: Rejects
    total: int

    def perform(self, options: object, progress: Progress | None) -> None:
        """Write chunk by chunk, behind those that an earlier run has written."""
        engine = self.store.engine
        checkpoint = Checkpoint.of(engine, self.sheet.digest, options)
        self.report.restore(checkpoint.counts)
        self.report.resumed = checkpoint.done
        with writing_repeatedly(engine) as transaction:
            for done, records in self._chunks(progress):
                if done > checkpoint.done:
                    self._write(transaction, checkpoint, done, records)
        # This commit waits for the disk, and all before it with it.
        checkpoint.forget(engine)

    def rehearse(self, progress: Progress | None) -> None:
        """Do all of it in one transaction that is undone."""
        with rehearsing(self.store.engine) as connection:
            for _, records in self._chunks(progress):
                self.report.count(records, self.merger.merge(connection, records))

    def _write(
        self,
        transaction: Callable[[], AbstractContextManager[Connection]],
        checkpoint: Checkpoint,
        done: int,
        records: Records,
    ) -> None:
        """Write one chunk and how far the import is, in one transaction."""
        before = self.report.counts()
        for remaining in reversed(range(_TRIES)):
            try:
                with transaction() as connection:
                    self.report.count(records, self.merger.merge(connection, records))
                    checkpoint.save(connection, done, self.report.counts(), self.store.clock())
            except Exception as error:
                if not remaining or not is_overtaken(error):
                    raise
                self.report.restore(before)
            else:
                return

    def _chunks(self, progress: Progress | None) -> Iterator[tuple[int, Records]]:
        """Chunks of records, each with the number of rows down to its end."""
        done, rows = 0, self.sheet.rows(self.refused.add)
        while chunk := _next_chunk(rows):
            done += len(chunk)
            with uncollected():
                records = self.reader.read(chunk, self.refused.add)
                yield done, records
            self.report.invalid = self.refused.count
            if progress is not None:
                progress(done, self.total)
        self.report.invalid = self.refused.count


def _next_chunk(rows: Iterator[Row]) -> list[Row]:
    """The next rows: as many as belong together, fewer if they are huge, none at the end."""
    chunk: list[Row] = []
    size = 0
    while len(chunk) < CHUNK and size < _LARGEST_CHUNK:
        more = list(islice(rows, min(_ROWS_AT_A_TIME, CHUNK - len(chunk))))
        if not more:
            break
        chunk += more
        size += sum(sum(map(len, cells)) for _, cells in more)
    return chunk
