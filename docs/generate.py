"""Write docs/commands.md, settings.md and rules.md from the program itself, and what is on each long page."""

from __future__ import annotations

import re
from inspect import cleandoc
from pathlib import Path
from textwrap import fill
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


#: A page of more lines begins with what is on it; that of the rules has a list of its own.
LONG = 120


def with_contents(page: str) -> str:
    """*page* with links to its sections before the first of them, if it is long."""
    bare = re.sub(r"^On this page: .*?\n\n", "", page, count=1, flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(
        r"^## (.+)$", re.sub(r"^```.*?^```", "", bare, flags=re.DOTALL | re.MULTILINE), re.MULTILINE
    )
    if bare.count("\n") <= LONG or len(titles) < 4:
        return bare
    links = " · ".join(
        f"[{title.strip('[]').removeprefix('newsletter ')}](#{anchor(title)})" for title in titles
    )
    told = fill(f"On this page: {links}", 128, break_long_words=False, break_on_hyphens=False)
    return bare.replace("\n## ", f"\n{told}\n\n## ", 1)


def anchor(title: str) -> str:
    """What a heading is called in a link, as code hosts make it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


PAGES = {"commands.md": commands, "settings.md": settings, "rules.md": rules}


def main() -> None:
    """Write the pages that are made, and what is on the long ones that are not."""
    for name, write in PAGES.items():
        (HERE / name).write_text(write(), encoding="utf-8")
    for path in HERE.glob("*.md"):
        if path.name != "rules.md":
            path.write_text(with_contents(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
