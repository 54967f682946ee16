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
#: RFC 5322, 3.2.3 and 3.4.1: atoms and dots, and no sign that would end the address or begin another one.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]"
_HOST = r"[A-Za-z0-9._-]+|\[[!-Z^-~]+\]"
_ORDINARY = re.compile(rf"{_ATOM}+@(?:{_HOST})")
#: With letters and signs of all scripts (RFC 6531, 3.3).
_LOCAL = re.compile(rf"(?:{_ATOM}|[^\s\x00-\x9f\ud800-\udfff])+")
_DOMAIN = re.compile(_HOST)
#: RFC 5322 section 2.1.1: a line must have no more than 998 octets, and should have no more than 78.
LONGEST = 998
_LINE = 78
#: In a name; with the field's own name, quotes and escapes it stays below what a line may have.
_LONGEST_WORD = 400
#: RFC 2047 section 2: an encoded word has at most 75, its line at most 76 characters.
_ENCODED_LINE = 76


def clean(value: str) -> str:
    """*value* on one line: each run of control characters and line ends becomes one space (RFC 5322, 2.2)."""
    if value.isprintable():
        return value.strip()
    return _CONTROL.sub(" ", value).strip()


def field(name: str, value: str) -> bytes:
    """A field of free text such as Subject, folded and with a CRLF at its end.

    Printable ASCII stays as it is; anything else, text that looks like an encoded word, and a word that is
    longer than a line may be, becomes RFC 2047 encoded words.
    """
    value = clean(value)
    if _PLAIN.fullmatch(value) and "=?" not in value:
        folded = _fold(f"{name}: {value}")
        if max(map(len, folded.split(b"\r\n"))) <= LONGEST:
            return folded
    encoded = Header(value, "utf-8", _ENCODED_LINE, header_name=name).encode(linesep="\r\n")
    return f"{name}: {encoded}\r\n".encode("ascii")


def verbatim(name: str, value: str) -> bytes:
    """A field that programs read, such as List-Unsubscribe: never folded, never encoded.

    Raises:
        UnmailableError: the value is not printable ASCII, or the line is over 998 octets (RFC 5322, 2.1.1).
    """
    line = f"{name}: {clean(value)}"
    if not _PLAIN.fullmatch(line) or len(line) > LONGEST:
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
    if len(joined) <= _LINE:
        return joined.encode() + b"\r\n"
    *before, last = joined.split("\r\n")
    if len(last) <= _LINE:
        return "\r\n".join([*before, last]).encode() + b"\r\n"
    if before:
        return f"{name}: {phrase}\r\n {spec}\r\n".encode()
    return _fold(last)


def unfolded(field: bytes) -> str:
    """The value of a field that is written, on one line: for whoever writes fields themselves."""
    return field.decode("ascii").partition(": ")[2].replace("\r\n", "")


def ascii_address(address: str) -> str:
    """*address* with its domain as A-labels (RFC 5890, 2.3.2.1), fit for servers without SMTPUTF8.

    Raises:
        UnmailableError: the local part is not ASCII (it would need RFC 6531), or the domain is none.
    """
    written = utf8_address(address)
    if not written.isascii():
        raise UnmailableError("the address needs SMTPUTF8, which is not used", where=address)
    return written


@lru_cache(maxsize=4096)  # asked when a message is made, again for its envelope, and for its header
def utf8_address(address: str) -> str:
    """*address* with its domain as A-labels and its local part as it is, perhaps not ASCII (RFC 6531).

    Raises:
        UnmailableError: the local part has characters that no address has, or the domain is none.
    """
    if _ORDINARY.fullmatch(address):
        return address
    local, at, domain = address.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or (domain.isascii() and not _DOMAIN.fullmatch(domain)):
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
    endless = len(display) > _LONGEST_WORD and max(map(len, display.split(" "))) > _LONGEST_WORD
    if not _PLAIN.fullmatch(display) or "=?" in display or endless:
        return Header(display, "utf-8", _ENCODED_LINE, header_name=name).encode(linesep="\r\n")
    if _ATOMS.fullmatch(display):
        return display
    escaped = display.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _fold(line: str) -> bytes:
    """Break a plain field before runs of blanks so that lines stay within 78 characters where they can."""
    lines: list[str] = []
    start = line.index(": ") + 2
    while len(line) > _LINE:
        cut = line.rfind(" ", start, _LINE + 1)
        cut = len(line[:cut].rstrip(" ")) if cut > 0 else line.find(" ", _LINE)
        if cut < start:
            break
        lines.append(line[:cut])
        line = line[cut:]
        start = len(line) - len(line.lstrip(" "))
    return "\r\n".join([*lines, line]).encode() + b"\r\n"
