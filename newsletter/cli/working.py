"""The command that makes one more machine work on dispatches: `newsletter worker`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from newsletter.cli import output
from newsletter.cli.progress import showing, stoppable
from newsletter.cli.running import means_of
from newsletter.cli.session import Session, pass_session
from newsletter.delivery import run_dispatch, status
from newsletter.errors import ConfigError, UsageError
from newsletter.providers import make_provider

if TYPE_CHECKING:
    from threading import Event

    from newsletter.errors import NewsletterError

#: For what is due later than this, in seconds, no worker stays with a dispatch: another may need it.
#: It is more than a provider that is busy asks to wait.
PATIENCE = 90.0


@click.command()
@pass_session
def worker(session: Session) -> None:
    """Work on every dispatch that is running or falls due, with other machines, until told to stop.

    Needs PostgreSQL, and on each machine the same publication. SIGTERM and Ctrl-C let what is in flight
    finish and be recorded; a worker that dies is replaced by the others, and nobody is mailed twice.

    \b
    Example:
      newsletter -C /srv/letter worker
    """
    if session.engine.dialect.name != "postgresql":
        raise UsageError(
            "a worker shares its database with other machines, and a SQLite file cannot be shared",
            where=session.publication.database_url,
            hint="name a PostgreSQL database in `[database] url`; here, `newsletter send` needs no worker",
        )
    try:
        from newsletter.delivery.cluster import work_on_any
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"workers need the library {error.name}",
            where="newsletter worker",
            hint="pip install 'newsletter-press[cluster]'",
        ) from error
    with stoppable("another worker, or `newsletter resume`, names who is in doubt and goes on") as stop:
        output.say("waiting for dispatches; Ctrl-C ends")
        work_on_any(session.engine, lambda name: _work(session, name, stop), stop=stop, trouble=_say_trouble)
    output.say("stopped")


def _work(session: Session, name: str, stop: Event) -> None:
    """Hand over what can be handed over of a dispatch now."""
    before = status(session.engine, name)
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
    if standing.halted:
        output.warn(f"{name}: halted: {standing.halted}")


def _say_trouble(name: str, error: NewsletterError) -> None:
    output.error(error.what, where=error.where or name, hint=error.hint)


COMMANDS = (worker,)
