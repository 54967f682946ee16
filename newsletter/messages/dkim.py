"""DKIM signatures (RFC 6376) for servers that add none: relaxed header fields, simple body, RSA.

The simple form of the body costs a hundredth of the relaxed one, and needs no server that leaves lines alone
any less: what a server changes in a body breaks both. List-Unsubscribe and List-Unsubscribe-Post are signed,
as RFC 8058 section 3.1 demands, and named once more than they occur, so that nobody can add another.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from time import time
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from newsletter.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: The fields that are signed if they are there (RFC 6376, section 5.4.1, and RFC 8058, section 3.1).
SIGNED = (
    b"from",
    b"reply-to",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"mime-version",
    b"content-type",
    b"list-id",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"feedback-id",
)
#: Those that may not be added either, whether they are there or not (RFC 6376, section 8.15).
CLOSED = (b"from", b"subject", b"list-unsubscribe", b"list-unsubscribe-post")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:((?:[^\r]|\r\n[ \t])*)\r\n")
_BLANKS = re.compile(rb"[ \t]+")
#: RFC 8301, section 3.2: verifiers need not take shorter keys.
_SHORTEST = 1024


class DkimSigner:
    """Signs the messages of one domain.

    Args:
        domain: who vouches; its DNS has the public key under ``SELECTOR._domainkey``.
        selector: which of its keys this is.
        key: the private key.
        clock: seconds since the epoch.
    """

    def __init__(
        self, domain: str, selector: str, key: RSAPrivateKey, clock: Callable[[], float] = time
    ) -> None:
        self._key = key
        self._clock = clock
        self._head = f"v=1; a=rsa-sha256; c=relaxed/simple; d={domain}; s={selector};"

    def sign(self, message: bytes) -> bytes:
        """The DKIM-Signature field for *message* (with CRLF line ends), to be put before its first field."""
        head, _, body = message.partition(b"\r\n\r\n")
        fields = _relaxed(head + b"\r\n")
        there = [name for name in SIGNED if name in fields]
        digest = b64encode(hashlib.sha256(simple_body(body)).digest()).decode("ascii")
        tags = (
            f"DKIM-Signature: {self._head}\r\n t={int(self._clock())};"
            f"\r\n h={_folded([*there, *CLOSED])};\r\n bh={digest};\r\n b="
        ).encode("ascii")
        own = b"dkim-signature:" + _BLANKS.sub(b" ", tags.partition(b":")[2].replace(b"\r\n", b"")).strip()
        # A name that is there once more than its field stands for no field (RFC 6376, 5.4.2).
        signed = b"".join(fields[name] for name in there)
        signature = b64encode(self._key.sign(signed + own, PKCS1v15(), SHA256())).decode("ascii")
        lines = [signature[start : start + 72] for start in range(0, len(signature), 72)]
        return tags + "\r\n ".join(lines).encode("ascii") + b"\r\n"


def read_key(path: Path) -> RSAPrivateKey:
    """The private key in a PEM file.

    Raises:
        ConfigError: there is no such file, or it holds no RSA key, or one that is too short.
    """
    hint = "make one with `openssl genrsa -out dkim.pem 2048`, and correct `key_file` under `[smtp.dkim]`"
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise ConfigError(
            f"the key for DKIM cannot be read: {error.strerror}", where=str(path), hint=hint
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError("this is no private key without a password", where=str(path), hint=hint) from error
    if isinstance(key, RSAPrivateKey) and key.key_size >= _SHORTEST:
        return key
    raise ConfigError("the key for DKIM must be RSA, of 1024 bits or more", where=str(path), hint=hint)


def simple_body(body: bytes) -> bytes:
    """*body* with exactly one line end where it ends in several or none (RFC 6376, 3.4.3)."""
    if body.endswith(b"\r\n") and not body.endswith(b"\r\n\r\n"):
        return body
    while body.endswith(b"\r\n"):
        body = body[:-2]
    return body + b"\r\n"


def _relaxed(head: bytes) -> dict[bytes, bytes]:
    """The fields to be signed by their names, in relaxed form (RFC 6376, 3.4.2); of two, the last (5.4.2)."""
    fields = {}
    for name, value in _FIELD.findall(head):
        if (lower := name.lower()) in _WANTED:
            unfolded = _BLANKS.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")
            fields[lower] = lower + b":" + unfolded + b"\r\n"
    return fields


_WANTED = frozenset(SIGNED)


def _folded(names: list[bytes]) -> str:
    """The names with colons between them, on lines of at most six (RFC 6376, 3.5, allows blanks there)."""
    lines = [b":".join(names[start : start + 6]).decode("ascii") for start in range(0, len(names), 6)]
    return ":\r\n ".join(lines)
