"""The commands about topics: `newsletter topics …`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from newsletter.cli import output
from newsletter.cli.helping import Group
from newsletter.cli.session import Session, confirm, json_option, pass_session
from subscribers.topics import add_topic, count_topics, remove_topic

if TYPE_CHECKING:
    from subscribers.topics import TopicCount


@click.group(cls=Group)
def topics() -> None:
    """Say what subscribers can choose to receive; an issue with `topic: SLUG` is for whoever chose it.

    \b
    Examples:
      newsletter topics add product --name "Product news"
      newsletter topics list
    """


@topics.command()
@click.argument("slug")
@click.option("--name", default="", help="What readers see; default: the slug.")
@pass_session
def add(session: Session, slug: str, name: str) -> None:
    """Make a topic, or give it another name for readers to see.

    \b
    Example:
      newsletter topics add product --name "Product news"
    """
    made = add_topic(session.engine, slug, name)
    output.say(f"{'added' if made else 'was there already'}: {slug}")


@topics.command(name="list")
@json_option
@pass_session
def list_(session: Session, *, as_json: bool) -> None:
    """List the topics, and how many active subscribers chose and left each.

    \b
    Example:
      newsletter topics list
    """
    found = count_topics(session.engine)
    if as_json:
        output.document([_as_document(topic) for topic in found])
    elif not found:
        output.say("there is no topic yet; `newsletter topics add SLUG` makes one")
    else:
        rows = [(topic.slug, topic.title, f"{topic.subscribed:,}", f"{topic.left:,}") for topic in found]
        output.table(("topic", "name", "subscribed", "left"), rows, right=("subscribed", "left"))


@topics.command()
@click.argument("slug")
@json_option
@pass_session
def show(session: Session, slug: str, *, as_json: bool) -> None:
    """Show one topic: its name, and how many chose it, have yet to confirm it, and left it.

    \b
    Example:
      newsletter topics show product
    """
    document = _as_document(session.topic(slug))
    if as_json:
        output.document(document)
    else:
        output.table(("", ""), document.items())


@topics.command()
@click.argument("slug")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, slug: str, *, yes: bool) -> None:
    """Forget a topic, and who chose and left it; nobody is unsubscribed by it.

    \b
    Example:
      newsletter topics remove product --yes
    """
    topic = session.topic(slug)
    confirm(f"Remove `{slug}`, chosen by {topic.subscribed:,} and left by {topic.left:,}?", yes=yes)
    remove_topic(session.engine, slug)
    output.say(f"removed: {slug}")


def _as_document(topic: TopicCount) -> dict[str, object]:
    names = ("slug", "name", "subscribed", "pending", "left")
    return {name: getattr(topic, name) for name in names}


COMMANDS = (topics,)
