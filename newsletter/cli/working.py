"""The command that makes one more machine work on dispatches: `newsletter worker`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from newsletter.cli import output
from newsletter.cli.progress import showing, stoppable
from newsletter.cli.reports import keep_report
from newsletter.cli.running import means_of
from newsletter.cli.session import Session, pass_session
from newsletter.delivery import run_dispatch, status
from newsletter.errors import ConfigError, UsageError
from newsletter.notices.handing_over import Desk
from newsletter.notices.postman import postman
from newsletter.providers import make_provider
from subscribers.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from newsletter.errors import NewsletterError

#: For what is due later than this, in seconds, no worker stays with a dispatch: another may need it.
#: It is more than a provider that is busy asks to wait.
PATIENCE = 90.0
#: How often to look for notices, in seconds: nobody calls, since they are written on other machines.
NOTICES = 5.0
#: How often a database is tried that is not there yet, in seconds.
LOOK = 2.0


@click.command()
@pass_session
def worker(session: Session) -> None:
    """Work on every dispatch that is running or falls due, with other machines, until told to stop.

    Notices, such as confirmations, are handed over, too. Needs PostgreSQL, and on each machine the same
    publication. SIGTERM and Ctrl-C let what is in flight finish and be recorded; a worker that dies is
    replaced by the others, and nobody is mailed twice.

    \b
    Example:
      newsletter -C /srv/letter worker
    """
    if session.publication.database_url.startswith("sqlite"):
        raise UsageError(
            "a worker shares its database with other machines, and a SQLite file cannot be shared",
            where=session.publication.database_url,
            hint="name a PostgreSQL database in `[database] url`; here, `newsletter send` needs no worker",
        )
    work_on_any = _engine_of_workers()
    _check_outbox(session, session.publication.settings.delivery.provider)
    refused: set[str] = set()

    def say_trouble(name: str, error: NewsletterError) -> None:
        # What only another setting can mend is said once, not each time that the dispatch is looked at.
        if not isinstance(error, ConfigError) or name not in refused:
            output.error(error.what, where=error.where or name, hint=error.hint)
        refused.add(name)

    with stoppable("another worker, or `newsletter resume`, names who is in doubt and goes on") as stop:
        _wait_for_database(session, stop)
        if not stop.is_set():
            output.say("waiting for dispatches; Ctrl-C ends")
            with postman(Desk(session.publication, session.engine), period=NOTICES):
                work_on_any(
                    session.engine, lambda name: _work(session, name, stop), stop=stop, trouble=say_trouble
                )
    output.say("stopped")


def _wait_for_database(session: Session, stop: Event) -> None:
    """Open the database, as soon as its server is there; what it refuses for good is not waited for.

    Why it cannot be opened is said once.

    Raises:
        StoreError: the password is wrong, say, or there is no such database.
    """
    told: set[str] = set()
    while not stop.is_set():
        try:
            session.engine  # noqa: B018 - it is opened when it is first asked for
        except UnreachableError as error:
            if error.what not in told:
                output.warn(f"{error.what}; it is waited for", hint=error.hint)
            told.add(error.what)
            stop.wait(LOOK)
        else:
            return


def _work(session: Session, name: str, stop: Event) -> None:
    """Hand over what can be handed over of a dispatch now."""
    before = status(session.engine, name)
    _check_outbox(session, before.provider, name)
    provider = make_provider(before.provider, session.publication)
    with showing(name) as progress:
        standing = run_dispatch(
            means_of(session, name, provider),
            name,
            stop=stop,
            progress=progress,
            patience=PATIENCE,
            paused=False,
        )
    if (standing.state, standing.pending) != (before.state, before.pending):
        output.say(f"{name}: {standing.state}, {standing.accepted:,} accepted, {standing.pending:,} pending")
        keep_report(session, name)
    if standing.halted:
        output.warn(f"{name}: halted: {standing.halted}")


def _check_outbox(session: Session, provider: str, dispatch: str = "") -> None:
    """Let no worker write its part of the messages into a folder that is on its own machine.

    Raises:
        ConfigError: messages go into the outbox, and nothing says that the machines share it.
    """
    if provider == "outbox" and not session.publication.settings.outbox.shared:
        raise ConfigError(
            "the outbox is a folder of each machine, and this one would write some messages into its own",
            where=dispatch or "[delivery] provider",
            hint="let it mail (`smtp`, `sendgrid`); or, if `path` is a folder that all machines share, "
            "set `shared = true` under `[outbox]`",
        )


def _engine_of_workers() -> Callable[..., None]:
    """What shares dispatches out among machines; its libraries are those of an extra."""
    try:
        from newsletter.delivery.cluster import work_on_any
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"workers need the library {error.name}",
            where="newsletter worker",
            hint="pip install 'newsletter-press[cluster]'",
        ) from error
    return work_on_any


COMMANDS = (worker,)
