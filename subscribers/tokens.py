"""Signed, opaque tokens for the links in messages: who a link belongs to, without an address in it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING

from itsdangerous import BadData, BadSignature, Signer
from itsdangerous.encoding import base64_decode, base64_encode, want_bytes
from itsdangerous.signer import SigningAlgorithm
from sqlalchemy import Engine

from subscribers.keys import secret_keys
from subscribers.models import KeyPurpose

if TYPE_CHECKING:
    from collections.abc import Sequence

#: For so many seconds after the keys were read, a token of none of them is believed to be forged.
_STALE = 1.0


class _ShortHmac(SigningAlgorithm):
    """HMAC-SHA256 cut to 128 bits, as RFC 2104 section 5 allows: links stay short, and cannot be guessed."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")[:16]


class _SteadySigner(Signer):
    """A signer that derives the key of its action once, not for each of a million recipients."""

    @cached_property
    def _derived(self) -> dict[bytes, bytes]:
        return {key: super(_SteadySigner, self).derive_key(key) for key in self.secret_keys}

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        return self._derived[self.secret_keys[-1] if secret_key is None else want_bytes(secret_key)]


@dataclass(frozen=True)
class Grant:
    """What a token allows: its action, for a person, about one *topic*; about everything if that is empty.

    ``until`` is when it ends, None if it never does. Whoever honours a grant that may end asks `good`.
    """

    public_id: str
    topic: str = ""
    until: datetime | None = None

    def good(self, at: datetime) -> bool:
        """Whether it was given for a time, and that is not over at the moment *at*."""
        return self.until is not None and at < self.until


class Tokens:
    """Signs and reads tokens such as ``Yx3…​.k0F…`` of 45 characters, which expire only if they were made to.

    A token about a topic has the topic in it, too, and one that expires the second until which it is good.
    Whatever is changed in one, it is none any more.

    Args:
        keys: the database that keeps the keys, or the keys themselves, the oldest first. The newest signs;
            all are believed, also those that another process made meanwhile.
    """

    def __init__(self, keys: Engine | Sequence[bytes]) -> None:
        self._source = keys
        self._signers: dict[tuple[str, int], Signer] = {}
        self._read_at = float("-inf")

    def sign(self, action: str, public_id: str, topic: str = "", *, until: datetime | None = None) -> str:
        """The token by which the subscriber *public_id* may do *action* (about *topic*), and nothing else.

        It is for ever, or *until* a moment, whole seconds.
        """
        value = f"{public_id}~{base64_encode(topic).decode()}" if topic or until else public_id
        if until is not None:
            value += f"~{int(until.timestamp())}"
        return self._signer(action).sign(value.encode()).decode()

    def read(self, action: str, token: str) -> str | None:
        """Whose token for *action* this is; None when it was not made here, or for another action."""
        grant = self.grant(action, token)
        return None if grant is None else grant.public_id

    def grant(self, action: str, token: str) -> Grant | None:
        """What a token for *action* allows; None when it was not made here, or for another action."""
        if not _is_canonical(token):
            return None
        value = self._unsign(action, token)
        if value is None and self._learn():
            value = self._unsign(action, token)
        if value is None:
            return None
        return _grant(value)

    def glance(self, action: str, token: str) -> Grant | None:
        """As `grant`, by the keys that are known here already: it never asks the database."""
        value = self._unsign(action, token) if _is_canonical(token) else None
        return None if value is None else _grant(value)

    def may_be_good(self, action: str, token: str) -> bool:
        """Whether a token for *action* may be one of ours, without asking the database.

        One that no known key made may be of a key that another process has made since these were read, unless
        that was within the last second: nothing is signed, mailed and pressed in so short a time.
        """
        if not _is_canonical(token):
            return False
        return self._unsign(action, token) is not None or monotonic() - self._read_at > _STALE

    def _unsign(self, action: str, token: str) -> str | None:
        try:
            return self._signer(action).unsign(token.encode()).decode()
        except (BadSignature, UnicodeError):
            return None

    def _learn(self) -> bool:
        """Look for keys that were made since; whether there are any."""
        begun = monotonic()
        found, known = self._load(), self._keys
        self._read_at = begun
        if len(found) > len(known):
            self._keys = found
        return len(found) > len(known)

    def _load(self) -> list[bytes]:
        source = self._source
        return secret_keys(source, KeyPurpose.LINKS) if isinstance(source, Engine) else list(source)

    @cached_property
    def _keys(self) -> list[bytes]:
        return self._load()

    def _signer(self, action: str) -> Signer:
        keys = self._keys
        signer = self._signers.get((action, len(keys)))
        if signer is None:
            signer = self._signers[action, len(keys)] = _SteadySigner(
                keys,
                salt=f"link.{action}".encode(),
                key_derivation="hmac",
                digest_method=hashlib.sha256,
                algorithm=_ShortHmac(),
            )
        return signer


def _grant(value: str) -> Grant:
    public_id, topic, until = (*value.split("~"), "", "")[:3]
    return Grant(
        public_id,
        base64_decode(topic).decode() if topic else "",
        datetime.fromtimestamp(int(until), UTC) if until else None,
    )


def _is_canonical(token: str) -> bool:
    """Whether the signature is written as it was made.

    Base64 has spare bits at its end (RFC 4648, section 3.5), and the decoder overlooks characters that are
    none of its own: without this, many tokens would be as good as one.
    """
    signature = token.rpartition(".")[2]
    try:
        return base64_encode(base64_decode(signature)).decode() == signature
    except BadData:
        return False
