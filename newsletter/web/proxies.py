"""Who asks, and over which scheme: what a proxy tells of it is believed of trusted proxies only."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from ipaddress import IPv4Address

    from newsletter.web.asgi import App, Receive, Scope, Send

#: A client writes these headers as long as it likes; so many hops are looked at, from the right.
MOST_HOPS = 32
_PAIR = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*')


class Proxies:
    """ASGI middleware: puts the real client and scheme into the scope, as trusted proxies tell them.

    Each proxy adds the address that it was asked from at the right, so the list is read from there, and the
    first that is no trusted proxy is the client: what stands left of it the client may have made up
    (RFC 7239 section 8.1). Without a trusted proxy before it, the connection itself is believed.

    It also sets ``scope["state"]["direct"]``: whether nobody but a trusted proxy could be named.

    Args:
        app: the application behind it.
        trusted: networks such as ``10.0.0.0/8``.
    """

    def __init__(self, app: App, *, trusted: Iterable[str]) -> None:
        self._app = app
        self._trusts = trusting(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name the client and the scheme, then pass the request on."""
        if scope["type"] == "http":
            self._look(scope)
        await self._app(scope, receive, send)

    def _look(self, scope: Scope) -> None:
        peer = scope["client"][0] if scope.get("client") else ""
        trusted = self._trusts(peer)
        client = peer
        if trusted:
            hops, scheme = _told(scope)
            # At most so many, or a long header would cost more than the request.
            for hop in reversed(hops[-MOST_HOPS:]):
                client = hop
                if not self._trusts(hop):
                    break
            if scheme in {"http", "https"}:
                scope["scheme"] = scheme
        scope["client"] = (client, 0)
        scope.setdefault("state", {})["direct"] = trusted and self._trusts(client)


def trusting(networks: Iterable[str]) -> Callable[[str], bool]:
    """What tells whether an address is in one of the *networks*, such as ``10.0.0.0/8``."""
    known = [ip_network(each, strict=False) for each in networks]

    @lru_cache(maxsize=4096)
    def trusts(address: str) -> bool:
        parsed = parse_address(address)
        return parsed is not None and any(
            parsed in network for network in known if network.version == parsed.version
        )

    return trusts


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """The IP address that *text* is, a mapped IPv4 address as such; None if it is none."""
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed


def is_loopback(client: str) -> bool:
    """Whether a client is this machine itself."""
    parsed = parse_address(client)
    return parsed is not None and parsed.is_loopback


def network_of(client: str, *, ipv4_bits: int = 32) -> str:
    """The network that a client is counted as: of an IPv4 address so many bits, of an IPv6 address the /64.

    A provider gives each customer a /64 or more (RFC 6177 section 2), so one address of it says nothing.
    """
    parsed = parse_address(client)
    if parsed is None:
        return "unknown"
    bits = 64 if isinstance(parsed, IPv6Address) else ipv4_bits
    return str(parsed) if bits == 32 else str(ip_network(f"{parsed}/{bits}", strict=False))


def _told(scope: Scope) -> tuple[list[str], str]:
    """The hops and the scheme of the last of them: of Forwarded (RFC 7239), or of the X- headers."""
    headers: dict[bytes, list[str]] = {}
    for name, value in scope["headers"]:
        if name in (b"forwarded", b"x-forwarded-for", b"x-forwarded-proto"):
            headers.setdefault(name, []).append(value.decode("latin-1"))
    if b"forwarded" in headers:
        return _forwarded(",".join(headers[b"forwarded"]))
    hops = [_bare(each) for each in ",".join(headers.get(b"x-forwarded-for", [])).split(",") if each.strip()]
    proto = ",".join(headers.get(b"x-forwarded-proto", [])).rpartition(",")[2].strip().lower()
    return hops, proto


def _forwarded(header: str) -> tuple[list[str], str]:
    hops, scheme = [], ""
    for element in re.split(r",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", header[-4096:])[-MOST_HOPS:]:
        pairs = {match[1].lower(): match[2] or match[3] or "" for match in _PAIR.finditer(element)}
        if "for" in pairs:
            hops.append(_bare(pairs["for"]))
        scheme = pairs.get("proto", scheme).lower()
    return hops, scheme


def _bare(node: str) -> str:
    """The address of a node without port and brackets: ``[2001:db8::1]:4711``, ``192.0.2.1:80``."""
    node = node.strip().strip('"')
    if node.startswith("["):
        return node[1:].partition("]")[0]
    return node.partition(":")[0] if node.count(":") == 1 else node
