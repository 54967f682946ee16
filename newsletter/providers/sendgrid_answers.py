"""What each answer of SendGrid means for those in the request: one table, and how an answer is read.

A request is taken or refused as a whole. There is no idempotency key, so where nobody can know whether it was
taken it is not made again. Statuses: https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/responses.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from http.client import HTTPMessage
    from random import Random

#: For at most so many seconds a request that came too early is held back.
LONGEST_WAIT = 60.0
#: What is wrong with a recipient: the address, or the values. All else in a personalization is ours, such as
#: headers, and would be refused for each of them.
_PLACE = re.compile(r"personalizations[.\[](\d+)\]?(?:\.(?:to|substitutions)\b|$)")


class Then(StrEnum):
    """What is done about an answer."""

    ACCEPT = "accepted"
    PARK = "whom it names is `rejected`, the others go into a new request; if it names nobody, held"
    KEY = "held: the key is refused"
    HALVE = "two requests of half the size; `rejected` if it is for one recipient"
    WAIT = (
        "wait until `X-RateLimit-Reset` or `Retry-After`, a minute at most, then again;"
        " held after five times in vain"
    )
    DEFER = "deferred"
    DOUBT = "uncertain"
    UNAVAILABLE = "uncertain; once more first, if `unavailable` says `retry`"
    HOLD = "held"


@dataclass(frozen=True)
class Rule:
    """Statuses from *first* to *last*, whether the request may have been taken, and what is done."""

    first: int
    last: int
    taken: str
    then: Then

    @property
    def statuses(self) -> str:
        """The statuses for people."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


#: The first rule that has a status counts. "Held" ends the run; whoever is pending stays so, for `resume`.
RULES = (
    Rule(202, 202, "yes", Then.ACCEPT),
    # 200 is what the sandbox says, or somebody in between: not a send.
    Rule(200, 299, "no", Then.HOLD),
    Rule(300, 399, "no: never followed", Then.HOLD),
    Rule(400, 400, "no", Then.PARK),
    Rule(401, 401, "no", Then.KEY),
    Rule(403, 403, "no", Then.KEY),
    Rule(408, 408, "no: it did not arrive whole", Then.DEFER),
    Rule(413, 413, "no", Then.HALVE),
    Rule(429, 429, "no", Then.WAIT),
    Rule(402, 499, "no", Then.HOLD),
    Rule(503, 503, "perhaps", Then.UNAVAILABLE),
    # The refusal may come from in between, after the request was taken behind it.
    Rule(500, 599, "perhaps", Then.DOUBT),
)


def rule(status: int) -> Rule:
    """What is done about *status*; one that HTTP does not know leaves everybody in doubt."""
    return next((each for each in RULES if each.first <= status <= each.last), RULES[-1])


def table() -> str:
    """The rules as a Markdown table, for the docs."""
    lines = ["| answer | was it taken? | what is done |", "| --- | --- | --- |"]
    lines += [f"| {each.statuses} | {each.taken} | {each.then} |" for each in RULES]
    return "\n".join(lines)


@dataclass(frozen=True)
class Complaint:
    """An error answer, read."""

    status: int
    #: The status and the first message.
    reason: str
    #: Those whom it names, by their place in the request, with the reason of each.
    named: Mapping[int, str]

    @classmethod
    def read(cls, status: int, phrase: str, body: bytes) -> Complaint:
        """The complaint in *body*, or what the status says if there is none.

        ``errors`` is a list of objects with ``message`` and ``field``, such as ``personalizations.3.to``.
        """
        errors = list(_errors(body))
        reason = _short(status, errors[0][0] if errors else phrase)
        named = {
            int(place[1]): _short(status, message)
            for message, field in reversed(errors)
            if (place := _PLACE.match(field))
        }
        return cls(status, reason, named)


def seconds_until_reset(headers: HTTPMessage, random: Random) -> float:
    """How long to wait after 429: ``X-RateLimit-Reset`` is a moment in seconds since 1970.

    Without it, ``Retry-After`` counts (RFC 9110, section 10.2.3), else a second. Up to a second more by
    chance keeps those who were refused together from coming back together.
    """
    try:
        seconds = float(headers.get("X-RateLimit-Reset") or "") - time.time()
    except ValueError:
        seconds = _retry_after(headers.get("Retry-After") or "")
    return max(0.0, min(seconds, LONGEST_WAIT)) + random.random()


def _retry_after(text: str) -> float:
    """Seconds, or those until a date; one where it says neither."""
    with suppress(ValueError):
        return float(text)
    with suppress(ValueError):
        return parsedate_to_datetime(text).timestamp() - time.time()
    return 1.0


def _errors(body: bytes) -> Iterator[tuple[str, str]]:
    """Message and field of each error; whatever has another form is left out."""
    try:
        errors = json.loads(body)["errors"]
    except (ValueError, LookupError, TypeError):
        return
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, dict) and error.get("message"):
            yield str(error["message"]), str(error.get("field") or "")


def _short(status: int, message: str) -> str:
    return f"{status} {' '.join(message.split())}"[:300]
