"""The command `newsletter`: its groups, and the one place where errors become lines and exit codes."""

from __future__ import annotations

import logging
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import click
from click.shell_completion import CompletionItem

from newsletter.cli import output
from newsletter.cli.contents import CHAPTERS, COMMANDS
from newsletter.cli.exits import INTERRUPTED
from newsletter.cli.helping import Group
from newsletter.errors import NewsletterError, UsageError, did_you_mean

if TYPE_CHECKING:
    from subscribers import SubscribersError


class Front(Group):
    """The group of all commands; a command pays only for the libraries that it uses."""

    chapters: ClassVar = CHAPTERS

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - a fixed signature
        """The commands in the order of the work, not of the alphabet."""
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that *args* begin with; an unknown one is told with the nearest."""
        if args[0] not in COMMANDS:
            hint = did_you_mean(args[0], COMMANDS, otherwise="see `newsletter --help`")
            raise UsageError("there is no such command", where=args[0], hint=hint)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        commands: tuple[click.Command, ...] = import_module(
            f"newsletter.cli.{COMMANDS[cmd_name][0]}"
        ).COMMANDS
        return next(command for command in commands if command.name == cmd_name)

    def sentence(self, ctx: click.Context, name: str) -> str | None:  # noqa: ARG002 - as in `Group`
        """What the command says first of itself."""
        return COMMANDS[name][1]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands, or options, that begin with *incomplete*."""
        found = [
            CompletionItem(name, help=sentence)
            for name, (_, sentence) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(cls=Front, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "-C", "directory", type=click.Path(path_type=Path), default=Path(), help="Work in this publication."
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback when something goes wrong.")
@click.option("-v", "--verbose", is_flag=True, help="Say more on stderr.")
@click.version_option(None, "-V", "--version", package_name="newsletter-press", prog_name="newsletter")
@click.pass_context
def newsletter(ctx: click.Context, directory: Path, *, verbose: bool) -> None:
    """Write an issue in Markdown, compile it once, send each subscriber one mail, and know who got it.

    \b
    Examples:
      newsletter init my-letter
      newsletter -C my-letter build issues/2026-04-11.md
      newsletter -C my-letter send issues/2026-04-11.md --all
    """
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format=output.LOG_LINE)
    from newsletter.cli.session import Session

    ctx.obj = Session(directory)


def main() -> None:
    """Run the command line and leave with its exit code."""
    debug = "--debug" in sys.argv
    try:
        code = newsletter.main(standalone_mode=False)
    except click.Abort:
        output.say("aborted; nothing was changed")
        code = INTERRUPTED
    except click.ClickException as error:
        code = _usage(error)
    except KeyboardInterrupt:
        output.say("interrupted")
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = 1
    except Exception as error:  # noqa: BLE001 - the last line of defence: a person never sees a traceback unasked
        if debug:
            traceback.print_exc()
        code = _failure(error)
    sys.exit(code if isinstance(code, int) else 0)


def _failure(error: Exception) -> int:
    """Say what went wrong, and give the exit code."""
    if isinstance(error, NewsletterError):
        return _told(error)
    # Loaded here: who asks for help, or misspelt a command, need not wait for a database.
    from sqlalchemy.exc import DBAPIError

    from subscribers import SubscribersError

    if isinstance(error, SubscribersError):
        return _told(error)
    if isinstance(error, DBAPIError):
        reason = str(error.orig).strip().partition("\n")[0]
        hint = "look at the database and the space on its disk, then run the command again"
        if "permission denied" in reason:
            hint = "let the role of `[database] url` own the database: ALTER DATABASE … OWNER TO …"
        output.error(f"the database did not do what it was asked: {reason}", hint=hint)
        return 1
    output.error(
        f"this is a fault of the program: {type(error).__name__}: {error}",
        hint="run it again with `--debug` and report what it prints",
    )
    return 1


def _told(error: NewsletterError | SubscribersError) -> int:
    output.error(error.what, where=error.where, hint=error.hint)
    return error.exit_code


def _usage(error: click.ClickException) -> int:
    """A usage error in our two lines; without arguments, the help that click prints."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code
    output.error(error.format_message().rstrip("."), hint=f"see `{_command_of(error)} --help`")
    return error.exit_code


def _command_of(error: click.ClickException) -> str:
    """Which command was used wrongly; click does not tell it where an option lacks its value."""
    if isinstance(error, click.UsageError) and error.ctx and error.ctx.parent:
        return error.ctx.command_path
    named = next((word for word in sys.argv[1:] if word in COMMANDS), "")
    return f"newsletter {named}".rstrip()
