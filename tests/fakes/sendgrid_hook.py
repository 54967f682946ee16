"""SendGrid's event webhook: what it would tell of the requests that the fake took, signed, and as badly ordered."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

#: When the first event happens, in seconds since the epoch.
BEGAN = 1_775_894_400


@dataclass
class Signer:
    """SendGrid's end of the webhook: a key, and the headers that sign a body with it."""

    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def key(self) -> str:
        """The verification key, as SendGrid's settings show it."""
        der = self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    def headers(self, body: bytes, timestamp: int | str = BEGAN) -> dict[str, str]:
        """What a signed request has beside its body."""
        signature = self.private.sign(str(timestamp).encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": str(timestamp),
            "Content-Type": "application/json",
        }


def told_of(
    person: dict[str, Any],
    body: dict[str, Any],
    words: Iterable[str],
    *,
    request: str = "request1",
    at: int = BEGAN,
) -> Iterator[dict[str, Any]]:
    """The events of one recipient of a request, one for each of *words* (``delivered``, ``bounce``, …)."""
    arguments = {**body.get("custom_args", {}), **person.get("custom_args", {})}
    email = person["to"][0]["email"]
    for number, word in enumerate(words):
        event = {
            "email": email,
            "timestamp": at + number,
            "event": word,
            "sg_event_id": f"{word}-{arguments['newsletter_delivery']}-{number}",
            "sg_message_id": f"{request}.filter0001.16648.5515E0B88.0",
            "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
            **arguments,
        }
        yield {**event, **MORE.get(word, {})}


#: What the events of a kind have beside what all have.
MORE: dict[str, dict[str, Any]] = {
    "delivered": {"response": "250 2.0.0 OK"},
    "deferred": {"response": "451 4.3.0 try again later", "attempt": "1"},
    "bounce": {"type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 no such mailbox here"},
    "dropped": {"reason": "Bounced Address", "status": "5.0.0"},
    "open": {"useragent": "Mozilla/5.0", "ip": "192.0.2.1", "sg_machine_open": True},
    "click": {"url": "https://example.com/there", "useragent": "Mozilla/5.0", "ip": "192.0.2.1"},
    "group_unsubscribe": {"asm_group_id": 1},
}


def as_sent(
    events: Iterable[dict[str, Any]], random: Random, *, copies: int = 1, size: int = 1000
) -> list[bytes]:
    """The bodies in which events come: *copies* of each, some under new ids, in any order, in requests of a *size*."""
    every = []
    for event in events:
        every.append(event)
        for number in range(1, copies):
            again = (
                {**event, "sg_event_id": f"{event['sg_event_id']}-{number}"}
                if random.random() < 0.5
                else event
            )
            every.append(again)
    random.shuffle(every)
    return [json.dumps(every[start : start + size]).encode() for start in range(0, len(every), size)]
