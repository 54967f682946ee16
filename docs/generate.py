"""Write docs/commands.md and docs/settings.md from the program itself, so that they cannot drift."""

from __future__ import annotations

from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli import newsletter
from newsletter.config import Settings
from newsletter.config.showing import NOT_SET, as_toml

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent


def commands() -> str:
    """Every command with its help, in the order of the work."""
    parts = ["# Commands\n", "Written by `make docs` from the program itself.\n"]
    for path, command in walk(newsletter, ("newsletter",)):
        context = click.Context(command, info_name=" ".join(path), max_content_width=100, terminal_width=100)
        parts.append(f"## {' '.join(path)}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and all below it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from walk(below, (*path, name))


def settings() -> str:
    """Every key of newsletter.toml with its environment variable and default."""
    parts = [
        "# Settings\n",
        "Written by `make docs` from the program itself. Flags beat the environment, the environment beats",
        "`newsletter.toml`, the file beats the defaults.\n",
    ]
    for section, field in Settings.model_fields.items():
        model = field.annotation
        parts += [
            f"## [{section}]\n",
            f"{cleandoc(model.__doc__ or '')}\n",
            "| key | environment | default |",
            "| --- | --- | --- |",
        ]
        for name, below in model.model_fields.items():
            key = below.alias or name
            default = (
                "required" if below.is_required() else _default(below.get_default(call_default_factory=True))
            )
            parts.append(f"| `{key}` | `NEWSLETTER_{section.upper()}__{key.upper()}` | {default} |")
        parts.append("")
    return "\n".join(parts)


def _default(value: object) -> str:
    """A default as it would be written in the file; a key without one is not set."""
    return NOT_SET if value is None else f"`{as_toml(value)}`"


PAGES = {"commands.md": commands, "settings.md": settings}

if __name__ == "__main__":
    for name, write in PAGES.items():
        (HERE / name).write_text(write(), encoding="utf-8")
