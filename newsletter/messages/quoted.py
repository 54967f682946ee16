"""Quoted-printable in pieces: what is the same for everybody is encoded once, a value by itself.

RFC 2045 section 6.7 lets an encoder end any line with a soft break. With one on each side of a value, the
value's length never matters to the lines around it, so the pieces can simply be joined.
"""

from __future__ import annotations

import re
from binascii import b2a_qp
from functools import lru_cache

#: Ends a line in the encoded form only (RFC 2045, 6.7 rule 5).
SOFT_BREAK = b"=\r\n"
#: Without the soft break's own sign an encoded line has at most 75 characters.
_WIDTH = 75
_SAFE = re.compile(r"[ !-<>-~]*")
LINE_END = re.compile(r"\r\n?|\n")
_SOFT = re.compile(rb"=\r?\n")
_UNIT = re.compile(rb"=[0-9A-F]{2}|.", re.DOTALL)


def encode_text(text: str) -> bytes:
    """*text* encoded, with CRLF for its line ends, so that a soft break may follow."""
    encoded = b2a_qp(text.encode(), istext=True).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    whole, line_end, last = encoded.rpartition(b"\r\n")
    return whole + line_end + (_wrap(last) if len(last) > _WIDTH else last)


@lru_cache(maxsize=256)  # a link stands in the text and in the HTML
def encode_value(value: str) -> bytes:
    """A value encoded to stand between two soft breaks; every character is kept, a line end becomes CRLF."""
    if _SAFE.fullmatch(value) and " " not in value[-1:]:
        whole = value.encode("ascii")
        if len(whole) <= _WIDTH - 3:
            return whole
        if b" " not in whole:  # a link, as a rule; a blank might come to stand before a line's end
            return SOFT_BREAK.join(whole[start : start + _WIDTH] for start in range(0, len(whole), _WIDTH))
    canonical = LINE_END.sub("\r\n", value)
    return _wrap(_SOFT.sub(b"", b2a_qp(canonical.encode(), istext=False)))


def _wrap(line: bytes) -> bytes:
    """One long encoded line broken softly, never within an escape."""
    lines: list[bytes] = []
    current = bytearray()
    for unit in _UNIT.findall(line):
        if len(current) + len(unit) > _WIDTH:
            lines.append(bytes(current))
            current.clear()
        current += unit
    return SOFT_BREAK.join([*lines, bytes(current)])
