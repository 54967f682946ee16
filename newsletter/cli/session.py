"""What the commands share: the publication, its database, the list, and how an issue becomes an edition."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from newsletter.config import Publication, load_publication
from newsletter.errors import UsageError
from newsletter.migrations import open_database
from subscribers import SubscriberStore, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine


@dataclass
class Session:
    """One run of the command line."""

    directory: Path = field(default_factory=Path)
    debug: bool = False
    overrides: dict[str, dict[str, object]] = field(default_factory=dict)

    @cached_property
    def publication(self) -> Publication:
        """The publication that the command is about."""
        return load_publication(self.directory, self.overrides)

    @cached_property
    def engine(self) -> Engine:
        """The database, brought up to date if it is a file; closed when the command ends."""
        engine = open_database(self.publication)
        click.get_current_context().find_root().call_on_close(engine.dispose)
        return engine

    @cached_property
    def store(self) -> SubscriberStore:
        """The list."""
        return SubscriberStore(self.engine)

    @cached_property
    def tokens(self) -> Tokens:
        """What signs the links of the list."""
        return Tokens(self.engine)

    def override(self, section: str, **values: object) -> None:
        """Let flags win over environment and file; to be called before the publication is first used."""
        given = {key: value for key, value in values.items() if value is not None}
        if given:
            self.overrides.setdefault(section, {}).update(given)


P = ParamSpec("P")
R = TypeVar("R")

pass_session = click.make_pass_decorator(Session, ensure=True)


def json_option(command: Callable[P, R]) -> Callable[P, R]:
    """The ``--json`` flag, the same everywhere."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")(command)


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal; elsewhere insist on ``--yes``.

    Raises:
        UsageError: there is no terminal and no ``--yes``.
        click.Abort: the answer was no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", hint="add `--yes` to go ahead without a question")
    click.confirm(question, abort=True, err=True)
