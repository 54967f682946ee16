"""One engine for the command line, the studio and the gate before `send`: every rule, the worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.checks import content, looks, media, merging, raw_html, size
from newsletter.checks.finding import Finding, Severity, Subject

if TYPE_CHECKING:
    from newsletter.config import PublicationSettings
    from newsletter.editions import Edition, Theme
    from newsletter.issues import Document, Issue

RULES = (*content.RULES, *looks.RULES, *media.RULES, *merging.RULES, *raw_html.RULES, *size.RULES)
_ORDER = list(Severity)


def check_edition(
    issue: Issue,
    document: Document,
    edition: Edition,
    publication: PublicationSettings,
    theme: Theme | None = None,
) -> list[Finding]:
    """What every rule finds in an edition, the issue it was compiled from, and the theme, the worst first."""
    subject = Subject(issue, document, edition, publication, theme)
    found = [finding for rule in RULES for finding in rule(subject)]
    return sorted(
        found, key=lambda finding: (_ORDER.index(finding.severity), finding.line or 0, finding.rule)
    )
