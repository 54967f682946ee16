"""The commands about mail that comes back: `newsletter bounces`."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from newsletter.cli import output
from newsletter.cli.helping import Group
from newsletter.cli.session import Session, json_option, pass_session
from newsletter.errors import NewsletterError
from newsletter.feedback.bounces import Reader, Tally
from newsletter.feedback.consequences import Rules
from newsletter.feedback.imap import imap_letters
from newsletter.feedback.sources import open_source
from subscribers import Bounce, SubscribersError

#: Keep the message and try again later: sysexits.h, as mail servers read the exit code of a pipe.
TRY_AGAIN = 75


@click.group(cls=Group)
def bounces() -> None:
    """Take in what mail servers return, and complaints.

    \b
    Example:
      newsletter bounces read /var/mail/bounces
    """


@bounces.command()
@click.argument("source")
@click.option(
    "--recipient",
    default="",
    metavar="ADDRESS",
    help="The address that the message on standard input came to, if its header does not say.",
)
@json_option
@pass_session
def read(session: Session, source: str, recipient: str, *, as_json: bool) -> None:
    """Read bounces and complaints from SOURCE: a Maildir, an mbox, a message, `-`, or `imap`.

    Each message is taken in exactly once, however often it is read: in a Maildir and by IMAP it is then
    seen, an mbox stays as it is. `-` is one message on standard input, and leaves with 75 when it could not
    be kept, so that the mail server tries again. `imap` is the mailbox of `[bounces]`.

    \b
    Examples:
      newsletter bounces read /var/mail/bounces
      newsletter bounces read ~/Maildir --json
      newsletter bounces read - --recipient "$RECIPIENT" < message.eml
      newsletter bounces read imap
    """
    try:
        tally = _read(session, source, recipient)
    except (SQLAlchemyError, SubscribersError, NewsletterError) as error:
        if source != "-":
            raise
        # Also for wrong settings, or a database that awaits `db upgrade`: to any other code the mail server
        # would answer by throwing the message away (Postfix, pipe(8), "Diagnostics").
        output.error(f"the message could not be kept: {_reason(error)}", hint="it is tried again later")
        raise SystemExit(TRY_AGAIN) from error
    if as_json:
        output.document(vars(tally))
        return
    _tell(tally)


def _reason(error: Exception) -> str:
    """What our own errors say; of the database's, whose words may hold an address, only the kind."""
    return error.what if isinstance(error, SubscribersError | NewsletterError) else type(error).__name__


def _read(session: Session, source: str, recipient: str) -> Tally:
    reader = Reader(
        session.engine,
        Rules.of(session.publication.settings.feedback),
        session.tokens,
        session.return_path,
    )
    if source == "imap":
        with imap_letters(session.publication) as letters:
            return reader.read(letters)
    return reader.read(open_source(session.path(Path(source))), recipient)


def _tell(tally: Tally) -> None:
    """What was read, in lines."""
    told = ", ".join(f"{count:,} {what}" for what, count in sorted(tally.whats.items()))
    output.say(f"read {output.plural(tally.read, 'message')}{': ' if told else ''}{told}")
    output.facts(
        [
            ("bounces", ", ".join(f"{count:,} {bounce}" for bounce, count in sorted(tally.bounces.items()))),
            ("known before", tally.known or ""),
            ("of nobody", tally.unknown or ""),
            ("doubt settled", tally.settled or ""),
            ("mailed no more", ", ".join(f"{count:,} {why}" for why, count in sorted(tally.effects.items()))),
        ]
    )
    if refused := tally.bounces[Bounce.POLICY]:
        output.warn(
            f"{output.plural(refused, 'message')} refused for what we send or are, not for the address: "
            "`newsletter doctor` tells more"
        )


COMMANDS = (bounces,)
