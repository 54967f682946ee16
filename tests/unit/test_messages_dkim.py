"""DKIM signatures, judged by dkimpy."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fakes.editions import message
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import ConfigError
from newsletter.messages.dkim import DkimSigner, read_key

if TYPE_CHECKING:
    from pathlib import Path

KEY = rsa.generate_private_key(65537, 2048)
SIGNER = DkimSigner("example.com", "press", KEY)


def dns(name: bytes, timeout: int = 5) -> bytes:
    assert name == b"press._domainkey.example.com."
    public = KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return b"v=DKIM1; k=rsa; p=" + b64encode(public)


def holds(signed: bytes) -> bool:
    return dkim.verify(signed, dnsfunc=dns)


def sign(content: bytes) -> bytes:
    return SIGNER.sign(content) + content


def test_a_message_of_ours_verifies() -> None:
    content = message("jürgen@bücher.example", text="Grüße.\n", smtputf8=True).as_bytes()

    assert holds(sign(content))


@settings(deadline=None, max_examples=100)
@given(
    subject=st.text(st.sampled_from("ab :;\t=ü"), max_size=30),
    folds=st.integers(0, 3),
    body=st.lists(st.sampled_from([b"", b".", b" ", b"text  ", b"\t", b"DKIM-Signature: x"]), max_size=8),
)
def test_whatever_stands_in_it_verifies(subject: str, folds: int, body: list[bytes]) -> None:
    """Folded fields, blanks anywhere, bodies that end in several lines or in none."""
    value = subject.strip().encode()
    head = b"From:  a@example.com\r\nSubject: x" + b"\r\n  " * folds + value + b"\r\nX-Other: y\r\n"

    assert holds(sign(head + b"\r\n" + b"\r\n".join(body)))


@pytest.mark.parametrize("name", ["List-Unsubscribe", "List-Unsubscribe-Post", "From", "Subject"])
def test_nobody_can_add_a_second_field_of_what_matters(name: str) -> None:
    """RFC 8058 wants both fields of one-click signed; each is named once more than it is there."""
    signed = sign(message().as_bytes())

    assert holds(b"X-Other: fine\r\n" + signed)
    assert not holds(f"{name}: <https://evil.example/>\r\n".encode() + signed)


@pytest.mark.parametrize(
    "name",
    [
        "From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post",
        "List-Id", "Feedback-ID", "MIME-Version", "Content-Type",
    ],
)  # fmt: skip
def test_nobody_can_change_a_field(name: str) -> None:
    signed = sign(message().as_bytes())
    field = next(line for line in signed.split(b"\r\n") if line.startswith(f"{name}: ".encode()))

    assert not holds(signed.replace(b"\r\n" + field, b"\r\n" + field + b"x"))


def test_nobody_can_change_the_body() -> None:
    signed = sign(message(text="Good morning.\n").as_bytes())

    assert not holds(signed.replace(b"Good", b"Food"))


def write(path: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Path:
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


def test_a_key_is_read_from_its_file(tmp_path: Path) -> None:
    key = read_key(write(tmp_path / "dkim.pem", KEY))

    assert key.private_numbers() == KEY.private_numbers()


def test_a_key_that_cannot_sign_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("no key")
    other = write(tmp_path / "other.pem", ec.generate_private_key(ec.SECP256R1()))

    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_key(tmp_path / "missing.pem")
    with pytest.raises(ConfigError, match="no private key"):
        read_key(tmp_path / "text.pem")
    with pytest.raises(ConfigError, match="must be RSA"):
        read_key(other)
