"""Return paths that name a delivery, and that nobody else can write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.identity import delivery_id
from newsletter.messages.return_path import ReturnPath

BOUNCES = ReturnPath("bounce@bounces.example.com", [b"old key", b"new key"])


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**63 - 1))
def test_an_address_names_its_delivery(secret: bytes, subscriber_id: int) -> None:
    """Also when a server on the way changed its capitals; its local part has 64 octets at most."""
    name = delivery_id(secret, subscriber_id)
    address = BOUNCES.address(name)

    assert BOUNCES.read(address) == BOUNCES.read(address.upper()) == name
    assert address.startswith(f"bounce+{name}.")
    assert address.endswith("@bounces.example.com")
    assert len(address.rpartition("@")[0]) <= 64


@given(st.integers(0, 47), st.sampled_from("abc234"))
def test_a_changed_address_names_nobody(place: int, character: str) -> None:
    """Whoever knows one address, or a delivery's name from a Message-ID, can make up no other."""
    address = BOUNCES.address(delivery_id(b"x" * 32, 7))
    changed = address[:place] + character + address[place + 1 :]

    assert BOUNCES.read(changed) is None or changed == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "bounce@bounces.example.com",
        "bounce+@bounces.example.com",
        "bounce+a.b@bounces.example.com",
        "x+y",
    ],
)
def test_another_address_names_nobody(address: str) -> None:
    assert BOUNCES.read(address) is None


def test_older_keys_are_believed_and_others_are_not() -> None:
    name = delivery_id(b"x" * 32, 7)

    assert BOUNCES.read(ReturnPath("bounce@bounces.example.com", [b"old key"]).address(name)) == name
    assert BOUNCES.read(ReturnPath("bounce@bounces.example.com", [b"another"]).address(name)) is None
    assert BOUNCES.read(ReturnPath("bounce@other.example", [b"new key"]).address(name)) is None


def test_what_is_no_delivery_goes_to_the_mailbox() -> None:
    """Test messages have no line in the ledger."""
    assert BOUNCES.address("test-1a2b3c4d-1") == "bounce@bounces.example.com"
