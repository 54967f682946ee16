"""What an SMTP server's reply means for a message: the enhanced status code first, then the three digits.

| reply | outcome |
| --- | --- |
| 2xx | accepted |
| 5.x.x, other than below | rejected: it is about the recipient, or this message to them |
| 5.2.2 (mailbox full), 552 without an enhanced code, class 4 | deferred |
| class 5, and `codes.toml` says that it is about us | refused: it says nothing of the recipient |
| 421, or no code at all | the connection is over; before the final dot nothing was handed over |
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.providers.base import Verdict
from newsletter.providers.codes import ENHANCED, read_refusal

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_GREYLISTED = re.compile(r"gr[ae]y-?list", re.IGNORECASE)
_QUEUE_ID = re.compile(r"(?:queued as|\bid=|message accepted for delivery, id) *<?([\w.@-]+)", re.IGNORECASE)
#: Replies that ask for a login (RFC 4954, section 6).
NOT_LOGGED_IN = {530, 534, 535, 538}
#: The least wait after a greylisting reply, in seconds (RFC 6647, section 4.3: servers open after minutes).
GREYLIST_WAIT = 300.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered: the code of three digits (-1 if there was none) and its text on one line."""

    code: int
    text: str

    @property
    def positive(self) -> bool:
        """The command was taken."""
        return 200 <= self.code <= 399

    @property
    def final(self) -> bool:
        """The server ends the connection (421, RFC 5321, 3.8), or speaks no SMTP."""
        return self.code == 421 or self.code < 200

    @property
    def about_login(self) -> bool:
        """The server wants another login, or any."""
        return self.code in NOT_LOGGED_IN

    @property
    def enhanced(self) -> tuple[int, int, int] | None:
        """Class, subject and detail of a refusal's enhanced status code (RFC 3463), if it has one."""
        match = ENHANCED.match(self.text)
        return (int(match[1]), int(match[2]), int(match[3])) if match else None

    @property
    def verdict(self) -> Verdict:
        """What a reply to RCPT, DATA or the whole message means for it."""
        if 200 <= self.code <= 299:
            return Verdict.ACCEPTED
        if not 400 <= self.code <= 599:
            return Verdict.UNCERTAIN
        enhanced = self.enhanced
        if self.code == 421 or enhanced == (5, 2, 2) or (enhanced is None and self.code == 552):
            return Verdict.DEFERRED
        if (enhanced[0] if enhanced else self.code // 100) == 4:
            return Verdict.DEFERRED
        return Verdict.REFUSED if read_refusal(str(self)).of_us else Verdict.REJECTED

    @property
    def refusal(self) -> Verdict:
        """What this reply means when it refused the message before its end: never that anything was taken."""
        verdict = self.verdict
        return verdict if verdict in (Verdict.REJECTED, Verdict.REFUSED) else Verdict.DEFERRED

    @property
    def wait(self) -> float:
        """Seconds before which there is no use in trying again, as far as the reply tells."""
        return GREYLIST_WAIT if 400 <= self.code <= 499 and _GREYLISTED.search(self.text) else 0.0

    @property
    def queue_id(self) -> str:
        """The server's own name for a message that it took, or nothing."""
        found = _QUEUE_ID.search(self.text)
        return found[1] if found else ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip() if self.code > 0 else f"no reply of SMTP: {self.text}"


def one_line(answer: bytes | str) -> str:
    """What a server said, on one line of at most 300 characters and without control characters."""
    decoded = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return _CONTROL.sub(" ", decoded).strip()[:300]
