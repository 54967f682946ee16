"""SpamAssassin’s opinion, if there is a spamd to be asked: the one rule that shows a draft to somebody."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

from newsletter.checks.spam import SPAM_SCORE
from newsletter.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from newsletter.checks.finding import Finding
    from newsletter.checks.subject import Subject

#: In seconds; spamd looks things up in the network itself.
TIMEOUT = 60.0
PORT = 783
_SCORE = re.compile(r"^Spam:\s*\w+\s*;\s*(-?[\d.]+)\s*/\s*(-?[\d.]+)", re.MULTILINE | re.IGNORECASE)


def ask(address: str, message: bytes) -> tuple[float, tuple[str, ...]]:
    """The score of *message* and the names of the tests that it failed, by the spamd at *address*.

    Args:
        address: ``host`` or ``host:port``.
        message: a whole message.

    Raises:
        ConfigError: spamd is not there, or does not answer as the SPAMC protocol 1.5 says.
    """
    host, _, port = address.partition(":")
    head = f"SYMBOLS SPAMC/1.5\r\nContent-length: {len(message)}\r\n\r\n".encode()
    try:
        with socket.create_connection((host, int(port or PORT)), TIMEOUT) as connection:
            connection.sendall(head + message)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"spamd at {address} does not answer: {error}",
            where="newsletter.toml: [checks]",
            hint="start it, or take `spamd` out",
        ) from error
    score = _SCORE.search(answer)
    if not score:
        raise ConfigError(f"what answers at {address} is no spamd", where="newsletter.toml: [checks]")
    symbols = answer.partition("\r\n\r\n")[2].strip()
    return float(score[1]), tuple(name.strip() for name in symbols.split(",") if name.strip())


def spam_score(message: bytes) -> Callable[[Subject], Iterator[Finding]]:
    """What asks spamd about *message*, for `check_edition`."""

    def look(subject: Subject) -> Iterator[Finding]:
        if not subject.settings.spamd:
            return
        score, tests = ask(subject.settings.spamd, message)
        if score >= subject.settings.spam_score:
            yield subject.finding(
                SPAM_SCORE,
                f"SpamAssassin gives it {score:g} points, {subject.settings.spam_score:g} or more is spam",
                hint=f"it counts {', '.join(tests)}" if tests else "",
            )

    return look
