"""Who asks: what a proxy tells is believed of trusted proxies only."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.web.proxies import Proxies, network_of

TRUSTED = ("127.0.0.0/8", "10.0.0.0/8", "::1")


def seen(peer, *headers, scheme="http"):
    """What the application is told of a request from *peer* with *headers*."""
    told = {}

    async def app(scope, receive, send):
        told.update(scope)

    scope = {
        "type": "http",
        "client": (peer, 1) if peer else None,
        "scheme": scheme,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }
    asyncio.run(Proxies(app, trusted=TRUSTED)(scope, None, None))
    return told["client"][0], told["scheme"], told["state"]["direct"]


@pytest.mark.parametrize(
    ("peer", "told", "client", "scheme"),
    [
        ("10.0.0.1", [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "https")], "203.0.113.7", "https"),
        ("10.0.0.1", [("x-forwarded-for", "1.1.1.1, 203.0.113.7")], "203.0.113.7", "http"),
        ("10.0.0.1", [("x-forwarded-for", "1.1.1.1, 203.0.113.7, 10.9.9.9")], "203.0.113.7", "http"),
        ("10.0.0.1", [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "203.0.113.7")], "203.0.113.7", "http"),
        ("10.0.0.1", [("x-forwarded-for", "[2001:db8::1]:4711")], "2001:db8::1", "http"),
        ("10.0.0.1", [("x-forwarded-for", "203.0.113.7:80")], "203.0.113.7", "http"),
        ("10.0.0.1", [("forwarded", 'for=1.1.1.1, for="[2001:db8::1]:80";proto=https')], "2001:db8::1", "https"),
        ("10.0.0.1", [("forwarded", "for=203.0.113.7;proto=https, for=10.1.1.1")], "203.0.113.7", "https"),
        ("::ffff:10.0.0.1", [("x-forwarded-for", "203.0.113.7")], "203.0.113.7", "http"),
    ],
)  # fmt: skip
def test_of_a_trusted_proxy_the_last_hop_that_is_none_is_the_client(peer, told, client, scheme):
    assert seen(peer, *told) == (client, scheme, False)


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "x-real-ip", "client-ip"])
def test_a_client_cannot_give_itself_another_address_or_scheme(name):
    """Proxy header spoofing: the connection itself is believed."""
    told = seen("198.51.100.9", (name, "for=127.0.0.1"), (name, "127.0.0.1"), ("x-forwarded-proto", "https"))

    assert told == ("198.51.100.9", "http", False)


def test_a_trusted_proxy_that_names_nobody_is_told_apart():
    assert seen("127.0.0.1") == ("127.0.0.1", "http", True)
    assert seen("127.0.0.1", ("x-forwarded-for", "10.0.0.7")) == ("10.0.0.7", "http", True)
    assert seen("") == ("", "http", False)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["forwarded", "x-forwarded-for", "x-forwarded-proto"]), st.text(
    st.characters(max_codepoint=255), max_size=200)), max_size=5))  # fmt: skip
def test_whatever_stands_in_the_headers_is_read_without_an_error(headers):
    _, scheme, _ = seen("127.0.0.1", *headers)

    assert scheme in {"http", "https"}


def test_a_network_is_one_ipv4_address_or_a_64_of_ipv6():
    assert network_of("203.0.113.7") == "203.0.113.7"
    assert network_of("::ffff:203.0.113.7") == "203.0.113.7"
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert network_of("not an address") == "unknown"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "unknown"),
    ],
)
def test_neighbours_are_counted_together(address: str, network: str) -> None:
    """Where a form makes us mail somebody, an IPv4 address counts as its /24."""
    assert network_of(address, ipv4_bits=24) == network
