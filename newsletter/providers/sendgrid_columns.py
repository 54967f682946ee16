"""What differs between the recipients of one request to SendGrid, as one column for each place in the text.

The limits are those of https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send.
"""

from __future__ import annotations

import re
from json.encoder import encode_basestring as quoted
from typing import TYPE_CHECKING

from newsletter.editions.cutting import Choice, Context, Literal
from newsletter.editions.merge import chosen
from newsletter.messages import headers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from newsletter.editions.cutting import Piece, Value
    from newsletter.messages import Message

#: At most so many bytes of substitutions for one recipient, names and values together.
MOST_SUBSTITUTIONS = 10_000
#: The custom argument that names a delivery, and comes back with each of its events.
DELIVERY_ARGUMENT = "newsletter_delivery"
_SPECIAL = re.compile("[&<>\"']")
_WEB = ("https://", "http://")


class Columns:
    """The values of a group of recipients, one column for each place and context in the texts.

    A column in which everybody has the same is written into the text. Equal columns share a tag.
    """

    def __init__(self, values: Sequence[Value], messages: Sequence[Message], mark: str) -> None:
        #: What stands in the text for each value: what everybody has there, or a tag.
        self._shown: dict[Value, str] = {}
        self._tags: list[str] = []
        self._columns: list[list[str]] = []
        #: Whether a value has what all tags begin with.
        self.clash = False
        for value in values:
            column = [str(message.values[value.token]) for message in messages]
            self._shown[value] = self._place(_written(column, value.context), mark)

    def _place(self, column: list[str], mark: str) -> str:
        self.clash |= mark in "\n".join(column)
        if len(column) == 1:
            return column[0]
        for tag, known in zip(self._tags, self._columns, strict=True):
            if known == column:
                return tag
        # Ends in a sign that no number has, so that no tag is the beginning of another.
        tag = f"-{mark}{len(self._tags)}-"
        self._tags.append(tag)
        self._columns.append(column)
        return tag

    def too_large(self) -> set[int]:
        """Whose substitutions have too many bytes, by place."""
        names = sum(map(len, self._tags))
        large = set()
        for place, row in enumerate(zip(*self._columns, strict=True)):
            size = names + sum(map(len, row))
            # No character has more than four bytes.
            if size * 4 > MOST_SUBSTITUTIONS:
                size = names + sum(len(utf8(each)) for each in row)
                if size > MOST_SUBSTITUTIONS:
                    large.add(place)
        return large

    def written(self, pieces: Sequence[Piece], values: Mapping[str, str | bool]) -> Iterator[str]:
        """The text that the whole group gets, with tags in it."""
        for piece in pieces:
            if isinstance(piece, Literal):
                yield piece.text
            elif isinstance(piece, Choice):
                yield from self.written(chosen(piece, values), values)
            else:
                yield self._shown[piece]

    def people(
        self, messages: Sequence[Message], own: Sequence[Sequence[tuple[str, str]]]
    ) -> tuple[bytes, ...]:
        """Each recipient as JSON, with their *own* headers, all of which have the same names in one order.

        All headers are in each, though some are the same for all: the reference does not say whether those
        of a recipient are added to those of the message or replace them.
        """
        fields, given = [], []
        for column in zip(*own, strict=True):
            name, value = column[0]
            if column.count(column[0]) == len(column):
                fields.append(f"{quoted(name)}:{quoted(value)}".replace("%", "%%"))
            else:
                fields.append(f"{quoted(name)}:%s")
                given.append([quoted(header[1]) for header in column])
        tags = ",".join(f"{quoted(tag)}:%s" for tag in self._tags)
        form = (
            f'{{"to":[%s],"headers":{{{",".join(fields)}}},"substitutions":{{{tags}}},'
            f'"custom_args":{{"{DELIVERY_ARGUMENT}":%s}}}}'
        )
        columns = [
            [_address(message.recipient.name, message.email) for message in messages],
            *given,
            *([quoted(each) for each in column] for column in self._columns),
            [quoted(message.delivery_id) for message in messages],
        ]
        return tuple(utf8(form % row) for row in zip(*columns, strict=True))


def _written(column: list[str], context: Context) -> list[str]:
    """A column as its context wants it; a single value if it is the same for all."""
    if column.count(column[0]) == len(column):
        column = [column[0]]
    elif _is_written(column, context):
        return column
    written = [context.writer(each) for each in column]
    return [headers.clean(each) for each in written] if context is Context.HEADER else written


def _is_written(column: list[str], context: Context) -> bool:
    """True if it is clear at a glance that the values stay as they are."""
    if context not in (Context.HTML, Context.URL) or _SPECIAL.search("\n".join(column)):
        return context is Context.TEXT
    return context is Context.HTML or all(each.startswith(_WEB) for each in column)


def _address(name: str, address: str) -> str:
    email = quoted(headers.ascii_address(address))
    return f'{{"email":{email},"name":{quoted(headers.clean(name))}}}' if name else f'{{"email":{email}}}'


def utf8(text: str) -> bytes:
    """*text* in UTF-8; a half of a surrogate pair, which is no character, becomes a question mark."""
    return text.encode("utf-8", "replace")
