"""The commands that keep a publication in order: `db`, `config show`, `doctor` and `completion`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
from click.shell_completion import get_completion_class

from newsletter import migrations
from newsletter.checks import RULES
from newsletter.checks.engine import refuse_unknown
from newsletter.checks.support import chosen, known_clients
from newsletter.cli import output
from newsletter.cli.dispatches import unattended
from newsletter.cli.helping import Group
from newsletter.cli.session import Session, confirm, json_option, pass_session
from newsletter.config import split_mailbox
from newsletter.config.showing import settings_document, settings_shown
from newsletter.delivery import DispatchState, unfinished
from newsletter.delivery.aftermath import refusals
from newsletter.delivery.schedule import parse_since
from newsletter.editions import load_theme, read_theme_images
from newsletter.errors import NewsletterError
from newsletter.migrations.copying import copy, source_database
from newsletter.migrations.restoring import check_backup
from newsletter.migrations.restoring import restore as restore_backup
from newsletter.migrations.undone import returned, write_returned
from newsletter.providers import make_provider
from subscribers import SubscribersError, open_engine
from subscribers.database_url import sqlite_file, without_password

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.delivery import Status

#: For how long `doctor` tells of messages that were refused for what we send or are, if it is not told.
LOOKS_BACK = timedelta(days=14)


@click.group(cls=Group)
def db() -> None:
    """Look after the database.

    \b
    Example:
      newsletter db current
    """


@db.command()
@pass_session
def current(session: Session) -> None:
    """Print the revision of the database and the one that this version needs.

    \b
    Example:
      newsletter db current
    """
    engine = open_engine(session.publication.database_url)
    try:
        output.data(f"{migrations.current(engine) or 'empty'} (needed: {migrations.head()})")
    finally:
        engine.dispose()


@db.command()
@pass_session
def upgrade(session: Session) -> None:
    """Bring the database to the revision that this version needs.

    \b
    Example:
      newsletter db upgrade
    """
    engine = open_engine(session.publication.database_url)
    try:
        migrations.upgrade(engine)
    finally:
        engine.dispose()
    output.say(f"the database is at {migrations.head()}")


@db.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace the file if it is there already.")
@pass_session
def backup(session: Session, file: Path, *, force: bool) -> None:
    """Copy a SQLite database while it is in use; for PostgreSQL use `pg_dump`.

    \b
    Example:
      newsletter db backup newsletter-2026-04-11.db
    """
    migrations.backup(session.engine, file, force=force)
    output.data(str(file))


@db.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@pass_session
def restore(session: Session, file: Path, *, yes: bool) -> None:
    """Put a backup in the place of a SQLite database; a copy of what it replaces stays beside it.

    What happened since the backup is undone, and that somebody left, too: who did is written into a list
    beside the copy, and importing that list takes them off again. For PostgreSQL use `pg_dump` and
    `pg_restore`.

    \b
    Example:
      newsletter db restore newsletter-2026-04-11.db
    """
    revision = check_backup(file)
    url = session.publication.database_url
    database = sqlite_file(url)
    confirm(f"Replace {database or without_password(url)} by {file} (revision {revision})?", yes=yes)
    kept = restore_backup(url, file)
    if kept is None or database is None:
        output.say("restored; there was nothing to be replaced")
        return
    output.say(f"restored; what was there is in {kept}")
    _tell_returned(database, kept)


def _tell_returned(database: Path, kept: Path) -> None:
    """Say who left since the backup and is on the list again, and how to take them off."""
    people = returned(database, kept)
    if people is None:
        output.warn(
            f"{kept} has no list that can be read: who left since the backup may be on the list again"
        )
        return
    if not people:
        output.say("nobody left between the backup and now")
        return
    path = kept.with_name(f"{kept.name}.left.csv")
    write_returned(path, people)
    left = output.plural(len(people), "person", "people")
    output.warn(f"{left} who left since the backup {'is' if len(people) == 1 else 'are'} on the list again")
    output.say(f'before you send: `newsletter subscribers import {path} --consent "Left before a restore"`')
    if erased := sum(each.erased for each in people):
        output.warn(
            f"{erased:,} of them had been erased; `newsletter subscribers erase` forgets each once more"
        )


@db.command(name="copy")
@click.argument("source", metavar="SOURCE")
@pass_session
def copy_(session: Session, source: str) -> None:
    """Copy all that SOURCE holds into the database of `[database] url`, which must be empty.

    So a publication goes from SQLite to PostgreSQL, or back: people, consent, links, dispatches and
    outcomes. SOURCE is a SQLite file or a database URL; a file stays byte for byte as it is, and may be one
    that you may only read. Stop first what uses it: `serve`, workers, cron.

    \b
    Example:
      newsletter db copy newsletter.db
    """
    target = open_engine(session.publication.database_url)
    try:
        with source_database(source) as opened:
            output.say("copying; for a million people, that takes some minutes")
            copied = copy(opened, target)
    finally:
        target.dispose()
    output.facts([(table, f"{count:,}") for table, count in copied.items() if count])
    output.say("copied; make the indexes of `newsletter segments index` anew, and put the old database away")


@click.group(cls=Group)
def config() -> None:
    """Look at the settings.

    \b
    Example:
      newsletter config show
    """


@config.command(name="show")
@json_option
@pass_session
def config_show(session: Session, *, as_json: bool) -> None:
    """Print every setting with the value that is in force, and who set it if it is not the default.

    \b
    Example:
      NEWSLETTER_DELIVERY__PROVIDER=smtp newsletter config show
    """
    settings = session.publication.settings
    if as_json:
        output.document(settings_document(settings))
        return
    for key, value, source in settings_shown(settings):
        output.data(f"{key} = {value}{'' if source == 'default' else f'  # {source}'}")


@click.command()
@click.option(
    "--since",
    metavar="TIME",
    help="Tell of messages refused for what you send or are since then: `90d`, a date; default: 14 days ago.",
)
@pass_session
def doctor(session: Session, since: str | None) -> None:
    """Try what a send needs: settings, theme, checks, database, list, provider; tell what refuses your mail.

    \b
    Examples:
      newsletter doctor
      newsletter doctor --since 90d
    """
    ok = click.style("ok", fg="green")
    # Without settings nothing else can be tried, so their error ends the command like any other.
    output.say(f"{ok}    settings: {session.publication.root / 'newsletter.toml'}")
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("theme", lambda: _theme(session)),
        ("checks", lambda: _checks(session)),
        ("database", lambda: f"{session.engine.dialect.name} at {migrations.current(session.engine)}"),
        ("list", lambda: output.plural(session.store.count(None), "subscriber")),
        ("provider", lambda: _try_provider(session)),
    )
    failed: NewsletterError | SubscribersError | None = None
    trouble = ""
    for name, attempt in checks:
        if name == "list" and trouble == "database":
            continue  # its trouble is that of the database
        try:
            output.say(f"{ok}    {name}: {attempt()}")
        except (NewsletterError, SubscribersError) as error:
            output.say(f"{click.style('wrong', fg='red')} {name}")
            output.error(error.what, where=error.where, hint=error.hint)
            failed, trouble = failed or error, name
    if failed:
        raise SystemExit(failed.exit_code)
    present = datetime.now(UTC)
    _warn(session, parse_since(since, present, session.zone) if since else present - LOOKS_BACK)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for a shell.

    \b
    Example:
      newsletter completion bash >> ~/.bashrc
    """
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click.Choice let only known shells through
    root = click.get_current_context().find_root().command
    output.data(found(root, {}, "newsletter", "_NEWSLETTER_COMPLETE").source())


