"""A small edition, and messages of it, without the compiler."""

from __future__ import annotations

from newsletter.editions.edition import Edition, Slot
from newsletter.messages import Composer, Envelope, Message, Recipient

ENVELOPE = Envelope(
    sender="News <news@example.com>",
    reply_to=None,
    list_id="News <news.example.com>",
    feedback_id="i:issue:news",
)
NAME = Slot("LP0m0z", "value", "subscriber.first_name", "{{ subscriber.first_name }}", 3)


def edition(slug: str = "issue", text: str = "Good morning.\n", *, slots: tuple[Slot, ...] = ()) -> Edition:
    """An edition that says *text*."""
    return Edition(
        slug=slug,
        title="News",
        subject="News of the day",
        preheader="",
        html=f"<html><body><p>{text}</p></body></html>",
        text=text,
        language="en",
        direction="ltr",
        date=None,
        nonce="0",
        slots=slots,
    )


def personal_edition(slug: str = "issue") -> Edition:
    """An edition that cannot do without the first name."""
    return edition(slug, f"Good morning, {NAME.token}.\n", slots=(NAME,))


def message(
    email: str = "ann@example.com",
    delivery_id: str = "d1",
    text: str = "Good morning.\n",
    *,
    smtputf8: bool = False,
) -> Message:
    """A message for *email*."""
    links = {name: f"https://example.com/{name}" for name in ("unsubscribe", "preferences", "web")}
    recipient = Recipient(email, "", {}, links)
    composer = Composer(edition(text=text), ENVELOPE)
    return composer.compose(recipient, delivery_id, 1_775_900_000.0, smtputf8=smtputf8)


def messages(count: int) -> list[Message]:
    """Messages for ``reader1@example.com`` and so on, with delivery ids ``d1`` …"""
    return [message(f"reader{number}@example.com", f"d{number}") for number in range(1, count + 1)]
