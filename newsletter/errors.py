"""Every error that the press raises on purpose: where it is, what it is, and how to mend it.

NewsletterError                 exit 1
├── UsageError                  exit 2   the command's words do not fit together
├── ConfigError                 exit 3   newsletter.toml, environment, credentials, database
├── IssueError                  exit 4   an issue file
├── ThemeError                  exit 4   a theme
├── ProviderError               exit 1   a provider refused to work at all
│   ├── BusyError               exit 1   a provider asks to come back later
│   ├── RefusedError            exit 1   a provider will refuse until something is changed
│   └── CredentialsError        exit 3   a provider refused the credentials
└── DeliveryError               exit 1   a dispatch cannot do what was asked
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class NewsletterError(Exception):
    """Superclass of all errors of the press; the command line prints it as two lines.

    Args:
        what: one sentence without a full stop, for people.
        where: the file (with line and column), setting or address that it is about.
        hint: what to do about it; empty when there is nothing to advise.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class UsageError(NewsletterError):
    """The options of a command do not fit together."""

    exit_code = 2


class ConfigError(NewsletterError):
    """A setting, a credential or the database is missing or wrong."""

    exit_code = 3


class IssueError(NewsletterError):
    """An issue cannot be read or compiled."""

    exit_code = 4


class ThemeError(NewsletterError):
    """A theme cannot be loaded or compiled."""

    exit_code = 4


class ProviderError(NewsletterError):
    """A provider cannot be reached or refuses to work, before any message was handed over."""

    #: Whether trying again is of no use before a person changed something: the dispatch is held then.
    lasting = False


class BusyError(ProviderError):
    """A provider takes no more for now, and nothing of what it was just asked; *wait* is in seconds."""

    def __init__(self, what: str, *, wait: float, where: str = "", hint: str = "") -> None:
        super().__init__(what, where=where, hint=hint)
        self.wait = wait


class RefusedError(ProviderError):
    """A provider refuses what it was asked to do, and would again."""

    lasting = True


class CredentialsError(ProviderError):
    """A provider refuses the name, password or key that it was given."""

    exit_code = 3
    lasting = True


class DeliveryError(NewsletterError):
    """A dispatch cannot do what was asked of it."""


def at(path: Path | str | None, line: int | None = None, column: int | None = None) -> str:
    """Write a place as ``path:line:column``, without what is not known; both count from 1."""
    parts = [str(path) if path is not None else "", str(line or ""), str(column or "") if line else ""]
    return ":".join(part for part in parts if part)


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """A hint that names the known word nearest to *word*, else *otherwise*, else the list of known words."""
    words = sorted(known)
    near = get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    return otherwise or "known: " + ", ".join(words)
