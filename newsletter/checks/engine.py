"""One engine for the command line, the studio and the gate before `send`: every rule, the worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.checks import content, media, merging, raw_html, size
from newsletter.checks.finding import Finding, Severity, Subject

if TYPE_CHECKING:
    from newsletter.config import PublicationSettings
    from newsletter.editions import Edition
    from newsletter.issues import Document, Issue

RULES = (*content.RULES, *media.RULES, *merging.RULES, *raw_html.RULES, *size.RULES)
_ORDER = list(Severity)


def check_edition(
    issue: Issue, document: Document, edition: Edition, publication: PublicationSettings
) -> list[Finding]:
    """What every rule finds in an edition and the issue it was compiled from, the worst first."""
    subject = Subject(issue, document, edition, publication)
    found = [finding for rule in RULES for finding in rule(subject)]
    return sorted(
        found, key=lambda finding: (_ORDER.index(finding.severity), finding.line or 0, finding.rule)
    )
