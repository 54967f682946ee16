"""The tables by which all processes on one database keep to one pace."""

from __future__ import annotations

from sqlalchemy import Column, Double, ForeignKey, Text
from sqlmodel import Field, SQLModel

from subscribers.columns import RowId


class Budget(SQLModel, table=True):
    """A rate that all processes share: a provider's (``provider:smtp``) or a domain's (``domain:gmail.com``).

    ``free_at`` is when, in seconds since 1970, all that was let pass so far is paid for at ``rate`` messages
    per second.
    """

    __tablename__ = "budget"
    __table_args__ = {"sqlite_with_rowid": False}

    name: str = Field(sa_column=Column(Text, primary_key=True))
    rate: float = Field(sa_column=Column(Double, nullable=False))
    free_at: float = Field(sa_column=Column(Double, nullable=False))


class WarmUpDay(SQLModel, table=True):
    """How many messages were let pass to a provider on one day (``2026-04-11``) of its warm-up."""

    __tablename__ = "warm_up_day"
    __table_args__ = {"sqlite_with_rowid": False}

    provider: str = Field(sa_column=Column(Text, primary_key=True))
    day: str = Field(sa_column=Column(Text, primary_key=True))
    count: int = Field(sa_column=Column(RowId, nullable=False))


class Circuit(SQLModel, table=True):
    """The last outcomes of a dispatch, the newest at the end, one character each."""

    __tablename__ = "circuit"
    __table_args__ = {"sqlite_with_rowid": False}

    dispatch_id: int = Field(
        sa_column=Column(RowId, ForeignKey("dispatch.id"), primary_key=True, autoincrement=False)
    )
    recent: str = Field(sa_column=Column(Text, nullable=False))


_TABLES = SQLModel.metadata.tables
BUDGET = _TABLES["budget"]
WARM_UP_DAY = _TABLES["warm_up_day"]
CIRCUIT = _TABLES["circuit"]
