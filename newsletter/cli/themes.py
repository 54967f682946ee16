"""The commands about themes: `newsletter theme list`, `show` and `eject`."""

from __future__ import annotations

from pathlib import Path

import click

from newsletter.cli import output
from newsletter.cli.helping import Group
from newsletter.cli.session import Session, json_option, pass_session
from newsletter.config import find_publication
from newsletter.editions import Theme, eject_theme, load_theme, theme_names
from newsletter.errors import ConfigError, UsageError


@click.group(cls=Group)
def theme() -> None:
    """See the themes there are, and make one your own.

    \b
    Examples:
      newsletter theme list
      newsletter theme show digest
      newsletter theme eject digest
    """


@theme.command(name="list")
@json_option
@pass_session
def list_(session: Session, *, as_json: bool) -> None:
    """List the built-in themes and those of the publication.

    \b
    Example:
      newsletter theme list
    """
    folder = _themes(session)
    themes = [load_theme(name, folder) for name in theme_names(folder)]
    if as_json:
        output.document(
            [
                {"name": theme.name, "from": _origin(theme, folder), "about": theme.settings["about"]}
                for theme in themes
            ]
        )
        return
    rows = ((theme.name, _origin(theme, folder), theme.settings["about"]) for theme in themes)
    output.table(("name", "from", "about"), rows)


@theme.command()
@click.argument("name")
@json_option
@pass_session
def show(session: Session, name: str, *, as_json: bool) -> None:
    """Show a theme's colours, fonts and files, and where each file is read from.

    \b
    Example:
      newsletter theme show letter
    """
    theme = load_theme(name, _themes(session))
    if as_json:
        output.document({"name": name, "settings": theme.settings, "files": theme.places})
        return
    output.table(("key", "value"), [("name", name), *_settings(theme)])
    output.data("")
    output.table(("file", "read from"), theme.places.items())


@theme.command()
@click.argument("name")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    help="Write here; default: themes/NAME in the publication.",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
@pass_session
def eject(session: Session, name: str, folder: Path | None, *, force: bool) -> None:
    """Copy a theme's files, all of them, to where you can change them, and print their paths.

    In a copy that keeps its name, you may delete the files that you do not change: they are then read from
    where they came from, and go on getting better with the program. With --force the built-in ones come back.

    \b
    Examples:
      newsletter theme eject digest
      newsletter theme eject letter --to themes/mine
    """
    themes = _themes(session)
    if folder is None and themes is None:
        raise UsageError(
            "there is no publication here to copy into", hint="name a folder with `--to DIR`, or use `-C DIR`"
        )
    own = themes / name if themes else None
    target = folder or own or Path(name)
    # Onto itself a theme of the publication would be copied in vain: there the built-in files are meant.
    source = None if own and target.resolve() == own.resolve() else themes
    for path in eject_theme(load_theme(name, source), target, force=force):
        output.data(str(path))
    output.say(f"next: change the files in {target}, and look at them with `newsletter preview`")


def _themes(session: Session) -> Path | None:
    """The publication's folder of themes, or None where there is no publication."""
    try:
        find_publication(session.directory)
    except ConfigError:
        return None
    return session.publication.themes


def _origin(theme: Theme, folder: Path | None) -> str:
    """Whose files make up *theme*."""
    own = [place for place in theme.places.values() if folder and Path(place).is_relative_to(folder)]
    if not own:
        return "built in"
    builtin = theme.name in theme_names()
    return "publication, over built in" if builtin else "publication"


def _settings(theme: Theme) -> list[tuple[str, object]]:
    """What ``theme.toml`` says, without the labels, of which only the languages are told."""
    rows: list[tuple[str, object]] = []
    for key, value in theme.settings.items():
        if key == "labels":
            rows.append((key, list(value)))
        elif isinstance(value, dict):
            rows.extend((f"{key}.{name}", said) for name, said in value.items())
        else:
            rows.append((key, value))
    return rows


COMMANDS = (theme,)
