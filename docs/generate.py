"""Write docs/commands.md, settings.md and rules.md from the program itself, so that they cannot drift."""

from __future__ import annotations

from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.checks import FAMILIES, data_date
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


#: What examples of rules stand in, in words.
PLACES = {
    "body": ("md", "in the text of an issue"),
    "front": ("yaml", "in the front matter"),
    "publication": ("toml", "in `newsletter.toml`"),
    "theme": ("toml", "in a theme's `theme.toml`"),
    "html": ("html", "in the HTML of the mail"),
    "document": ("html", "as the HTML of the mail"),
    "text": ("text", "in the plain text"),
}


def rules() -> str:
    """Every rule of the checks: why, on whose word, what it accuses, what it does not, how it is waived."""
    parts = [
        "# Rules\n",
        "Written by `make docs` from the rules themselves; each example is tested. How to set and waive them",
        "is in [checks.md](checks.md); `newsletter rules RULE` shows one in the terminal. Client support is",
        f"by the data of [Can I email](https://www.caniemail.com/), as of {data_date()}.\n",
    ]
    for family, of in FAMILIES.items():
        parts.append(f"- {family}: {', '.join(f'[{rule.id}](#{rule.id})' for rule in of)}")
    for family, of in FAMILIES.items():
        parts.append(f"\n## {family}")
        for rule in of:
            language, place = PLACES[rule.where]
            wrong, right = (f"```{language}\n{shortened(text)}\n```" for text in (rule.failing, rule.passing))
            parts += [
                f"\n### {rule.id}\n",
                f"{rule.reason} ({rule.severity}; [source]({rule.source}))\n",
                f"Wrong, {place}:\n\n{wrong}\n\nRight:\n\n{right}\n",
                f"Waive: `<!-- check: off {rule.id} because … -->`",
            ]
    return "\n".join(parts) + "\n"


def shortened(text: str) -> str:
    """An example as far as it can be shown: long ones are cut, invisible characters named."""
    text = text.strip("\n") or "(nothing)"
    text = "".join(f"[U+{ord(c):04X}]" if c != "\n" and not c.isprintable() else c for c in text)
    return text if len(text) <= 400 else f"{text[:300]} … {len(text):,} characters"


PAGES = {"commands.md": commands, "settings.md": settings, "rules.md": rules}

if __name__ == "__main__":
    for name, write in PAGES.items():
        (HERE / name).write_text(write(), encoding="utf-8")
