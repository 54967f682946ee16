"""A text of an edition as a MIME body: what is the same for everybody is encoded once.

In quoted-printable, which suits most scripts of Europe, the pieces are encoded at once and values are spliced
in. Where base64 is smaller, as for Chinese or Hindi, the whole text has to be encoded per recipient, since a
value shifts all that follows it.
"""

from __future__ import annotations

from binascii import b2a_base64
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Literal as Exactly

from newsletter.editions.cutting import Context, Literal, Value
from newsletter.editions.merge import render
from newsletter.messages.quoted import LINE_END, SOFT_BREAK, encode_text, encode_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from newsletter.editions.cutting import Piece


@dataclass(frozen=True, slots=True)
class Hole:
    """Where a value stands; the soft breaks around it are in the bytes before and after."""

    token: str
    write: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class PlainHole:
    """Where a value stands that is written as it is, in every encoding: a mark in a tracked link."""

    token: str


@dataclass(frozen=True, slots=True)
class Fork:
    """Where one of several branches stands; a None condition always holds."""

    branches: tuple[tuple[str | None, tuple[Part, ...]], ...]


Part = bytes | Hole | PlainHole | Fork
#: RFC 2045 section 6.8: at most 76 characters on an encoded line.
_LINE = 76


class Body:
    """One text of an edition, ready to be filled; *pieces* as `newsletter.editions.split` cuts it."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        #: What it was cut into.
        self.pieces = pieces
        self._parts = encode(pieces)
        alike = render(pieces, _Blank())
        self.encoding: Exactly["quoted-printable", "base64"] = (
            "base64" if len(_base64(alike)) < len(encode_text(alike)) else "quoted-printable"
        )

    def text(self, values: Mapping[str, str | bool]) -> str:
        """The text with *values*, not encoded."""
        return render(self.pieces, values)

    def fill(self, values: Mapping[str, str | bool], out: list[bytes]) -> None:
        """Append the encoded text with *values* to *out*."""
        if self.encoding == "quoted-printable":
            fill(self._parts, values, out)
        else:
            out.append(_base64(self.text(values)))


class _Blank(dict[str, "str | bool"]):
    """Values of which every one is empty and every condition false."""

    def __missing__(self, token: str) -> str:
        return ""


def _base64(text: str) -> bytes:
    canonical = LINE_END.sub("\r\n", text).encode()
    encoded = b2a_base64(canonical, newline=False)
    return b"\r\n".join(encoded[start : start + _LINE] for start in range(0, len(encoded), _LINE))


def encode(pieces: Sequence[Piece]) -> tuple[Part, ...]:
    """*pieces* encoded, neighbouring bytes joined: a recipient costs one join and their own values."""
    parts: list[Part] = []
    for part in _parts(pieces):
        if isinstance(part, bytes) and parts and isinstance(before := parts[-1], bytes):
            parts[-1] = before + part
        else:
            parts.append(part)
    return tuple(parts)


def _parts(pieces: Sequence[Piece]) -> Iterator[Part]:
    for piece in pieces:
        if isinstance(piece, Literal):
            yield encode_text(piece.text)
            continue
        yield SOFT_BREAK
        if isinstance(piece, Value):
            opaque = piece.context is Context.OPAQUE
            yield PlainHole(piece.token) if opaque else Hole(piece.token, piece.context.writer)
        else:
            yield Fork(tuple((token, encode(branch)) for token, branch in piece.branches))
        yield SOFT_BREAK


def fill(parts: Sequence[Part], values: Mapping[str, str | bool], out: list[bytes]) -> None:
    """Append *parts* to *out*, each hole filled from *values* and of each fork the branch that is taken."""
    for part in parts:
        if part.__class__ is bytes:
            out.append(part)
        elif part.__class__ is PlainHole:
            out.append(values[part.token].encode("ascii"))  # type: ignore[union-attr]
        elif part.__class__ is Hole:
            out.append(encode_value(part.write(str(values[part.token]))))
        elif part.__class__ is Fork:
            for token, branch in part.branches:
                if token is None or values[token]:
                    fill(branch, values, out)
                    break
