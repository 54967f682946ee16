"""The command that shows one subscriber: `newsletter subscribers show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from newsletter.cli import output
from newsletter.cli.session import Session, json_option, pass_session
from subscribers import events_of

if TYPE_CHECKING:
    from subscribers import Event, Profile


@click.command()
@click.argument("email")
@json_option
@pass_session
def show(session: Session, email: str, *, as_json: bool) -> None:
    """Show all that is known of one subscriber.

    \b
    Example:
      newsletter subscribers show ann@example.com --json
    """
    profile = session.profile(email)
    with session.engine.connect() as connection:
        events = events_of(connection, [profile.id]).get(profile.id, [])
    if as_json:
        output.document(
            {
                **brief(profile),
                "topics": list(profile.topics),
                "left_topics": list(profile.left_topics),
                "time_zone": profile.time_zone,
                "paused_until": profile.paused_until,
                "tracking": profile.tracking or "unknown",
                "attributes": dict(profile.attributes),
                "joined": profile.joined,
                "consent": [entry.to_dict() for entry in profile.consent],
                **({"events": [_learned(event) for event in events]} if events else {}),
            }
        )
        return
    attributes = ", ".join(f"{name} = {_shown(value)}" for name, value in profile.attributes.items())
    lines = [
        f"{entry.at:%Y-%m-%d %H:%M} {entry.kind}{f' {entry.topic}' if entry.topic else ''}"
        f" ({entry.source}) {entry.text}"
        for entry in profile.consent
    ]
    output.table(
        ("", ""),
        [
            *brief(profile).items(),
            ("topics", profile.topics),
            ("left topics", profile.left_topics),
            ("time zone", profile.time_zone),
            ("paused until", profile.paused_until),
            ("tracking", profile.tracking or "unknown"),
            ("attributes", attributes),
            ("joined", profile.joined),
            *(("consent", line) for line in lines),
            *(("event", " ".join(filter(None, map(str, _learned(event).values())))) for event in events),
        ],
    )


def _shown(value: object) -> str:
    """The value of an attribute; true and false as expressions have them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _learned(event: Event) -> dict[str, object]:
    """One event as it is shown."""
    return {
        "at": f"{event.at:%Y-%m-%d %H:%M}",
        "kind": event.kind.value,
        "issue": event.issue,
        "bounce": str(event.bounce),
        "code": event.code,
        "reason": event.reason,
        "url": event.url,
    }


def brief(profile: Profile) -> dict[str, object]:
    """One subscriber in a list."""
    return {
        "email": profile.email,
        "name": profile.name,
        "status": str(profile.status),
        "tags": list(profile.tags),
    }
