"""The tables by which the archive is searched: what each issue says, and which words are in it.

They hold nothing that the frozen editions do not say, and are filled from these when they are needed.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, LargeBinary, Text
from sqlmodel import Field, SQLModel

from subscribers.columns import RowId


class IssueText(SQLModel, table=True):
    """What the issue of a dispatch says to everybody, as plain text; ``rules`` is how words were found."""

    __tablename__ = "issue_text"
    __table_args__ = {"sqlite_with_rowid": False}

    dispatch_id: int = Field(
        sa_column=Column(RowId, ForeignKey("dispatch.id"), primary_key=True, autoincrement=False)
    )
    rules: int = Field(sa_column=Column(RowId, nullable=False))
    text: str = Field(sa_column=Column(Text, nullable=False))


class IssueWord(SQLModel, table=True):
    """That a word is in an issue, and how much that says of it.

    The word is kept as UTF-8, whose bytes both databases order alike, so that a beginning is a range.
    """

    __tablename__ = "issue_word"
    __table_args__ = {"sqlite_with_rowid": False}

    word: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    dispatch_id: int = Field(
        sa_column=Column(RowId, ForeignKey("dispatch.id"), primary_key=True, autoincrement=False)
    )
    weight: int = Field(sa_column=Column(RowId, nullable=False))


_TABLES = SQLModel.metadata.tables
ISSUE_TEXT = _TABLES["issue_text"]
ISSUE_WORD = _TABLES["issue_word"]
