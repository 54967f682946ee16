"""Marks in tracked links: which dispatch, whose message, and which link, in 22 letters that tell nobody.

A mark is one block of AES: 40 of its 128 bits must be zero when it is deciphered, so whatever is changed in
one, it is none any more (M. Bellare, P. Rogaway: Encode-Then-Encipher Encryption, 2000). All marks of a
recipient cost one call, about a fifth of a microsecond each; a signature for each link would cost ten times
that.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import b2a_base64
from functools import lru_cache
from struct import iter_unpack
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Engine

from newsletter.editions.links import LETTERS
from subscribers.keys import secret_keys
from subscribers.models import KeyPurpose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.ciphers import Cipher, modes

_PURPOSE = b"tracked links\0"
_BLOCK = 16
_URLSAFE = bytes.maketrans(b"+/", b"-_")
#: The bytes of each number; what is left of the block is zero.
_DISPATCH, _SUBSCRIBER, _PLACE = 4, 5, 2
_ZERO = bytes(_BLOCK - _DISPATCH - _SUBSCRIBER - _PLACE)
#: So many links of an edition can have marks.
MOST_PLACES = 256**_PLACE - 1


class Mark(NamedTuple):
    """What a mark tells: the dispatch, the subscriber (0: nobody in particular), and the place of the link.

    Place 0 is that of the picture which tells that a message was opened.
    """

    dispatch: int
    subscriber: int
    place: int


class Marks:
    """Writes and reads marks.

    Args:
        keys: the database that keeps the keys, or the keys themselves, the oldest first. The newest writes;
            all are believed, also those that another process made meanwhile.
    """

    def __init__(self, keys: Engine | Sequence[bytes]) -> None:
        self._source = keys
        self._ciphers: list[Cipher[modes.ECB]] = []

    def write(self, dispatch: int, subscriber: int, places: Sequence[int]) -> list[str]:
        """The marks of one recipient, or of nobody in particular (0), for links at these *places*."""
        if not places:
            return []
        whose = dispatch.to_bytes(_DISPATCH, "big") + subscriber.to_bytes(_SUBSCRIBER, "big")
        plain = whose + whose.join(_ends(tuple(places)))
        # Blocks that are all different are what this mode is safe for; one per call, as threads share this.
        blocks = self._known()[-1].encryptor().update(plain)
        letters = b"".join([b2a_base64(block)[:LETTERS] for (block,) in iter_unpack("16s", blocks)])
        text = letters.translate(_URLSAFE).decode("ascii")
        return [text[start : start + LETTERS] for start in range(0, len(text), LETTERS)]

    def read(self, text: str) -> Mark | None:
        """What the mark *text* tells; None if it was not written here."""
        block = _block(text)
        if block is None:
            return None
        known = self._known()
        found = _read(block, known)
        if found is None:
            self._ciphers = []
            newer = self._known()
            found = _read(block, newer[len(known) :])
        return found

    def _known(self) -> list[Cipher[modes.ECB]]:
        if not self._ciphers:
            source = self._source
            keys = secret_keys(source, KeyPurpose.LINKS) if isinstance(source, Engine) else source
            self._ciphers = [_cipher(key) for key in keys]
        return self._ciphers


@lru_cache(maxsize=64)
def _ends(places: tuple[int, ...]) -> tuple[bytes, ...]:
    """The second half of each block, which is the same for all recipients."""
    return tuple(place.to_bytes(_PLACE, "big") + _ZERO for place in places)


def _cipher(key: bytes) -> Cipher[modes.ECB]:
    # Loaded by who tracks: every command would wait for it otherwise, and most have nothing to encipher.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    # What the same keys sign elsewhere must not be a mark here: a key of its own is derived.
    derived = hmac.digest(key, _PURPOSE, "sha256")[:_BLOCK]
    return Cipher(algorithms.AES(derived), modes.ECB())  # noqa: S305 - one block is a permutation, not a text


def _block(text: str) -> bytes | None:
    """The block that 22 letters are; None if they are not written as they were made.

    Base64 has spare bits at its end (RFC 4648, section 3.5): without this, four texts would be one mark.
    """
    if len(text) != LETTERS or not text.isascii():
        return None
    try:
        block = urlsafe_b64decode(text + "==")
    except ValueError:
        return None
    return block if urlsafe_b64encode(block).decode()[:LETTERS] == text else None


def _read(block: bytes, ciphers: Sequence[Cipher[modes.ECB]]) -> Mark | None:
    for cipher in reversed(ciphers):
        plain = cipher.decryptor().update(block)
        if plain.endswith(_ZERO):
            dispatch = int.from_bytes(plain[:_DISPATCH], "big")
            subscriber = int.from_bytes(plain[_DISPATCH : _DISPATCH + _SUBSCRIBER], "big")
            place = int.from_bytes(plain[_DISPATCH + _SUBSCRIBER : -len(_ZERO)], "big")
            return Mark(dispatch, subscriber, place)
    return None
