"""SendGrid's signature under the events that it posts, verified without trusting anything in the request."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from sendgrid.helpers.eventwebhook import EventWebhook

from newsletter.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

#: The headers of a signed request
#: (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features).
SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
#: A signature of ECDSA with P-256 in base64 has under 100 characters; nothing longer is looked at.
_LONGEST = 200
#: How far our clock may be behind SendGrid's, in seconds.
_AHEAD = 300
#: The lines around a key in a PEM file.
_FRAME = re.compile(r"-----[A-Z ]+-----")


class Verifier:
    """Knows whether SendGrid signed a request (ECDSA with SHA-256 over the timestamp and the raw body).

    The library raises all kinds of errors for what is no signature; here, whatever it raises means no.

    Args:
        key: the verification key, as SendGrid's settings show it: base64 of a DER public key.
        hours: refuse what was signed longer ago; None: what is old is as good.
        clock: the present moment in seconds since the epoch.

    Raises:
        ConfigError: it is no such key.
    """

    def __init__(self, key: str, *, hours: int | None = None, clock: Callable[[], float] = time.time) -> None:
        try:
            self._webhook = EventWebhook("".join(_FRAME.sub("", key).split()))
        except Exception as error:
            raise ConfigError(
                "this is no verification key of SendGrid's event webhook",
                where="sendgrid.webhook_key",
                hint="copy it from Settings, Mail Settings, Event Webhooks, Security Features",
            ) from error
        self._hours = hours
        self._clock = clock

    def accepts(self, body: bytes, signature: str | None, timestamp: str | None) -> bool:
        """Whether SendGrid signed *body* with *timestamp*; a request is the same however often it comes."""
        if not signature or not timestamp or len(signature) > _LONGEST or not self._is_moment(timestamp):
            return False
        try:
            # The library adds the timestamp to text and encodes it again: strictly decoded, it is the same.
            return bool(self._webhook.verify_signature(body.decode("utf-8"), signature, timestamp))
        except Exception:  # noqa: BLE001 - binascii.Error, TypeError, ValueError and more: none is a yes
            return False

    def _is_moment(self, timestamp: str) -> bool:
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            return False
        age = self._clock() - int(timestamp)
        return self._hours is None or -_AHEAD <= age <= self._hours * 3600
