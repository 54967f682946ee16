"""Messages as requests of SendGrid's v3 Mail Send: one content for many, and for each their own values.

SendGrid knows substitution tags but no conditions, so recipients are grouped by the truth of the edition's
conditions: within a group everybody gets the same text. Limits are those of the API reference
(https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from newsletter.config import split_mailbox
from newsletter.editions.merge import Choice, Context, Literal, chosen, split
from newsletter.messages import headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from newsletter.editions.merge import Piece, Value
    from newsletter.messages import Composer, Message
    from newsletter.messages.attached import Attached

#: At most so many personalizations in one request.
MOST_RECIPIENTS = 1000
#: At most so many bytes of substitutions for one recipient.
MOST_SUBSTITUTIONS = 10_000
#: The custom arguments that come back with every event. They are merged into the event, so they must not be
#: called as anything else there is; and SendGrid cannot erase them, so they must not tell who somebody is.
DELIVERY_ARGUMENT = "newsletter_delivery"
DISPATCH_ARGUMENT = "newsletter_dispatch"

# Our links must stay as they are and our own unsubscribe link must be the only one; tracking is a choice of
# the publication, not of the provider's account.
_NO_TRACKING = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
}


@dataclass(frozen=True)
class Request:
    """One request, and the messages in it, in the order of its personalizations."""

    messages: tuple[Message, ...]
    body: dict[str, Any]

    def of(self, kept: Iterable[int]) -> Request:
        """The same request for the messages at the places *kept* only."""
        places = list(kept)
        everybody = self.body["personalizations"]
        body = {**self.body, "personalizations": [everybody[place] for place in places]}
        return Request(tuple(self.messages[place] for place in places), body)


def requests(messages: Sequence[Message], dispatch: str) -> Iterator[Request]:
    """The requests that hand over *messages*.

    No address is in one request twice: SendGrid would refuse it whole.
    """
    composer = messages[0].composer
    texts = _Texts(composer)
    groups: dict[object, list[Message]] = {}
    for message in messages:
        groups.setdefault(texts.conditions(message), []).append(message)
    for group in groups.values():
        for part in _unique(group):
            for start in range(0, len(part), MOST_RECIPIENTS):
                yield _request(texts, tuple(part[start : start + MOST_RECIPIENTS]), dispatch)


def substitutions_size(request: Request, place: int) -> int:
    """How many bytes the substitutions of one recipient have."""
    values: Mapping[str, str] = request.body["personalizations"][place]["substitutions"]
    return sum(len(tag.encode()) + len(value.encode()) for tag, value in values.items())


def _unique(messages: Iterable[Message]) -> list[list[Message]]:
    """The messages in as few lists as can be, none with an address twice; letter case does not count."""
    lists: list[dict[str, Message]] = []
    for message in messages:
        key = message.email.lower()
        free = next((part for part in lists if key not in part), None)
        if free is None:
            lists.append({key: message})
        else:
            free[key] = message
    return [list(part.values()) for part in lists]


def _request(texts: _Texts, messages: tuple[Message, ...], dispatch: str) -> Request:
    first, composer = messages[0], texts.composer
    own = [dict(composer.headers_for(message)) for message in messages]
    common = {name: value for name, value in own[0].items() if all(each[name] == value for each in own)}
    values = first.values
    body: dict[str, Any] = {
        "from": _mailbox(composer.envelope.sender),
        "subject": composer.envelope.subject_prefix + texts.written(texts.subject, values),
        "content": [
            {"type": "text/plain", "value": texts.written(texts.plain, values)},
            {"type": "text/html", "value": texts.written(texts.rich, values)},
        ],
        "headers": common,
        "custom_args": {DISPATCH_ARGUMENT: dispatch},
        "tracking_settings": _NO_TRACKING,
        "personalizations": [
            {
                "to": [_address(message.recipient.name, message.email)],
                "headers": {name: value for name, value in each.items() if name not in common},
                "substitutions": texts.substitutions(message),
                "custom_args": {DELIVERY_ARGUMENT: message.delivery_id},
            }
            for message, each in zip(messages, own, strict=True)
        ],
    }
    if composer.attached:
        body["attachments"] = [_attachment(each) for each in composer.attached]
    if composer.envelope.reply_to:
        body["reply_to"] = _mailbox(composer.envelope.reply_to)
    return Request(messages, body)


class _Texts:
    """The texts of an edition with tags where values stand."""

    def __init__(self, composer: Composer) -> None:
        edition = composer.edition
        self.composer = composer
        self.subject = split(edition.subject, edition, Context.HEADER)
        self.plain = split(edition.text, edition, Context.TEXT)
        self.rich = split(edition.html, edition, Context.HTML)
        self._conditions = [slot.token for slot in edition.slots if slot.kind in ("if", "elif")]
        everything = (*self.subject, *self.plain, *self.rich)
        self._values = {_tag(value): value for value in _values(everything)}

    def conditions(self, message: Message) -> tuple[bool, ...]:
        """The truth of each condition of the edition for one recipient."""
        return tuple(bool(message.values[token]) for token in self._conditions)

    def written(self, pieces: Sequence[Piece], values: Mapping[str, str | bool]) -> str:
        """The text that all recipients with the same conditions get, with tags in it."""
        return "".join(_written(pieces, values))

    def substitutions(self, message: Message) -> dict[str, str]:
        """What stands for each tag for one recipient, escaped for the place where the tag stands."""
        return {
            tag: headers.clean(written) if value.context is Context.HEADER else written
            for tag, value in self._values.items()
            for written in (value.context.write(str(message.values[value.token])),)
        }


def _written(pieces: Sequence[Piece], values: Mapping[str, str | bool]) -> Iterator[str]:
    for piece in pieces:
        if isinstance(piece, Literal):
            yield piece.text
        elif isinstance(piece, Choice):
            yield from _written(chosen(piece, values), values)
        else:
            yield _tag(piece)


def _values(pieces: Sequence[Piece]) -> Iterator[Value]:
    for piece in pieces:
        if isinstance(piece, Choice):
            for _, branch in piece.branches:
                yield from _values(branch)
        elif not isinstance(piece, Literal):
            yield piece


def _tag(value: Value) -> str:
    """One slot may stand in several contexts, where it is escaped differently: each has its own tag."""
    return f"-{value.token}.{value.context}-"


def _attachment(image: Attached) -> dict[str, str]:
    about = image.attachment
    return {
        "content": image.on_one_line,
        "type": about.media_type,
        "filename": about.name,
        "disposition": "inline",
        "content_id": about.content_id,
    }


def _mailbox(mailbox: str) -> dict[str, str]:
    return _address(*split_mailbox(mailbox))


def _address(name: str, address: str) -> dict[str, str]:
    written = {"email": headers.ascii_address(address)}
    return {**written, "name": headers.clean(name)} if name else written
