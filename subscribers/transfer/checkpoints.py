"""How far an import is, recorded with each chunk, so that the same command goes on where it was killed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Text, delete, select
from sqlmodel import Field, SQLModel

from subscribers.columns import JsonObject, RowId, UtcTime, now
from subscribers.database import writing
from subscribers.tables import insert

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


class ImportCheckpoint(SQLModel, table=True):
    """An import that has not ended: what was asked (``key``, a hash), and the rows that are done."""

    __tablename__ = "import_checkpoint"
    __table_args__ = {"sqlite_with_rowid": False}

    key: str = Field(sa_column=Column(Text, primary_key=True))
    done: int = Field(sa_column=Column(RowId, nullable=False))
    counts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JsonObject, nullable=False))
    at: datetime = Field(default_factory=now, sa_column=Column(UtcTime, nullable=False))


CHECKPOINT = SQLModel.metadata.tables["import_checkpoint"]


@dataclass
class Checkpoint:
    """The recorded progress of one import: the first ``done`` rows of the file are in the database.

    Of two processes that import the same file at once each records rows that it wrote, or found written, so
    whichever recorded last is right.
    """

    key: str
    done: int = 0
    counts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, engine: Engine, digest: str, options: object) -> Checkpoint:
        """Where the import of a file of this *digest* with these *options* stands; at 0 if it is new."""
        asked = json.dumps([digest, options], sort_keys=True, default=str)
        key = hashlib.blake2b(asked.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        with engine.connect() as connection:
            found = connection.execute(select(CHECKPOINT).where(CHECKPOINT.c.key == key)).first()
        return cls(key) if found is None else cls(key, found.done, dict(found.counts))

    def save(self, connection: Connection, done: int, counts: dict[str, Any], at: datetime) -> None:
        """Record, in the transaction that writes them, that the first *done* rows are in the database."""
        row = {"done": done, "counts": counts, "at": at}
        connection.execute(
            insert(connection, CHECKPOINT)
            .values(key=self.key, **row)
            .on_conflict_do_update(index_elements=["key"], set_=row)
        )

    def forget(self, engine: Engine) -> None:
        """The import has ended."""
        with writing(engine) as connection:
            connection.execute(delete(CHECKPOINT).where(CHECKPOINT.c.key == self.key))
