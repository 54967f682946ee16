"""Groups whose help says in full what each command does."""

from __future__ import annotations

from typing import ClassVar

import click

#: Longer than any first sentence: click would cut it off to fit the line, where here it is wrapped.
_WHOLE = 400


class Group(click.Group):
    """Commands, in ``chapters`` if it has some: titles, by the command that each begins with."""

    chapters: ClassVar[dict[str, str]] = {}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the first sentence of each command, chapter by chapter."""
        title, rows = "Commands", list[tuple[str, str]]()
        for name in self.list_commands(ctx):
            if name in self.chapters:
                _write(formatter, title, rows)
                title, rows = self.chapters[name], []
            sentence = self.sentence(ctx, name)
            if sentence is not None:
                rows.append((name, sentence))
        _write(formatter, title, rows)

    def sentence(self, ctx: click.Context, name: str) -> str | None:
        """What the command says first of itself; None if it is hidden."""
        command = self.get_command(ctx, name)
        return None if command is None or command.hidden else command.get_short_help_str(_WHOLE)


def _write(formatter: click.HelpFormatter, title: str, rows: list[tuple[str, str]]) -> None:
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)
