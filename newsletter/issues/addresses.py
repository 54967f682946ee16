"""Where links lead: which schemes the press lets through, and addresses whose scheme was forgotten."""

from __future__ import annotations

import re

#: What a link may lead to; everything else would be dropped by mail programs, or run.
SCHEMES = frozenset({"http", "https", "mailto", "tel"})

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=:)")
_INVISIBLE = re.compile(r"[\x00-\x20\x7f-\xa0]+")
#: How the token of a merge tag begins; where it leads is decided per recipient.
_TOKEN = re.compile(r"LP[0-9a-f]{8}[a-z]\d+z")
_HOST = re.compile(r"(?:[^\W_](?:[\w-]*[^\W_])?\.)+([^\W\d_]{2,24})", re.IGNORECASE)
_MAILBOX = re.compile(r"[\w.+-]+@((?:[\w-]+\.)+[^\W\d_]{2,24})")
_TOP_LEVEL = frozenset(
    {
        *("com", "org", "net", "edu", "gov", "mil", "int", "info", "biz", "name", "mobi", "museum", "jobs"),
        *("app", "dev", "news", "blog", "online", "site", "website", "xyz", "tech", "cloud", "page", "link"),
        *("shop", "store", "club", "live", "media", "art", "design", "agency", "studio", "world", "life"),
        *("email", "press", "social", "space", "today", "wiki", "events", "foundation", "academy", "health"),
    }
)
#: Two letters that end a file's name more often than a host's; all others are taken for a country.
_FILE_ENDINGS = frozenset({"md", "py", "js", "sh", "pl", "rs", "ps", "so", "gz", "cc", "ts", "db", "xz"})


def scheme_of(address: str) -> str:
    """The scheme of *address* in lower case, read as a browser would; empty if it has none."""
    if _TOKEN.match(address):
        return ""
    match = _SCHEME.match(_INVISIBLE.sub("", address))
    return match[0].lower() if match else ""


def forgotten_scheme(address: str) -> str | None:
    """What a relative *address* was meant as if it looks like a web or mail address, else None.

    A first segment such as ``example.com`` is a host if its last label is a common top-level domain or a
    country's; ``notes.md`` and ``other.html`` are files.
    """
    if _MAILBOX.fullmatch(address):
        return f"mailto:{address}"
    host = re.split(r"[/?#]", address, maxsplit=1)[0]
    match = _HOST.fullmatch(host)
    if match is None:
        return None
    last = match[1].lower()
    country = len(last) == 2 and (last not in _FILE_ENDINGS or address[len(host) :].startswith("/"))
    return f"https://{address}" if country or last in _TOP_LEVEL or host.startswith("www.") else None
