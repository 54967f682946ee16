"""What can be set of the readers' web service: who stands before it, how much it takes, what it tells."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from newsletter.config.values import Section, checked
from newsletter.measures import parse_rate


def _network(value: str) -> str:
    try:
        ip_network(value, strict=False)
    except ValueError:
        raise ValueError("is no network; write `10.0.0.0/8` or `::1`") from None
    return value


def _host(value: str) -> str:
    if value == "*" or re.fullmatch(r"[A-Za-z0-9._-]+|[0-9a-fA-F:.]+", value):
        return value.lower()
    raise ValueError("is no host name; write `news.example.com`, without scheme and port, or `*` for any")


def _request_rate(value: str) -> str:
    if value != "off":
        parse_rate(value)
    return value


Network = Annotated[str, AfterValidator(_network)]
HostName = Annotated[str, AfterValidator(_host)]
RequestRate = Annotated[str, checked(_request_rate)]


class WebSettings(Section):
    """How `newsletter serve` stands on the internet: docs/serving.md."""

    trusted_proxies: tuple[Network, ...] = ("127.0.0.0/8", "::1")
    hosts: tuple[HostName, ...] = ()
    rate: RequestRate = "20/second"
    post_rate: RequestRate = "60/minute"
    connections: int = Field(default=1000, ge=1)
    request_seconds: int = Field(default=15, ge=1)
    log: Literal["off", "text", "json"] = "off"
    log_clients: bool = False
    metrics: bool = False
    metrics_token_file: str | None = None
