"""The commands that open a browser's door: `newsletter preview` and `newsletter serve`."""

from __future__ import annotations

import logging
import webbrowser
from typing import TYPE_CHECKING

import click

from newsletter.cli import output
from newsletter.cli.session import Session, pass_session
from newsletter.errors import UsageError
from newsletter.notices.handing_over import Desk
from newsletter.notices.postman import postman
from newsletter.public import create_app
from newsletter.studio import create_studio
from newsletter.studio.access import SHORTEST_TOKEN
from newsletter.web import Patience, trusting
from newsletter.web import serve as run_server
from newsletter.web.guard import LOOPBACK
from newsletter.web.tally import Tally
from newsletter.web.watching import JsonLines

if TYPE_CHECKING:
    from newsletter.config.web import WebSettings

#: How long a reader's request may take once the service is told to stop, in seconds: a write may wait.
GRACE = 20


@click.command()
@click.argument("issue", required=False)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8025, show_default=True, help="0 takes a free one."
)
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on; any other needs --token.",
)
@click.option(
    "--token",
    envvar="NEWSLETTER_STUDIO_TOKEN",
    help=f"What opens the studio from other machines: {SHORTEST_TOKEN} characters or more.",
)
@pass_session
def preview(
    session: Session, issue: str | None, port: int, host: str, token: str | None, *, no_open: bool
) -> None:
    """See each issue as readers will, in a browser, while you write.

    For other machines, give --host and --token (or the environment variable NEWSLETTER_STUDIO_TOKEN, which no
    other user of this machine sees), and put a proxy with TLS before it.

    \b
    Examples:
      newsletter preview
      newsletter preview issues/2026-04-11.md --no-open
      NEWSLETTER_STUDIO_TOKEN=... newsletter preview --host 0.0.0.0 --no-open
    """
    _check_token(host, token)
    path = f"/issues/{session.find(issue).stem}" if issue else "/"

    def ready(url: str) -> None:
        output.data(url + path)
        output.say("press Ctrl-C to stop")
        if not no_open:
            webbrowser.open(url + path)

    studio = create_studio(
        session.publication, session.engine if session.has_database else None, token=token or None
    )
    run_server(studio, host=host, port=port, on_ready=ready, on_stop=studio.state.on_stop)


def _check_token(host: str, token: str | None) -> None:
    """Refuse to let other machines in without a token, or with one that can be guessed.

    Raises:
        UsageError: it is so.
    """
    if host not in LOOPBACK and not token:
        raise UsageError(
            "other machines could open the studio",
            where=f"--host {host}",
            hint="set NEWSLETTER_STUDIO_TOKEN to a long random text, such as `openssl rand -hex 24` gives",
        )
    if token and len(token) < SHORTEST_TOKEN:
        raise UsageError(
            f"the token has fewer than {SHORTEST_TOKEN} characters",
            where="--token",
            hint="take a random one: `openssl rand -hex 24`",
        )


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one."
)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="So many processes answer."
)
@pass_session
def serve(session: Session, host: str, port: int, workers: int) -> None:
    """Run the readers' web service: joining, leaving, preferences, archive; and mail what it is asked for.

    With several workers, one that dies is replaced, rates and numbers are counted for all of them together,
    and SIGHUP reads the settings again. A socket that systemd hands over is taken instead of host and port.

    \b
    Examples:
      newsletter serve --host 0.0.0.0 --port 8000
      newsletter serve --workers 4
    """

    def ready(url: str) -> None:
        output.data(url)
        output.say(
            f"readers reach it as {session.publication.settings.publication.url}; press Ctrl-C to stop"
        )

    if workers > 1:
        from newsletter.cli.workforce import serve_by_many

        serve_by_many(session, host, port, workers, ready)
        return
    web = session.publication.settings.web
    log_as(web.log)
    tally = Tally.of(web)
    with postman(Desk(session.publication, session.engine)) as call:
        app = create_app(session.publication, session.engine, hosts=[host], call_postman=call, tally=tally)
        run_server(app, host=host, port=port, patience=patience_of(web, tally), on_ready=ready)


def patience_of(web: WebSettings, tally: Tally) -> Patience:
    """What clients are allowed; their connections are counted in *tally*."""
    return Patience(held=tally.held, trusts=trusting(web.trusted_proxies), grace=GRACE)


def log_as(style: str) -> None:
    """Have warnings and errors written as requests are."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonLines() if style == "json" else logging.Formatter(output.LOG_LINE))


COMMANDS = (preview, serve)
