"""Help and completion of all commands are told at once: no library of theirs is loaded for that."""

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest

from newsletter.cli import newsletter
from newsletter.cli.contents import CHAPTERS, COMMANDS

START = "import sys; sys.argv[0] = 'newsletter'; from newsletter.__main__ import main; main()"
LIBRARIES = ("sqlalchemy", "pydantic", "jinja2", "fastapi", "mjml", "premailer", "markdown_it")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_of_each_command_what_the_command_says_itself(name):
    command = newsletter.get_command(click.Context(newsletter), name)

    assert command.get_short_help_str(limit=1000) == COMMANDS[name][1]
    assert not command.hidden


def test_chapters_begin_with_commands():
    assert set(CHAPTERS) <= set(COMMANDS)


@pytest.mark.parametrize(
    ("words", "asked", "told"),
    [
        (["--help"], {}, "  reconcile"),
        (["--version"], {}, "newsletter, version"),
        ([], {"COMP_WORDS": "newsletter re", "COMP_CWORD": "1"}, "reconcile"),
        ([], {"COMP_WORDS": "newsletter -", "COMP_CWORD": "1"}, "--version"),
    ],
    ids=["help", "version", "a command", "an option"],
)
def test_nothing_is_loaded_to_tell_what_there_is(words, asked, told):
    completing = {"_NEWSLETTER_COMPLETE": "bash_complete"} if asked else {}
    command = [sys.executable, "-X", "importtime", "-c", START, *words]
    done = subprocess.run(
        command,
        env={**os.environ, **completing, **asked},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    loaded = {
        line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import")
    }

    assert told in done.stdout
    assert "click" in loaded
    assert loaded.isdisjoint(LIBRARIES)