def _theme(session: Session) -> str:
    publication = session.publication
    theme = load_theme(publication.settings.publication.theme, publication.themes)
    read_theme_images(theme, publication.root)
    return theme.name


def _checks(session: Session) -> str:
    settings = session.publication.settings.checks
    refuse_unknown(settings)
    clients = [each for each in known_clients() if chosen(each, settings.clients)]
    return f"{len(RULES):,} rules for {output.plural(len(clients), 'mail program')}"


def _warn(session: Session, since: datetime) -> None:
    """What is no error, and yet not what somebody who sends wants; of refusals, those *since* then."""
    if not session.store.count(None):
        output.warn("nobody is on the list yet; `newsletter subscribers import FILE`")
    settings = session.publication.settings
    host = urlsplit(settings.publication.url).hostname or ""
    if settings.delivery.provider in {"smtp", "sendgrid"} and _is_loopback(host):
        output.warn(
            f"`url` is {settings.publication.url}: the links in mails lead to this machine, "
            "where readers can neither unsubscribe nor see images"
        )
    _, address = split_mailbox(settings.publication.sender)
    if "." not in address.rpartition("@")[2]:
        output.warn(
            f"`from` is {address}, which has no domain: servers refuse such mail, and answers reach nobody"
        )
    if settings.delivery.provider == "sendgrid" and not (
        settings.sendgrid.webhook_key or settings.sendgrid.webhook_key_file
    ):
        output.warn("no `[sendgrid] webhook_key`: nobody learns who bounces or complains (docs/feedback.md)")
    for standing in unfinished(session.engine):
        if standing.state is not DispatchState.RUNNING:
            output.warn(
                f"{standing.dispatch} is {_at_rest(standing)}, and {output.are(standing.pending)} pending"
            )
        elif not standing.workers and not standing.next_at:
            output.warn(
                f"{standing.dispatch}: {output.are(standing.pending)} pending; {unattended(standing)}"
            )
    found = refusals(session.engine, since)
    if not found:
        day = since.astimezone(session.zone)
        output.say(f"no message refused for what you send or are since {day:%Y-%m-%d}, as far as is known")
    for dispatch, code, words, count in found:
        output.warn(
            f"{dispatch}: {output.plural(count, 'message')} refused for what we send or are ({code}): {words}"
        )


def _at_rest(standing: Status) -> str:
    return f"halted ({standing.halted})" if standing.halted else "paused"


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _try_provider(session: Session) -> str:
    provider = make_provider(session.publication.settings.delivery.provider, session.publication)
    with provider.connect():
        pass
    return provider.describe()


COMMANDS = (db, config, doctor, completion)
