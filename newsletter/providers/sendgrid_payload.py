"""Messages as requests of SendGrid's v3 Mail Send: one content for many, and for each their own values.

SendGrid knows substitution tags but no conditions, so recipients are grouped by the branches they get: within
a group everybody gets the same text. What is the same for a whole group is written into that text; only what
differs becomes a substitution. So a recipient whose values are too large to be substituted gets a request of
their own, in which nothing is left to substitute.

The limits are those of the API reference, https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send.
Requests are written as JSON bytes, piece by piece: that takes a fifth of the time that objects take.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from newsletter.config import split_mailbox
from newsletter.editions.cutting import Choice, Context, Literal, split
from newsletter.editions.merge import chosen
from newsletter.errors import RefusedError
from newsletter.messages import headers
from newsletter.providers.sendgrid_columns import Columns, utf8

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from newsletter.editions.cutting import Piece, Value
    from newsletter.messages import Composer, Message
    from newsletter.messages.attached import Attached

#: At most so many personalizations in one request.
MOST_RECIPIENTS = 1000
#: At most so many bytes in one request; the docs say 20 MB here and 30 MB there.
MOST_BYTES = 20_000_000
#: The custom arguments that come back with every event. They are merged into the event, so they must not be
#: called as anything else there is; and SendGrid cannot erase them, so they must not tell who somebody is.
DISPATCH_ARGUMENT = "newsletter_dispatch"
BATCH_ARGUMENT = "newsletter_batch"
#: Names all recipients of one request (`request_name`): what proves that it took one, proves it of all.
REQUEST_ARGUMENT = "newsletter_request"

# Our links must stay as they are and our own unsubscribe link must be the only one; tracking is a choice of
# the publication, not of the provider's account.
_TRACKING = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
    "ganalytics": {"enable": False},
}


@dataclass(frozen=True)
class Request:
    """One request: what stands before and after its recipients, and each of them as JSON, in order."""

    messages: tuple[Message, ...]
    before: bytes
    people: tuple[bytes, ...] = field(repr=False)
    arguments: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """The whole request as JSON."""
        return b"".join((self.before, b",".join(self.people), self._after))

    @property
    def _after(self) -> bytes:
        """The end; it names exactly those that the request has, also when it was parted."""
        name = request_name(message.delivery_id for message in self.messages)
        arguments = {**self.arguments, REQUEST_ARGUMENT: name}
        return utf8(f'],"custom_args":{json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))}}}')

    def of(self, kept: Iterable[int]) -> Request:
        """The same request for the messages at the places *kept* only."""
        places = list(kept)
        return replace(
            self,
            messages=tuple(self.messages[place] for place in places),
            people=tuple(self.people[place] for place in places),
        )

    def parts(self, most: int = MOST_BYTES) -> Iterator[Request]:
        """The request, in as many as it takes so that none has more than *most* bytes.

        Raises:
            RefusedError: one message alone has more.
        """
        start = 0
        size = fixed = len(self.before) + len(self._after)
        for place, person in enumerate(self.people):
            size += len(person) + 1
            if size > most and place > start:
                yield self.of(range(start, place))
                start, size = place, fixed + len(person) + 1
            if size > most:
                raise RefusedError(
                    f"a message of {size:,} bytes is too large for SendGrid, which takes {most:,}",
                    where="sendgrid",
                    hint='attach less: `images = "publish"` under `[publication]`',
                )
        yield self.of(range(start, len(self.people))) if start else self


class Payload:
    """Makes the requests for the messages of one edition.

    Args:
        composer: what made the messages.
        dispatch: its name, which comes back with each event.
        categories: names under which SendGrid counts; ten at most.
        sandbox: let SendGrid check the request and mail nothing.
    """

    def __init__(
        self, composer: Composer, dispatch: str, *, categories: Sequence[str] = (), sandbox: bool = False
    ) -> None:
        edition = composer.edition
        self.composer = composer
        self._dispatch = dispatch
        self._subject = split(edition.subject, edition, Context.HEADER)
        #: Text and HTML of messages without marks in their links, and with.
        self._forms = [(form.text.pieces, form.html.pieces) for form in composer.forms]
        plain, rich = self._forms[False]
        self._choices = [piece for piece in (*self._subject, *plain, *rich) if isinstance(piece, Choice)]
        self._settings = _settings(composer, categories, sandbox=sandbox)
        self._edition = edition.to_json()
        self._mark = _unused_mark(self._edition)

    def requests(self, messages: Sequence[Message]) -> Iterator[Request]:
        """The requests that hand over *messages*.

        No address is in one request twice: SendGrid would refuse it whole.
        """
        for group in self.groups(messages):
            for part in _unique(group):
                for start in range(0, len(part), MOST_RECIPIENTS):
                    yield from self._requests(part[start : start + MOST_RECIPIENTS])

    def groups(self, messages: Sequence[Message]) -> list[list[Message]]:
        """The messages parted by what cannot be in one request: each group has one text."""
        groups: dict[object, list[Message]] = {}
        for message in messages:
            key = (message.batch, message.tracked, self._branches(message))
            groups.setdefault(key, []).append(message)
        return list(groups.values())

    def _branches(self, message: Message) -> tuple[int, ...]:
        """Which branch of each conditional a recipient gets."""
        return tuple(_taken(self._choices, message.values)) if self._choices else ()

    def _requests(self, messages: list[Message]) -> Iterator[Request]:
        """The requests for messages of the same branches and different addresses."""
        columns = self._columns(messages)
        large = columns.too_large()
        if not large:
            yield from self._request(messages, columns).parts()
            return
        if fitting := [message for place, message in enumerate(messages) if place not in large]:
            yield from self._request(fitting, self._columns(fitting)).parts()
        for place in sorted(large):
            alone = [messages[place]]
            yield from self._request(alone, self._columns(alone)).parts()

    def _columns(self, messages: list[Message]) -> Columns:
        """The values of *messages*, under tags that stand in none of them."""
        values = self._values(messages[0])
        while True:
            columns = Columns(values, messages, self._mark)
            if not columns.clash:
                return columns
            self._mark = _unused_mark(self._edition)

    def _values(self, message: Message) -> list[Value]:
        """The values that stand in the texts that this recipient gets, each once."""
        texts = (self._subject, *self._forms[message.tracked])
        return list(dict.fromkeys(value for text in texts for value in _live(text, message.values)))

    def _request(self, messages: list[Message], columns: Columns) -> Request:
        values = messages[0].values
        plain, rich = self._forms[messages[0].tracked]
        content = [
            {"type": kind, "value": text}
            for kind, pieces in (("text/plain", plain), ("text/html", rich))
            if (text := "".join(columns.written(pieces, values)))
        ]
        subject = headers.clean("".join(columns.written(self._subject, values)))
        arguments = {DISPATCH_ARGUMENT: self._dispatch}
        if messages[0].batch:
            arguments[BATCH_ARGUMENT] = str(messages[0].batch)
        whole = {
            **self._settings,
            "subject": self.composer.envelope.subject_prefix + subject,
            "content": content,
        }
        before = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))[:-1] + ',"personalizations":['
        people = columns.people(messages, [self.composer.headers_for(message) for message in messages])
        return Request(tuple(messages), utf8(before), people, arguments)


def request_name(deliveries: Iterable[str]) -> str:
    """A name for a request that tells which deliveries it had, in any order, to whoever knows them."""
    return blake2b("\n".join(sorted(deliveries)).encode(), digest_size=8).hexdigest()


def _unused_mark(text: str) -> str:
    """What all tags begin with: letters that stand nowhere in *text*, and that nobody can guess."""
    while (mark := secrets.token_hex(4)) in text:
        pass
    return mark


def _unique(messages: list[Message]) -> list[list[Message]]:
    """The messages in as few lists as can be, none with an address twice, as SendGrid will compare them."""
    keys = [headers.ascii_address(message.email).lower() for message in messages]
    if len(set(keys)) == len(keys):
        return [messages]
    lists: list[dict[str, Message]] = []
    for key, message in zip(keys, messages, strict=True):
        free = next((part for part in lists if key not in part), None)
        if free is None:
            lists.append({key: message})
        else:
            free[key] = message
    return [list(part.values()) for part in lists]


def _taken(choices: Iterable[Piece], values: Mapping[str, str | bool]) -> Iterator[int]:
    for choice in choices:
        if isinstance(choice, Choice):
            taken = -1
            for place, (condition, _) in enumerate(choice.branches):
                if condition is None or values[condition]:
                    taken = place
                    break
            yield taken
            if taken >= 0:
                yield from _taken(choice.branches[taken][1], values)


def _live(pieces: Sequence[Piece], values: Mapping[str, str | bool]) -> Iterator[Value]:
    for piece in pieces:
        if isinstance(piece, Choice):
            yield from _live(chosen(piece, values), values)
        elif not isinstance(piece, Literal):
            yield piece


def _settings(composer: Composer, categories: Sequence[str], *, sandbox: bool) -> dict[str, Any]:
    """What is the same in all requests of a dispatch; nothing is left to the settings of the account.

    The three narrower bypasses are not named: the reference wants ``bypass_list_management`` to stand alone,
    and they are off unless a request asks for them.
    """
    settings: dict[str, Any] = {
        "from": _mailbox(composer.envelope.sender),
        "tracking_settings": _TRACKING,
        "mail_settings": {
            "bypass_list_management": {"enable": False},
            "footer": {"enable": False},
            "sandbox_mode": {"enable": sandbox},
        },
    }
    if composer.attached:
        settings["attachments"] = [_attachment(each) for each in composer.attached]
    if composer.envelope.reply_to:
        settings["reply_to"] = _mailbox(composer.envelope.reply_to)
    if categories:
        settings["categories"] = list(categories)
    return settings


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
    name, address = split_mailbox(mailbox)
    written = {"email": headers.ascii_address(address)}
    return {**written, "name": headers.clean(name)} if name else written
