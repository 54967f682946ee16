"""Proof of work: a small sum that a browser does once and a flood of sign-ups would have to do each time.

The challenge and its answer have the format of ALTCHA's first version, so its widget can answer, too; our own
script is signup.js. Nobody else is asked, and nothing is kept but which answers were used.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from base64 import b64decode
from binascii import Error as NoBase64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: For how long an answer is taken.
LIFE = timedelta(hours=1)
ALGORITHM = "SHA-256"
_SALT = re.compile(r"[0-9a-f]{24}\?expires=([0-9]{1,12})&")
_LONGEST = 2000


def make_challenge(key: bytes, most: int, at: datetime) -> dict[str, object]:
    """A challenge: to find the number up to *most* whose hash, with the salt, is the ``challenge``.

    The ``&`` at the end of the salt keeps digits from being moved between it and the number.
    """
    salt = f"{secrets.token_hex(12)}?expires={int((at + LIFE).timestamp())}&"
    challenge = _hash(salt, secrets.randbelow(most + 1))
    return {
        "algorithm": ALGORITHM,
        "challenge": challenge,
        "maxnumber": most,
        "salt": salt,
        "signature": _signature(key, challenge),
    }


def solved(answer: str, keys: Sequence[bytes], at: datetime) -> tuple[str, datetime] | None:
    """Look at an answer, JSON in Base64.

    Returns:
        The challenge that it answers and when that ends, or None if it answers none of ours in time.
    """
    try:
        said = json.loads(b64decode(answer[:_LONGEST], validate=True))
        challenge, salt, number = said["challenge"], said["salt"], said["number"]
        signature = str(said["signature"]).encode()
    except (NoBase64, ValueError, KeyError, TypeError, RecursionError):
        return None
    if said.get("algorithm") != ALGORITHM or type(number) is not int or not 0 <= number < 2**53:
        return None
    found = _SALT.fullmatch(salt) if isinstance(salt, str) else None
    if found is None or not isinstance(challenge, str) or challenge != _hash(salt, number):
        return None
    ends = datetime.fromtimestamp(int(found[1]), UTC)
    genuine = any(hmac.compare_digest(_signature(key, challenge).encode(), signature) for key in keys)
    return (challenge, ends) if genuine and at < ends else None


def _hash(salt: str, number: int) -> str:
    return hashlib.sha256(f"{salt}{number}".encode()).hexdigest()


def _signature(key: bytes, challenge: str) -> str:
    return hmac.digest(key, challenge.encode(), "sha256").hex()
