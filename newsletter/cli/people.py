"""The commands about people: `newsletter subscribers …`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from newsletter.cli import keeping, output, transferring
from newsletter.cli.helping import Group
from newsletter.cli.patience import looking
from newsletter.cli.remaining import tell_remaining
from newsletter.cli.session import Session, confirm, json_option, pass_session
from newsletter.cli.showing import brief, show
from newsletter.cli.transferring import pair
from newsletter.errors import UsageError, did_you_mean
from subscribers import Consent, ConsentKind, infer_value, normalise
from subscribers.mailboxes import doubts_about
from subscribers.topics import count_topics

if TYPE_CHECKING:
    from subscribers import Segment


@click.group(cls=Group)
def subscribers() -> None:
    """Add, import, list, show, tag and unsubscribe people.

    \b
    Examples:
      newsletter subscribers import people.csv --consent "Signed up at the fair, May 2026"
      newsletter subscribers list --where 'country == "DE"'
    """


@subscribers.command()
@click.argument("email")
@click.option("--first-name", default="", help="Given name.")
@click.option("--last-name", default="", help="Family name.")
@click.option("--locale", default="", help="Language, such as `de` or `pt-BR`.")
@click.option("--time-zone", default="", help="By its IANA name, such as `Europe/Berlin`.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be given several times.")
@click.option("--topic", "topics", multiple=True, help="A topic; may be given several times.")
@click.option(
    "--set",
    "attributes",
    multiple=True,
    metavar="NAME=VALUE",
    help="An attribute; may be given several times.",
)
@click.option("--consent", default="", help="Why this person may be written to; kept in the consent log.")
@click.option(
    "--asked", metavar="HOW", help="How and when the person asked to be on the list; brings back who left."
)
@click.option(
    "--text-version", default="", help="Your name for the text that the person saw, such as `form-2`."
)
@json_option
@pass_session
def add(
    session: Session,
    email: str,
    first_name: str,
    last_name: str,
    locale: str,
    time_zone: str,
    tags: tuple[str, ...],
    topics: tuple[str, ...],
    attributes: tuple[str, ...],
    consent: str,
    asked: str | None,
    text_version: str,
    *,
    as_json: bool,
) -> None:
    """Add one subscriber, or complete what is known of one.

    Who left, bounced or complained comes back only with `--asked`, which is kept in the consent log.

    \b
    Examples:
      newsletter subscribers add ann@example.com --first-name Ann --tag builders --set country=DE
      newsletter subscribers add zoe@example.com --asked "Wrote to us on 3 May 2026"
    """
    known = {topic.slug for topic in count_topics(session.engine)}
    profile, created = session.store.add(
        email,
        first_name=first_name,
        last_name=last_name,
        locale=locale,
        time_zone=time_zone,
        tags=tags,
        topics=topics,
        attributes={name: infer_value(value) for name, value in map(pair, attributes)},
        consent=replace(_consent(consent, asked), text_version=text_version),
    )
    if as_json:
        output.document({"email": profile.email, "created": created})
    else:
        output.say(f"{'added' if created else 'already on the list, brought up to date'}: {profile.email}")
        for topic in topics:
            if topic in profile.left_topics:
                output.warn(
                    f"{profile.email} left `{topic}` and does not have it again; `--asked` brings it back"
                )
            elif known and topic not in known:
                output.warn(f"the topic `{topic}` is new; {did_you_mean(topic, known)}")
    for doubt in doubts_about(normalise(profile.email).key):
        output.warn(f"{profile.email} {doubt}")


@subscribers.command(name="list")
@click.option("--segment", help="Only this saved segment.")
@click.option("--where", "expression", help="Only those for whom this expression is true.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@json_option
@pass_session
def list_(
    session: Session, segment: str | None, expression: str | None, limit: int, *, as_json: bool
) -> None:
    """List subscribers, all or those of a segment.

    \b
    Examples:
      newsletter subscribers list
      newsletter subscribers list --where '"builders" in tags' --limit 5
    """
    chosen = session.segment(segment, expression)
    with looking(session, chosen):
        people = list(session.store.list(chosen, limit=limit))
        total = session.store.count(chosen)
    if as_json:
        output.document([brief(person) for person in people])
        return
    if not total:
        output.say(_nobody(session, chosen))
        return
    columns = ("email", "name", "status", "tags")
    output.table(columns, ([brief(person)[column] for column in columns] for person in people))
    if total > len(people):
        output.say(f"{len(people):,} of {total:,}; more with `--limit`")


@subscribers.command()
@click.argument("email")
@click.option("--topic", default="", help="Only off this topic; other mail still comes.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def unsubscribe(session: Session, email: str, topic: str, *, yes: bool, as_json: bool) -> None:
    """Take a person off the list, or off one topic, for good.

    \b
    Examples:
      newsletter subscribers unsubscribe ann@example.com --yes
      newsletter subscribers unsubscribe ann@example.com --topic product --yes
    """
    profile = session.profile(email)
    if topic:
        session.topic(topic)
    confirm(f"Unsubscribe {profile.email}{f' from {topic}' if topic else ''}?", yes=yes)
    changed = session.store.unsubscribe(profile.email, source="command line", topic=topic)
    if as_json:
        output.document({"email": profile.email, "changed": changed})
    else:
        where = f" from {topic}" if topic else ""
        output.say(f"{'unsubscribed' if changed else 'was not subscribed'}{where}: {profile.email}")


@subscribers.command()
@click.argument("email")
@click.option("--add", multiple=True, metavar="TAG", help="Put this tag on; may be given several times.")
@click.option(
    "--remove", multiple=True, metavar="TAG", help="Take this tag away; may be given several times."
)
@pass_session
def tag(session: Session, email: str, add: tuple[str, ...], remove: tuple[str, ...]) -> None:
    """Put tags on a subscriber, or take them away.

    \b
    Example:
      newsletter subscribers tag ann@example.com --add builders --remove founders
    """
    profile = session.store.tag(session.profile(email).email, add=add, remove=remove)
    output.say(f"{email}: {', '.join(profile.tags) if profile and profile.tags else 'no tags'}")


@subscribers.command()
@click.argument("email")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@pass_session
def erase(session: Session, email: str, *, yes: bool) -> None:
    """Forget a person (GDPR article 17); a keyed hash remains, so that they are never mailed again.

    That goes for the list, the ledger, saved segments and the outbox. Where else in the publication's folder
    the address stands is told by file and line, and is yours to change: issues, themes, exports, copies of
    the database. Backups elsewhere keep what they have: make them anew.

    \b
    Example:
      newsletter subscribers erase ann@example.com --yes
    """
    profile = session.profile(email)
    confirm(f"Erase all that is known of {profile.email}? This cannot be undone.", yes=yes)
    keeping.erase_everywhere(session, profile.email, "command line")
    output.say("erased")
    tell_remaining(session.publication, profile.email)


def _consent(text: str, asked: str | None) -> Consent:
    if asked is None:
        return Consent(source="command line", text=text)
    if text or not asked.strip():
        what = "`--asked` and `--consent` exclude each other" if text else "`--asked` is empty"
        raise UsageError(what, hint='say how and when the person asked: `--asked "By mail, 3 May 2026"`')
    return Consent(ConsentKind.OPT_IN, "command line", asked.strip())


def _nobody(session: Session, chosen: Segment | None) -> str:
    if chosen is not None and session.store.count(None):
        return "nobody on the list is meant by this"
    return "nobody is on the list yet; `newsletter subscribers import FILE` or `… add EMAIL` begins it"


for _command in (show, *transferring.BELOW_SUBSCRIBERS, *keeping.BELOW_SUBSCRIBERS):
    subscribers.add_command(_command)

COMMANDS = (subscribers,)
