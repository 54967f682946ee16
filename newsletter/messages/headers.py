"""Header fields as bytes: encoded where, and only where, RFC 5322 and RFC 2047 ask for it."""

from __future__ import annotations

import re
from email.header import Header
from email.utils import formatdate
from functools import lru_cache

import idna

from newsletter.messages.message import UnmailableError

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PLAIN = re.compile(r"[\x20-\x7e]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_ORDINARY = re.compile(r"[!-;=?A-~]+@[!-;=?A-~]+")
_NO_LOCAL = re.compile(r"[\s<>\x00-\x1f\x7f-\x9f\ud800-\udfff]")
#: RFC 5322 section 2.1.1: a line should have no more than 78 characters.
_LINE = 78
#: RFC 2047 section 2: an encoded word has at most 75, its line at most 76 characters.
_ENCODED_LINE = 76


def clean(value: str) -> str:
    """*value* on one line: each run of control characters and line ends becomes one space (RFC 5322, 2.2)."""
    if value.isprintable():
        return value.strip()
    return _CONTROL.sub(" ", value).strip()


def field(name: str, value: str) -> bytes:
    """A field of free text such as Subject, folded and with a CRLF at its end.

    Printable ASCII stays as it is; anything else, and text that looks like an encoded word, becomes
    RFC 2047 encoded words.
    """
    value = clean(value)
    if _PLAIN.fullmatch(value) and "=?" not in value:
        return _fold(f"{name}: {value}")
    encoded = Header(value, "utf-8", _ENCODED_LINE, header_name=name).encode(linesep="\r\n")
    return f"{name}: {encoded}\r\n".encode("ascii")


def verbatim(name: str, value: str) -> bytes:
    """A field that programs read, such as List-Unsubscribe: never folded, never encoded.

    Raises:
        UnmailableError: the value is not printable ASCII, or the line is over 998 octets (RFC 5322, 2.1.1).
    """
    line = f"{name}: {clean(value)}"
    if not _PLAIN.fullmatch(line) or len(line) > 998:
        raise UnmailableError(f"the header {name} cannot be written: {value!r}")
    return line.encode("ascii") + b"\r\n"


def mailbox_field(name: str, display: str, address: str) -> bytes:
    """A field with one mailbox, such as From and To.

    Only an address with a local part that is not ASCII makes a field in UTF-8 (RFC 6532); whoever asks for
    one must know that the server takes it, or ask `ascii_address` first.

    Raises:
        UnmailableError: *address* cannot be written.
    """
    spec = utf8_address(address)
    return phrase_field(name, display, f"<{spec}>") if clean(display) else _fold(f"{name}: {spec}")


def phrase_field(name: str, display: str, spec: str) -> bytes:
    """A field of a phrase for people and a part in angle brackets for programs, such as List-Id."""
    phrase = _phrase(name, clean(display))
    joined = f"{name}: {phrase} {spec}"
    if len(joined.rsplit("\r\n", 1)[-1]) <= _LINE:
        return joined.encode() + b"\r\n"
    return f"{name}: {phrase}\r\n {spec}\r\n".encode()


def ascii_address(address: str) -> str:
    """*address* with its domain as A-labels (RFC 5890, 2.3.2.1), fit for servers without SMTPUTF8.

    Raises:
        UnmailableError: the local part is not ASCII (it would need RFC 6531), or the domain is none.
    """
    written = utf8_address(address)
    if not written.isascii():
        raise UnmailableError("the address needs SMTPUTF8, which is not used", where=address)
    return written


def utf8_address(address: str) -> str:
    """*address* with its domain as A-labels and its local part as it is, perhaps not ASCII (RFC 6531).

    Raises:
        UnmailableError: the local part has characters that no address has, or the domain is none.
    """
    if _ORDINARY.fullmatch(address):
        return address
    local, at, domain = address.rpartition("@")
    if not at or _NO_LOCAL.search(local):
        raise UnmailableError("the address cannot be written", where=address)
    if domain.isascii():
        return f"{local}@{domain}"
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode('ascii')}"
    except idna.IDNAError as error:
        raise UnmailableError(f"the domain is none: {error}", where=address) from error


def date_field(timestamp: float) -> bytes:
    """The Date field for *timestamp*, seconds since the epoch, in UTC (RFC 5322, 3.3)."""
    return _date_field(int(timestamp))


@lru_cache(maxsize=16)
def _date_field(second: int) -> bytes:
    return f"Date: {formatdate(second)}\r\n".encode("ascii")


def _phrase(name: str, display: str) -> str:
    if not _PLAIN.fullmatch(display) or "=?" in display:
        return Header(display, "utf-8", _ENCODED_LINE, header_name=name).encode(linesep="\r\n")
    if _ATOMS.fullmatch(display):
        return display
    escaped = display.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _fold(line: str) -> bytes:
    """Break a plain field at blanks so that lines stay within 78 characters where they can."""
    lines: list[str] = []
    while len(line) > _LINE:
        start = line.index(": ") + 2 if not lines else 1
        cut = line.rfind(" ", start, _LINE + 1)
        cut = cut if cut > 0 else line.find(" ", _LINE)
        if cut < 0:
            break
        lines.append(line[:cut])
        line = line[cut:]
    return "\r\n".join([*lines, line]).encode() + b"\r\n"
