"""An address for each delivery to which its bounce goes (VERP), signed: a forged bounce proves nothing."""

from __future__ import annotations

import hmac
import re
from base64 import b32encode
from typing import TYPE_CHECKING

from subscribers.keys import secret_keys
from subscribers.models import KeyPurpose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from newsletter.config import SmtpSettings

#: Bytes of the signature: 80 bits, which leave the local part within 64 octets (RFC 5321, 4.5.3.1.1).
_SIGNED = 10
_DETAIL = re.compile(r"([a-z0-9]{24})\.([a-z2-7]{16})", re.IGNORECASE)
#: Keeps what the same keys sign elsewhere from being a signature here.
_PURPOSE = b"return path\0"


class ReturnPath:
    """Writes and reads addresses such as ``bounce+DELIVERY.MAC@host`` (RFC 5233 calls ``+`` a separator).

    Args:
        address: the mailbox that all of them reach: ``bounce@bounces.example.com``.
        keys: secrets, the oldest first. The newest signs; all are believed.
    """

    def __init__(self, address: str, keys: Sequence[bytes]) -> None:
        self._local, _, self._domain = address.rpartition("@")
        self._keys = tuple(keys)

    @classmethod
    def of(cls, smtp: SmtpSettings, engine: Engine | None) -> ReturnPath | None:
        """The return paths of a publication; None if it has none of its own.

        Without a database there are no deliveries, and nothing is signed.
        """
        if not smtp.return_path:
            return None
        return cls(smtp.return_path, secret_keys(engine, KeyPurpose.BOUNCES) if engine is not None else ())

    def address(self, delivery_id: str) -> str:
        """The return path of one delivery; for names that are no delivery's, such as tests, the mailbox."""
        if not re.fullmatch(r"[a-z0-9]{24}", delivery_id):
            return f"{self._local}@{self._domain}"
        return f"{self._local}+{delivery_id}.{_sign(self._keys[-1], delivery_id)}@{self._domain}"

    def read(self, address: str) -> str | None:
        """The delivery that a bounce to *address* is about; None if we never gave that address to any.

        Capitals are forgiven: servers on the way may change them.
        """
        local, _, domain = address.rpartition("@")
        name, _, detail = local.rpartition("+")
        match = _DETAIL.fullmatch(detail)
        if match is None or (name.lower(), domain.lower()) != (self._local.lower(), self._domain.lower()):
            return None
        delivery, signature = match[1].lower(), match[2].lower()
        known = any(hmac.compare_digest(_sign(key, delivery), signature) for key in self._keys)
        return delivery if known else None


def _sign(key: bytes, delivery_id: str) -> str:
    mac = hmac.digest(key, _PURPOSE + delivery_id.encode("ascii"), "sha256")[:_SIGNED]
    return b32encode(mac).decode("ascii").lower()
