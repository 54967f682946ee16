"""The commands about joining: `newsletter signup-form` and `newsletter notices`."""

from __future__ import annotations

from html import escape

import click

from newsletter.catalogues import LANGUAGES, choose, translated
from newsletter.cli import output
from newsletter.cli.helping import Group
from newsletter.cli.session import Session, json_option, pass_session
from newsletter.errors import ConfigError
from newsletter.notices import CONSENT, count_notices
from newsletter.notices.handing_over import Desk, hand_over

_FORM = """\
<form action="{action}" method="post" data-newsletter-signup>
  <p><label>{address} <input name="email" type="email" required autocomplete="email"></label></p>
  <p hidden aria-hidden="true"><input name="website" tabindex="-1" autocomplete="off" title="Website"></p>
  <p>{consent}</p>
  <p><button>{button}</button></p>
</form>
<script type="module" src="{script}"></script>
"""


@click.command(name="signup-form")
@click.option(
    "--language",
    type=click.Choice(LANGUAGES),
    help="Of the form and its answers; default: the publication's.",
)
@pass_session
def signup_form(session: Session, language: str | None) -> None:
    """Print a form for signing up, to be put into any page, also of another site.

    It works with its script, which answers in place, and without it, with one press more on our own page.
    Its look is that of the page around it.

    \b
    Examples:
      newsletter signup-form
      newsletter signup-form --language de > form.html
    """
    settings = session.publication.settings
    if not settings.signup.enabled:
        raise ConfigError(
            "nobody can sign up", where="signup.enabled", hint="set `enabled = true` under `[signup]`"
        )
    spoken = language or choose(settings.publication.language)
    name, url = settings.publication.name, settings.publication.url
    output.data(
        _FORM.format(
            action=escape(f"{url}/subscribe?lang={spoken}"),
            script=escape(f"{url}/subscribe.js"),
            address=escape(translated("E-mail address", spoken)),
            consent=escape(settings.signup.consent or translated(CONSENT, spoken, publication=name)),
            button=escape(translated("Subscribe", spoken)),
        ).rstrip("\n")
    )


@click.group(cls=Group)
def notices() -> None:
    """See and hand over notices: the mails that answer what readers ask for on pages.

    `newsletter serve` hands them over by itself, and `newsletter run-due` does, too.

    \b
    Examples:
      newsletter notices list
      newsletter notices send
    """


@notices.command(name="list")
@json_option
@pass_session
def list_(session: Session, *, as_json: bool) -> None:
    """Count the notices of the last 30 days by kind and by what came of them.

    \b
    Example:
      newsletter notices list --json
    """
    counts = count_notices(session.engine)
    if as_json:
        output.document(counts)
    elif counts:
        rows = [[kind, state, str(n)] for kind, states in counts.items() for state, n in states.items()]
        output.table(["kind", "state", "notices"], rows, right=["notices"])
    else:
        output.say("there are no notices")


@notices.command()
@pass_session
def send(session: Session) -> None:
    """Hand over the notices that wait and are due, and end.

    \b
    Example:
      newsletter notices send
    """
    told = hand_over_notices(session)
    if not told:
        output.say("no notice is due")


def hand_over_notices(session: Session) -> dict[str, int]:
    """Hand over what is due, and say what came of it; how many got which state.

    Raises:
        ProviderError: the provider cannot be reached or refuses us; the rest waits.
    """
    told = dict(hand_over(Desk(session.publication, session.engine)))
    if told:
        words = ", ".join(f"{count:,} {state}" for state, count in sorted(told.items()))
        output.say(f"notices: {words}")
    return told


COMMANDS = (signup_form, notices)
