"""What the URL of a database says, read strictly and shown without what is secret in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from subscribers.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import URL

#: How a database is named, for hints.
URL_HINT = "write `sqlite:///newsletter.db` or `postgresql://user@host/name`"

# As long as can be, to the last `@`: a password with an `@` that nobody wrote as %40 is hidden whole, too.
_PASSWORD = re.compile(r"(?<=://)(?P<user>[^:/@?]*):.*@", re.DOTALL)
# libpq takes a password among the parameters, too (PostgreSQL 16, section 34.1.2).
_PARAMETER = re.compile(r"(?<=[?&])(?P<name>password|sslpassword)=[^&]*", re.IGNORECASE)


def parse_url(url: str) -> URL:
    """Read a SQLAlchemy URL.

    Raises:
        StoreError: it is none, or its password has an ``@`` that would be taken for the end of the password.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError("this is no database URL", where=without_password(url), hint=URL_HINT) from error
    if "@" in (parsed.host or ""):
        raise StoreError(
            "its user or password has a `@` in it, which ends them in a URL",
            where=without_password(url),
            hint="write `%40` for `@` and `%25` for `%`, or leave the password to PGPASSFILE or PGPASSWORD",
        )
    return parsed


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite database, as SQLite is told to open it; None of any other database.

    Args:
        url: a SQLAlchemy URL; its parameters (``?timeout=30``) are no part of the file's name.

    Raises:
        StoreError: it is no URL.
    """
    parsed = parse_url(url)
    return Path(parsed.database or ":memory:") if parsed.get_backend_name() == "sqlite" else None


def without_password(url: str) -> str:
    """A database URL as it may be shown: with ``***`` for each password."""
    return _PARAMETER.sub(r"\g<name>=***", _PASSWORD.sub(r"\g<user>:***@", url))


def shown(url: URL) -> str:
    """The same of a URL that was read."""
    return without_password(url.render_as_string())
