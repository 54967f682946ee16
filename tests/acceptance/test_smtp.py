"""`newsletter send` over SMTP with everything that the settings can ask for."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fakes.smtp import smtp_server

from newsletter.messages.return_path import ReturnPath
from subscribers import open_engine
from subscribers.keys import secret_keys
from subscribers.models import KeyPurpose

if TYPE_CHECKING:
    from acceptance.conftest import Letter

SETTINGS = """
[delivery]
provider = "smtp"
[smtp]
port = {port}
return_path = "bounce@bounces.example.com"
dkim = {{ selector = "press", key_file = "dkim.pem" }}
domains = {{ "*" = 2 }}
"""


def test_messages_are_signed_and_bounces_are_told_apart(letter: Letter) -> None:
    """Every message verifies, and the return path of each names its line in `newsletter log`."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (letter.root / "dkim.pem").write_bytes(pem)
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    toml = letter.root / "newsletter.toml"
    with smtp_server() as server:
        toml.write_text(toml.read_text() + SETTINGS.format(port=server.port))
        letter.ok("send", "plain", "--yes")
        lines = [json.loads(line) for line in letter.ok("log", "plain-1", "--json").out.splitlines()]

    def dns(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"press._domainkey.example.com."
        return b"v=DKIM1; k=rsa; p=" + b64encode(public)

    assert {line["state"] for line in lines} == {"accepted"}
    assert {recipient for recipient, _ in server.messages} == {line["email"] for line in lines}
    assert all(dkim.verify(content, dnsfunc=dns) for _, content in server.messages)
    engine = open_engine(f"sqlite:///{letter.root / 'newsletter.db'}")
    bounces = ReturnPath("bounce@bounces.example.com", secret_keys(engine, KeyPurpose.BOUNCES))
    engine.dispose()
    senders = [line[11:].partition(">")[0] for line in server.commands if line.startswith("MAIL FROM:<")]
    assert {f"<{bounces.read(sender)}@example.com>" for sender in senders} == {
        line["message_id"] for line in lines
    }
