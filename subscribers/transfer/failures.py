"""What a database says when an import cannot go on, in words that tell what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from subscribers.database_url import without_password
from subscribers.errors import TransferError

if TYPE_CHECKING:
    from sqlalchemy import Engine

_AGAIN = "then run the same command again: it goes on where this one stopped"

# What SQLite says (https://www.sqlite.org/rescode.html), what that means, and what helps.
_REASONS = {
    "database is locked": ("another process holds the database", f"let that one end, {_AGAIN}"),
    "database or disk is full": ("the disk is full", f"make room, {_AGAIN}"),
    "disk I/O error": ("the disk takes no more: disk I/O error", f"make room or raise the limit, {_AGAIN}"),
    "readonly database": ("the database cannot be written", f"look at who may write it, {_AGAIN}"),
}

# What PostgreSQL means by its codes (appendix A of its manual).
_CODES = {
    "53100": ("the disk of the server is full", f"make room, {_AGAIN}"),
    "55P03": ("another process holds the database", f"let that one end, {_AGAIN}"),
    "57014": ("the server ended the statement", f"look at its limits, {_AGAIN}"),
}

# PostgreSQL's codes for a key that somebody else inserted meanwhile, and for two who wait for each other.
_OVERTAKEN = {"23505", "40P01", "40001"}


def is_overtaken(error: BaseException) -> bool:
    """Whether a chunk failed only because somebody else added or changed one of its people meanwhile."""
    return _code(error) in _OVERTAKEN


def explained(error: BaseException, engine: Engine) -> TransferError:
    """An error of the database, as a person can use it."""
    said = str(getattr(error, "orig", error)).strip() or type(error).__name__
    what, hint = _CODES.get(_code(error), (f"the database stopped the import: {said.splitlines()[0]}", ""))
    for words, told in _REASONS.items():
        if words in said:
            what, hint = told
    where = without_password(engine.url.render_as_string())
    if engine.dialect.name == "sqlite":
        where = str(engine.url.database)
    return TransferError(what, where=where, hint=hint or f"mend that, {_AGAIN}")


def is_database_error(error: BaseException) -> bool:
    """Whether an error is the database's: SQLAlchemy's, or that of a driver that was asked directly."""
    return isinstance(error, DBAPIError) or type(error).__module__.partition(".")[0] in {"psycopg", "sqlite3"}


def _code(error: BaseException) -> str:
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")
