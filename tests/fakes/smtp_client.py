"""Our side of an SMTP conversation, as short as tests of the other side need it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence

from newsletter.config import SmtpSettings
from newsletter.messages import Message
from newsletter.providers import Outcome, Verdict
from newsletter.providers.smtp import Login, SmtpProvider


def provider(
    port: int, login: Login | None = None, trust: ssl.SSLContext | None = None, **settings: object
) -> SmtpProvider:
    """The provider for a server on *port* of this machine."""
    values = {"host": "127.0.0.1", "port": port, "timeout": 60.0, **settings}
    checked = SmtpSettings.model_validate(values)
    return SmtpProvider(checked, sender="news@example.com", login=login, tls=trust)


def send(to: SmtpProvider, batch: Sequence[Message]) -> dict[str, Outcome]:
    """What becomes of each message of a batch, by its delivery id."""
    with to.connect() as connection:
        return {outcome.delivery_id: outcome for outcome in connection.send(batch)}


def verdicts(outcomes: dict[str, Outcome]) -> list[Verdict]:
    """The verdicts alone, in order."""
    return [outcome.verdict for outcome in outcomes.values()]


def once(step: str, reply: str) -> Callable[[str, str], str | None]:
    """A script that gives *reply* the first time that *step* comes."""
    left = [reply]
    return lambda seen, _: left.pop() if seen == step and left else None
