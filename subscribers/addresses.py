"""E-mail addresses: which are valid, the form mail is sent to, and the form by which they are compared.

The verdict is that of email-validator without DNS (RFC 5321, RFC 5322, RFC 6531 and IDNA). Nearly all
addresses of a list are plain ASCII with one of a few domains, and for those the verdict on the part before
the @ is a pattern and the verdict on the domain is remembered: fifty times faster than asking each time.

Quotes that the part before the @ does not need are taken away; an address that needs them is refused.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from subscribers.errors import AddressError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from email_validator import ValidatedEmail

# RFC 5322 section 3.2.3, dot-atom-text, at most 64 octets (RFC 5321 section 4.5.3.1.1).
_PLAIN_LOCAL = re.compile(r"(?=.{1,64}\Z)[\w!#$%&'*+\-/=?^`{|}~]+(?:\.[\w!#$%&'*+\-/=?^`{|}~]+)*\Z", re.ASCII)
#: RFC 5321 section 4.5.3.1.3 gives a path 256 octets, two of which are its brackets.
_LONGEST = 254
#: The mailboxes that every domain may have (RFC 2142, and those of old): email-validator writes them small.
_WELL_KNOWN = re.compile(
    "(?:abuse|ftp|hostmaster|info|marketing|news|noc|postmaster|sales|security|support|usenet|uucp"
    r"|webmaster|www)\Z",
    re.IGNORECASE,
)
_PLAIN_DOMAIN = re.compile(r"[A-Za-z0-9.\-]+\Z")
# RFC 5321 section 4.1.2 advises against such addresses, and most servers and services refuse them.
_NEEDS_QUOTES = "this is no e-mail address in use: its first part needs quotes, which hardly a server takes"
_HINT = "an address looks like `ann@example.com`"


class Address(NamedTuple):
    """A valid address.

    ``email`` is as given, with the domain in lower case; ``key`` is the same for all spellings that reach
    the same mailbox in practice: NFC, case-folded, the domain in its ASCII form.
    """

    email: str
    key: str


def normalise(address: str) -> Address:
    """Check an address and give both its forms; blanks around it do not matter.

    Raises:
        AddressError: it is no address that mail can be sent to, with the reason.
    """
    address = address.strip()
    local, _, domain = address.rpartition("@")
    if _is_plain(local, domain) and (known := _plain_domain(domain)):
        return Address(f"{local}@{known}", f"{local.lower()}@{known}")
    return _ask(address)


def normalise_all(addresses: Sequence[str], fail: Callable[[int, str], None]) -> tuple[list[str], list[str]]:
    """Both forms of many addresses that have no blanks around them, as `normalise` gives them.

    *fail* is told the number and the reason of each that is none; its forms are empty.
    """
    emails, keys = [], []
    for number, address in enumerate(addresses):
        local, _, domain = address.rpartition("@")
        known = _plain_domain(domain) if _is_plain(local, domain) else None
        if known:
            email = key = f"{local}@{known}"
            if not local.islower():
                key = email.lower()
        else:
            try:
                email, key = normalise(address)
            except AddressError as error:
                email = key = ""
                fail(number, error.what)
        emails.append(email)
        keys.append(key)
    return emails, keys


def _is_plain(local: str, domain: str) -> bool:
    return (
        _PLAIN_LOCAL.match(local) is not None
        and _WELL_KNOWN.match(local) is None
        and len(local) + 1 + len(domain) <= _LONGEST
        and _PLAIN_DOMAIN.match(domain) is not None
    )


@lru_cache(maxsize=4096)
def _plain_domain(domain: str) -> str | None:
    """The domain in lower case if it is valid and has no other form, else None."""
    try:
        answer = _validated(f"a@{domain}")
    except ValueError:
        return None
    return answer.ascii_domain if answer.domain == answer.ascii_domain else None


def _ask(address: str) -> Address:
    """What email-validator says of the address."""
    if "@" not in address:
        raise AddressError("this is no e-mail address: it has no @", where=_shown(address), hint=_HINT)
    try:
        answer = _validated(address)
    except ValueError as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise AddressError(
            f"this is no e-mail address: {reason}", where=_shown(address), hint=_HINT
        ) from error
    if answer.local_part.startswith('"'):
        raise AddressError(_NEEDS_QUOTES, where=_shown(address), hint=_HINT)
    return Address(answer.normalized, f"{answer.local_part.casefold()}@{answer.ascii_domain.lower()}")


def _validated(address: str) -> ValidatedEmail:
    """What email-validator makes of an address. It is loaded when it is first asked, which takes a while.

    Raises:
        ValueError: it is none; the library's EmailNotValidError, with the reason.
    """
    from email_validator import validate_email

    return validate_email(address, check_deliverability=False, allow_quoted_local=True)


def _shown(address: str) -> str:
    """The address as an error may print it: one short line."""
    line = "".join(character if character.isprintable() else "?" for character in address[:80])
    return line or "(empty)"
