"""Every error that the list raises on purpose, of the same shape as the press's own: what, where, hint.

SubscribersError                exit 1
├── AddressError                exit 2   what was given is no e-mail address
├── FieldError                  exit 2   a name, tag, topic or attribute that cannot be kept
├── SegmentError                exit 2   a segment's expression
├── ConsentError                exit 1   someone who left would be brought back without asking
├── TransferError               exit 1   a file that cannot be imported or written
└── StoreError                  exit 3   the database cannot be opened
    ├── DamagedError            exit 3   its file is not whole any more
    └── UnreachableError        exit 3   its server is not there, or takes nobody yet
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class SubscribersError(Exception):
    """Superclass of all errors of the list.

    Args:
        what: one sentence without a full stop, for people.
        where: the file (with line and column), database or address that it is about.
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


class AddressError(SubscribersError):
    """What was given is no e-mail address that mail can be sent to."""

    exit_code = 2


class FieldError(SubscribersError):
    """A name, tag, topic or attribute that the list cannot keep."""

    exit_code = 2


class SegmentError(SubscribersError):
    """A segment's expression cannot be understood; ``column`` is where in it, counted from 1."""

    exit_code = 2

    def __init__(self, what: str, *, column: int = 1, line: int = 1, hint: str = "") -> None:
        super().__init__(what, where=f"segment:{line}:{column}", hint=hint)
        self.line = line
        self.column = column


class ConsentError(SubscribersError):
    """Someone who left, bounced, complained or is suppressed would be brought back without asking to be."""


class TransferError(SubscribersError):
    """A file cannot be imported or written."""


class StoreError(SubscribersError):
    """The database cannot be opened."""

    exit_code = 3


class DamagedError(StoreError):
    """The database's file is not whole any more; only a backup helps."""


class UnreachableError(StoreError):
    """The database's server is not there, or takes nobody yet: whoever waits may open it later."""


def nearest(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """A hint that names the known word nearest to *word*, else *otherwise*, else the list of known words."""
    words = sorted(known)
    near = get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    return otherwise or "known: " + ", ".join(words)
