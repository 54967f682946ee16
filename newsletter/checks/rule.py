"""What a rule is: its name, how bad it is, why it exists and on whose word, and an example of both kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from newsletter.checks.finding import Severity

#: Where an example stands: the body of an issue, its front matter, ``newsletter.toml``, a ``theme.toml``,
#: HTML that a theme adds to the body of the mail, a whole document, or the plain text.
Where = Literal["body", "front", "publication", "theme", "html", "document", "text"]


@dataclass(frozen=True)
class Rule:
    """One rule, as docs/rules.md tells it.

    Attributes:
        id: its name, for settings and waivers.
        severity: how bad what it finds is, unless it says otherwise of one case.
        reason: one sentence that says why it exists.
        source: where that is said: a standard, a law, or who measured it.
        failing: an example that it accuses.
        passing: the same, put right.
        where: where both stand.
    """

    id: str
    severity: Severity
    reason: str
    source: str
    failing: str
    passing: str
    where: Where = "body"
