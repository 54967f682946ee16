"""Signed, opaque tokens for the links in messages: who a link belongs to, without an address in it."""

from __future__ import annotations

import hashlib
import hmac
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import want_bytes
from itsdangerous.signer import SigningAlgorithm
from sqlalchemy import Engine

from subscribers.keys import secret_keys
from subscribers.models import KeyPurpose

if TYPE_CHECKING:
    from collections.abc import Sequence


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


class Tokens:
    """Signs and reads tokens such as ``Yx3…​.k0F…`` of 45 characters, which never expire.

    Args:
        keys: the database that keeps the keys, or the keys themselves, the oldest first. The newest signs;
            all are believed.
    """

    def __init__(self, keys: Engine | Sequence[bytes]) -> None:
        self._source = keys
        # A method cannot be cached by itself without keeping every instance alive.
        self._signer = lru_cache(maxsize=16)(self._make_signer)

    def sign(self, action: str, public_id: str) -> str:
        """The token by which the subscriber *public_id* may do *action*, and nothing else."""
        return self._signer(action).sign(public_id.encode()).decode()

    def read(self, action: str, token: str) -> str | None:
        """Whose token for *action* this is; None when it was not made here, or for another action."""
        try:
            return self._signer(action).unsign(token.encode()).decode()
        except (BadSignature, UnicodeError):
            return None

    @cached_property
    def _keys(self) -> list[bytes]:
        source = self._source
        return secret_keys(source, KeyPurpose.LINKS) if isinstance(source, Engine) else list(source)

    def _make_signer(self, action: str) -> Signer:
        return _SteadySigner(
            self._keys,
            salt=f"link.{action}".encode(),
            key_derivation="hmac",
            digest_method=hashlib.sha256,
            algorithm=_ShortHmac(),
        )
