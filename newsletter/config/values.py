"""The kinds of values that settings have, each checked with a reason when it does not fit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from newsletter.measures import parse_rate

if TYPE_CHECKING:
    from collections.abc import Callable

_ADDRESS = r"[^\s<>@]+@[^\s<>@]+"
_MAILBOX = re.compile(
    rf'\s*(?:(?P<name>"(?:[^"\\]|\\.)*"|[^<>]*?)\s*<(?P<address>{_ADDRESS})>|(?P<bare>{_ADDRESS}))\s*'
)
_DOMAIN = re.compile(r"(?!-)[a-z0-9-]+(\.[a-z0-9-]+)+")

#: The shape of RFC 5646, section 2.1, without its registry of subtags; no language has more than three
#: letters there yet, so that `english` is none.
LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")


def split_mailbox(mailbox: str) -> tuple[str, str]:
    """The display name and the address of a mailbox as people write it: ``Smith, Ann <ann@example.com>``."""
    match = _MAILBOX.fullmatch(mailbox)
    if match is None:
        return "", ""
    name, address = match["name"] or "", match["address"] or match["bare"]
    quoted = re.fullmatch(r'"((?:[^"\\]|\\.)*)"', name)
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else name, address


def _mailbox(value: str) -> str:
    _, address = split_mailbox(value)
    if not address or re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("is no mailbox; write `Name <name@example.com>`")
    return value


def _web_address(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", value):
        raise ValueError("is no web address; write `https://news.example.com`")
    return value.rstrip("/")


def _language(value: str) -> str:
    if not LANGUAGE_TAG.fullmatch(value):
        raise ValueError("is no language tag; write `en`, `de` or `pt-BR`")
    return value


def checked(parse: Callable[[str], object]) -> AfterValidator:
    """A check that *parse* understands the text, which is kept as it was written."""

    def check(value: str) -> str:
        parse(value)
        return value

    return AfterValidator(check)


def _domain(value: str) -> str:
    """A domain in the form by which addresses are compared: ASCII, lower case."""
    try:
        domain = value.strip().rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        domain = ""
    if not _DOMAIN.fullmatch(domain):
        raise ValueError("is no domain; write `gmail.com`")
    return domain


def _bare_address(value: str) -> str:
    if not re.fullmatch(r"[^\s<>@+]+@[^\s<>@]+", value) or not value.isascii():
        raise ValueError("is no address for bounces; write `bounce@bounces.example.com`, without a `+`")
    # RFC 5321, 4.5.3.1.1: 64 octets before the `@`, of which `+DELIVERY.SIGNATURE` takes 42.
    if len(value.partition("@")[0]) > 22:
        raise ValueError("is too long an address for bounces: before the `@` it may have 22 characters")
    return value


def _domains(value: dict[str, int]) -> dict[str, int]:
    return {name.lower(): count for name, count in value.items()}


Mailbox = Annotated[str, AfterValidator(_mailbox)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Language = Annotated[str, AfterValidator(_language)]
Rate = Annotated[str, checked(parse_rate)]
Domain = Annotated[str, AfterValidator(_domain)]
BareAddress = Annotated[str, AfterValidator(_bare_address)]
#: How many of something each domain may have, by its name in lower case.
DomainCounts = Annotated[dict[str, Annotated[int, Field(ge=1)]], AfterValidator(_domains)]


class Section(BaseModel):
    """A section of ``newsletter.toml``: a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
